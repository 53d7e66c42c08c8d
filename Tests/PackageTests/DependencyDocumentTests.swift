import SystemPackage
import TestSupport
import Testing

@Suite("docs/dependencies.md")
struct DependencyDocumentTests {
  private func text(_ name: String) throws -> String {
    String(decoding: try readBytes(Manifest.root.appending(name)), as: UTF8.self)
  }

  /// The names that start a line of the document's lists, as `name`, `name`: reason.
  private func explained() throws -> Set<String> {
    var names: Set<String> = []
    for line in try text("docs/dependencies.md").split(separator: "\n") where line.hasPrefix("- `") {
      let head = line.split(separator: ":", maxSplits: 1)[0]
      for (index, part) in head.split(separator: "`").enumerated() where index % 2 == 1 {
        names.insert(String(part))
      }
    }
    return names
  }

  @Test("Each package has a line with its reason, and no line is left of one that went")
  func complete() throws {
    var needed = Set(try Manifest().packages)
    let makefile = try text("Makefile").replacing("\\\n", with: " ")
    for line in makefile.split(separator: "\n") {
      let parts = line.split { $0 == " " || $0 == "\t" }.map(String.init)
      if parts.count > 2, parts[0].hasSuffix("_PACKAGES"), parts[1] == ":=" { needed.formUnion(parts[2...]) }
    }
    #expect(needed.contains("libarchive-dev") && needed.contains("podman") && needed.contains("swift-system"))
    let explained = try explained()
    #expect(needed.subtracting(explained).sorted() == [])
    #expect(explained.subtracting(needed).sorted() == [])
  }
}
