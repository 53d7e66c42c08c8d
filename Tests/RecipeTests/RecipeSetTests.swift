import Posix
import Recipe
import SystemPackage
import TestSupport
import Testing

@Suite("Sets of recipes")
struct RecipeSetTests {
  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  /// Writes a recipe for each name, which needs others: the first as its source, the next as a root.
  private func write(_ recipes: [(name: String, needs: [String])]) throws {
    try folder.write("Dockerfile", "FROM scratch\n")
    for (name, needs) in recipes {
      let images = needs.map { "\($0): \($0)" }.joined(separator: ", ")
      try folder.write("\(name).yaml", "name: \(name)\nsource: {dockerfile: {images: {\(images)}}}\n")
    }
  }

  private func load() throws -> RecipeSet { try RecipeSet(loading: [folder.path]) }

  private func error(_ body: () throws -> Void) throws -> String {
    "\(try #require(throws: RecipeErrors.self) { try body() })".replacing("\(folder.path)/", with: "")
  }

  @Test("Needs come before what needs them, each once, otherwise in the files' order")
  func order() throws {
    try write([("a", ["d", "c"]), ("b", []), ("c", ["d"]), ("d", ["e"]), ("e", []), ("f", ["a", "b"])])
    let set = try load()
    #expect(set.ordered().map(\.name) == ["e", "d", "c", "a", "b", "f"])
    let some = set.ordered(try set.recipes(matching: "c"))
    #expect(some.map(\.name) == ["e", "d", "c"])
  }

  @Test("A long chain is put in order without deep recursion")
  func chain() throws {
    let names = (0..<500).map { "r\($0 + 1000)" }
    try write(names.enumerated().map { ($1, $0 + 1 < names.count ? [names[$0 + 1]] : []) })
    #expect(try load().ordered().map(\.name) == names.reversed())
  }

  @Test("A circle is told once, at the need that closes it")
  func circle() throws {
    try write([("a", ["b"]), ("b", ["c"]), ("c", ["b"]), ("d", ["d"])])
    #expect(
      try error { _ = try load() } == """
        c.yaml:2:35: recipes need one another: b → c → b; one of them must begin with something else
        d.yaml:2:35: recipes need one another: d → d; one of them must begin with something else
        """)
  }

  @Test("A name that two files have is told at the second")
  func sameName() throws {
    try folder.write("a.yaml", "name: x\nsource: {bootstrap: {suite: trixie}}\n")
    try folder.write("b.yaml", "source: {bootstrap: {suite: trixie}}\nname: x\n")
    #expect(
      try error { _ = try load() }
        == "b.yaml:2:7: the name \"x\" is taken: a.yaml:1:7 has it; take another one")
  }

  @Test("An image that isn't made for a platform can't be needed for it")
  func platforms() throws {
    try folder.write("a.yaml", "name: a\nplatforms: [linux/amd64]\nsource: {bootstrap: {suite: trixie}}\n")
    try folder.write("b.yaml", "name: b\nplatforms: [linux/amd64, linux/arm64]\nsource: {recipe: a}\n")
    #expect(
      try error { _ = try load() }
        == "b.yaml:3:18: \"a\" isn't made for linux/arm64; add it to its platforms: a.yaml:1:7")
  }

  @Test("Recipes are found by name, pattern and file")
  func lookup() throws {
    try folder.write("m.yaml", "name: d-${s}\nmatrix: {s: [a, b]}\nsource: {bootstrap: {suite: trixie}}\n")
    try folder.write("n.yaml", "name: other\nsource: {bootstrap: {suite: trixie}}\n")
    let set = try load()
    func names(_ word: String) throws -> [String] { try set.recipes(matching: word).map(\.name) }
    #expect(try names("other") == ["other"])
    #expect(try names("d-*") == ["d-a", "d-b"])
    #expect(try names("?-[b]") == ["d-b"])
    #expect(try names("\(folder.path)/./m.yaml") == ["d-a", "d-b"])
    #expect(set["d-b"]?.name == "d-b")
    #expect(set["d-c"] == nil)
    let typed = #expect(throws: RecipeError.self) { try names("othr") }
    #expect(typed.map { "\($0)" } == "there is no recipe \"othr\"; do you mean \"other\"?")
    let none = #expect(throws: RecipeError.self) { try names("z*") }
    #expect(none.map { "\($0)" } == "no recipe matches \"z*\"")
  }

  @Test("Files and folders that aren't there or have no recipe are errors")
  func missing() throws {
    let empty = folder.appending("empty")
    try makeDirectories(empty)
    #expect(
      try error { _ = try RecipeSet(loading: [folder.appending("no.yaml"), empty]) }
        == "there is no \(folder.path)/no.yaml\nthere is no recipe (*.yaml) in empty".replacing(
          "\(folder.path)/", with: ""))
  }

  @Test("Of a folder, all *.yaml are read but hidden ones, and a link that leads nowhere is told")
  func folders() throws {
    let text = "name: x\nsource: {bootstrap: {suite: trixie}}\n"
    try folder.write("a.yaml", text)
    try folder.write(".b.yaml", "{")
    try folder.write("c.yml", "{")
    try makeDirectories(folder.appending("d.yaml"))
    #expect(try load().recipes.map(\.name) == ["x"])
    try Tool.check("ln", ["-s", "nowhere", folder.appending("e.yaml").string])
    #expect(try error { _ = try load() } == "can't open e.yaml: No such file or directory")
  }

  @Test("What is no text, and what is too large, is refused at its place")
  func bytes() throws {
    let cases: [([UInt8], String)] = [
      (Array("name: é\nsummary: é".utf8) + [0xff], "r.yaml:2:11: this is no UTF-8 text"),
      (Array("name: ".utf8) + [0xe2, 0x82], "r.yaml:1:7: this is no UTF-8 text"),
      ([0xff, 0xfe] + Array("n\0a\0".utf8), "r.yaml:1:1: this is no UTF-8 text"),
      (Array("name: é\nsummary: \"é".utf8) + [0], "r.yaml:2:12: this is no YAML: control characters"),
      (Array("name: \"\\0\"\nsource: {recipe: x}".utf8), "r.yaml:1:7: a text can't hold a NUL"),
      (
        [UInt8](repeating: UInt8(ascii: "#"), count: (1 << 20) + 1),
        "r.yaml:1:1: the file is larger than 1024 KiB"
      ),
      (
        Array(repeating: UInt8(ascii: "["), count: 1 << 20),
        "r.yaml:1:22: this is nested more than 20 levels deep"
      ),
      (Array(("a: &a [" + String(repeating: "*a,", count: 1000) + "]").utf8), "r.yaml:1:4: anchors of YAML"),
    ]
    for (bytes, message) in cases {
      let file = try folder.write("r.yaml", bytes)
      #expect(try error { _ = try RecipeSet(loading: [file]) }.hasPrefix(message))
    }
  }

  @Test("Variables that double one another don't fill the memory")
  func doubling() throws {
    var text = "variables:\n  v0: " + String(repeating: "x", count: 1000) + "\n"
    for index in 1...40 { text += "  v\(index): ${v\(index - 1)}${v\(index - 1)}\n" }
    text += "name: x\nsummary: ${v40}\nsource: {bootstrap: {suite: trixie}}\n"
    let file = try folder.write("r.yaml", text)
    #expect(try error { _ = try RecipeSet(loading: [file]) }.contains("too long with its variables put in"))
  }
}
