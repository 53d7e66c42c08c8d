import Glibc
import OCI
import SystemPackage
import TestSupport
import Testing

/// What Package.swift says, as the package manager understands it, and what the sources import.
struct Manifest {
  struct Target {
    var name: String
    var kind: String
    /// The targets and products that it depends on, by name.
    var dependencies: [String]
    /// Where its sources are.
    var folder: FilePath
  }

  /// The package's folder.
  static let root = FilePath(#filePath).removingLastComponent().removingLastComponent()
    .removingLastComponent()

  let targets: [Target]
  /// The identities of the packages that this one depends on.
  let packages: [String]

  /// Asks the package manager. `dump-package` reads the manifest alone: no network, no other package, and
  /// no lock on the build folder, which `swift test` holds.
  init() throws {
    let swift = try #require(Self.search("swift"), "swift is not in PATH")
    let scratch = try TemporaryDirectory()
    let output = try Tool.check(
      swift,
      ["package", "--package-path", Self.root.string, "--scratch-path", scratch.path.string, "dump-package"],
      environment: ["PATH=\(Self.searchPath)", "HOME=\(scratch.path.string)"])
    let document = try JSONValue(parsing: output.output)
    targets = try (document.object?["targets"]?.array ?? []).map { value in
      let target = try #require(value.object)
      let name = try #require(target["name"]?.string)
      let kind = try #require(target["type"]?.string)
      let dependencies = (target["dependencies"]?.array ?? []).compactMap { dependency in
        // {"byName": [NAME, …]} or {"product": [NAME, PACKAGE, …]}
        dependency.object?.members.first?.value.array?.first?.string
      }
      let folder = target["path"]?.string ?? (kind == "test" ? "Tests/\(name)" : "Sources/\(name)")
      return Target(name: name, kind: kind, dependencies: dependencies, folder: Self.root.appending(folder))
    }
    packages = (document.object?["dependencies"]?.array ?? []).compactMap {
      $0.object?.members.first?.value.array?.first?.object?["identity"]?.string
    }
    try #require(targets.count > 20)
    try #require(!packages.isEmpty)
  }

  /// The modules that a target's sources import, with the files that do.
  func imports(of target: Target) throws -> [String: [String]] {
    var result: [String: [String]] = [:]
    let list = try Tool.check("find", [target.folder.string, "-name", "*.swift", "-type", "f"]).text
    for file in list.split(separator: "\n").sorted() {
      let text = String(decoding: try readBytes(FilePath(String(file))), as: UTF8.self)
      for line in text.split(separator: "\n") {
        guard let module = Self.importedModule(line) else { continue }
        result[module, default: []].append(String(file.dropFirst(Self.root.string.count + 1)))
      }
    }
    return result
  }

  /// The module of a line like `@testable public import struct A.B`; nil for any other.
  static func importedModule(_ line: Substring) -> String? {
    let words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
    guard let position = words.firstIndex(of: "import"), position + 1 < words.count else { return nil }
    let before: Set<String> = ["public", "package", "internal", "fileprivate", "private"]
    guard words[..<position].allSatisfy({ before.contains($0) || $0.hasPrefix("@") }) else { return nil }
    let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
    let name = kinds.contains(words[position + 1]) ? words.dropFirst(position + 2).first : words[position + 1]
    return name?.split { $0 == "." || $0 == ";" }.first.map(String.init)
  }

  private static var searchPath: String { getenv("PATH").map { String(cString: $0) } ?? "" }

  private static func search(_ name: String) -> String? {
    searchPath.split(separator: ":").map { $0 + "/" + name }.first { access($0, X_OK) == 0 }
  }
}
