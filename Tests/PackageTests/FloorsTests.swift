import SystemPackage
import Testing

/// The floors of the package: what may import what. A change here is a change of the design.
private let floors: [Set<String>] = [
  [
    "CArchive", "CZstd", "CLZMA", "CBzip2", "CDeflate", "CISAL", "CCrypto", "CCurl", "CYAML",
    "CLinux",
  ],
  ["Posix", "Digest", "Codec", "Archive", "Spelling"],
  ["Rootfs", "OCI", "Debian", "Dockerfile", "Cache", "ELF"],
  [
    "Image", "Fetch", "SizeReport", "Bootstrap", "Squash", "ContextBuild", "SBOM", "Scratch", "Registry",
    "Recipe", "ImageBuild", "CacheContents",
  ],
  [
    "CommandSupport", "garboard", "garboard-import", "garboard-bootstrap", "garboard-report",
    "garboard-squash", "garboard-scratch", "garboard-copy", "garboard-build", "garboard-cache",
  ],
]

/// The imports within a floor, which are exceptions and none of which leads back.
private let sameFloor: [String: Set<String>] = [
  "Codec": ["Posix"],
  "Archive": ["Posix", "Codec"],
  "Bootstrap": ["Fetch"],
  "SizeReport": ["Image"],
  "Squash": ["Image"],
  "ContextBuild": ["Image", "Fetch"],
  "Scratch": ["Image"],
  "Registry": ["Image", "Fetch"],
  "SBOM": ["Image"],
  "Recipe": ["Image", "Bootstrap", "Scratch", "Squash", "SizeReport"],
  "ImageBuild": ["Recipe", "Bootstrap", "Scratch", "ContextBuild", "SizeReport", "Image", "Fetch"],
  "garboard": ["CommandSupport"],
  "garboard-import": ["CommandSupport"],
  "garboard-bootstrap": ["CommandSupport"],
  "garboard-report": ["CommandSupport"],
  "garboard-squash": ["CommandSupport"],
  "garboard-scratch": ["CommandSupport"],
  "garboard-copy": ["CommandSupport"],
  "garboard-build": ["CommandSupport"],
  "garboard-cache": ["CommandSupport"],
]

/// Modules of other packages, and the lowest floor that may import them.
private let products = ["SystemPackage": 1, "ArgumentParser": 4]

/// The one module that imports each C module.
private let importers = [
  "CArchive": "Archive", "CZstd": "Codec", "CLZMA": "Codec", "CBzip2": "Codec", "CDeflate": "Codec",
  "CISAL": "Codec", "CCrypto": "Digest", "CCurl": "Fetch", "CYAML": "Recipe",
  "CLinux": "Posix",
]

@Suite("The floors of the package")
struct FloorsTests {
  let manifest: Manifest
  init() throws { manifest = try Manifest() }

  private func floor(of name: String) -> Int? { floors.firstIndex { $0.contains(name) } }

  private var sources: [Manifest.Target] {
    manifest.targets.filter { $0.kind != "test" && !$0.folder.string.contains("/Tests/") }
  }

  @Test("Every target has its floor, and every name on a floor is a target")
  func complete() {
    #expect(Set(sources.map(\.name)) == floors.reduce(into: []) { $0.formUnion($1) })
  }

  @Test("A target depends only on lower floors, and on its own floor only as listed")
  func downwards() throws {
    for target in sources {
      let own = try #require(floor(of: target.name))
      for dependency in target.dependencies {
        if let lowest = products[dependency] {
          #expect(own >= lowest, "\(target.name) (floor \(own)) depends on \(dependency)")
          continue
        }
        let other = try #require(floor(of: dependency), "\(target.name) depends on \(dependency)")
        let isListed = sameFloor[target.name]?.contains(dependency) ?? false
        #expect(other < own || (other == own && isListed), "\(target.name) depends on \(dependency)")
      }
    }
  }

  @Test("The exceptions within a floor make no circle")
  func noCircles() {
    func reached(from name: String, _ path: [String]) {
      for next in (sameFloor[name] ?? []).sorted() {
        if path.contains(next) {
          Issue.record("a circle: \((path + [next]).joined(separator: " → "))")
        } else {
          reached(from: next, path + [next])
        }
      }
    }
    for name in sameFloor.keys.sorted() { reached(from: name, [name]) }
  }

  @Test("Sources import only what their target declares")
  func declared() throws {
    let own = Set(manifest.targets.map(\.name)).union(products.keys)
    for target in manifest.targets where target.kind != "system" {
      for (module, files) in try manifest.imports(of: target) where own.contains(module) {
        #expect(
          target.dependencies.contains(module) || module == target.name,
          "\(target.name) imports \(module), which Package.swift doesn't say, in \(files)")
      }
    }
  }

  @Test("Each C module is imported by one module")
  func cModules() throws {
    #expect(Set(importers.keys) == floors[0])
    for target in manifest.targets where target.kind != "system" {
      for (module, files) in try manifest.imports(of: target) where floors[0].contains(module) {
        #expect(importers[module] == target.name, "\(module) is imported in \(files)")
      }
      for module in target.dependencies where floors[0].contains(module) {
        #expect(importers[module] == target.name, "\(target.name) depends on \(module)")
      }
    }
  }

  @Test("Nothing imports Foundation; FoundationEssentials is for OCI's JSON alone")
  func noFoundation() throws {
    let forbidden: Set<String> = [
      "Foundation", "FoundationEssentials", "FoundationInternationalization", "FoundationNetworking",
      "FoundationXML", "Dispatch",
    ]
    for target in sources {
      for (module, files) in try manifest.imports(of: target) where forbidden.contains(module) {
        #expect(
          module == "FoundationEssentials" && target.name == "OCI", "\(module) is imported in \(files)")
      }
    }
  }

  @Test("Nothing imports an executable")
  func noExecutables() throws {
    let executables = manifest.targets.filter { $0.kind == "executable" }.map(\.name)
    #expect(executables.contains("garboard-import"))
    let modules = Set(executables.map { $0.replacing("-", with: "_") })
    for target in manifest.targets where target.kind != "system" {
      for (module, files) in try manifest.imports(of: target) {
        #expect(!modules.contains(module), "\(module) is imported in \(files)")
      }
    }
    // A test may only have one built, to run it.
    for target in sources { #expect(Set(executables).isDisjoint(with: target.dependencies)) }
  }

  @Test("Import lines are recognised in all their forms")
  func importForms() {
    #expect(Manifest.importedModule("import A") == "A")
    #expect(Manifest.importedModule("public import A") == "A")
    #expect(Manifest.importedModule("@testable import A // why") == "A")
    #expect(Manifest.importedModule("@_exported public import struct A.B") == "A")
    #expect(Manifest.importedModule("  internal import A.B") == "A")
    #expect(Manifest.importedModule("/// import A") == nil)
    #expect(Manifest.importedModule("let text = \"import A\"") == nil)
  }
}
