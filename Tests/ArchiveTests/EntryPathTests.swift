import Archive
import Testing

@Suite("Paths inside an image")
struct EntryPathTests {
  @Test(
    "are normalised",
    arguments: [
      ("/a/g", "a/g"), ("./a/g", "a/g"), ("a/g", "a/g"), ("a//g/", "a/g"), ("a/./g", "a/g"), (".", "."),
      ("/", "."), ("..data", "..data"), ("a/..b", "a/..b"), (".wh.x", ".wh.x"),
    ])
  func normalised(_ name: String, _ expected: String) throws {
    #expect(try EntryPath(name).description == expected)
  }

  @Test("stand depth first, siblings bytewise")
  func order() throws {
    let sorted = ["", "a", "a/x", "a/x/y", "a/x.y", "a.b", "a0", "ab", "b"]
    let paths = try sorted.map { try EntryPath($0) }
    #expect(paths.shuffled().sorted().map(\.bytes) == paths.map(\.bytes))
  }

  @Test("are bytes: names that Unicode calls equal differ")
  func bytes() throws {
    #expect(try EntryPath("e\u{301}") != EntryPath("\u{e9}"))
  }

  @Test("contain what is below them, not what has a longer name")
  func containment() throws {
    let path = try EntryPath("a/b")
    #expect(path.contains(try EntryPath("a/b/c")))
    #expect(path.contains(path))
    #expect(!path.contains(try EntryPath("a/bc")))
    #expect(EntryPath.root.contains(path))
  }
}
