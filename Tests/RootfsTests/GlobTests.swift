import Archive
import Rootfs
import Testing

@Suite struct GlobTests {
  struct Case: CustomTestStringConvertible {
    let pattern: String
    let matching: [String]
    let others: [String]
    var testDescription: String { pattern }
  }

  static let cases: [Case] = [
    // Anchored or at any depth.
    Case(pattern: "/a", matching: ["a", "a/"], others: ["b/a", "ab", "a/b"]),
    Case(pattern: "a", matching: ["a", "b/a", "b/c/a/"], others: ["ab", "a/b", "ba"]),
    Case(pattern: "a/b", matching: ["a/b", "x/a/b"], others: ["a/x/b", "xa/b", "a/b/c"]),
    Case(pattern: "/a/b", matching: ["a/b"], others: ["x/a/b"]),
    Case(pattern: "./a//b", matching: ["a/b", "x/a/b"], others: ["a"]),
    // Stars.
    Case(pattern: "*.gz", matching: ["x.gz", "a/.gz", "a/b.c.gz"], others: ["x.gzz", "x.gz/y", "xgz"]),
    Case(pattern: "/*", matching: ["a", ".a"], others: ["a/b"]),
    Case(pattern: "a*b*c", matching: ["abc", "aXbXbXc", "abcbc"], others: ["ac", "abcd", "acb"]),
    Case(pattern: "*a*a*a*a*b", matching: ["aaaab"], others: ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]),
    Case(
      pattern: "/usr/share/doc/*/copyright", matching: ["usr/share/doc/x/copyright"],
      others: ["usr/share/doc/copyright", "usr/share/doc/x/y/copyright", "a/usr/share/doc/x/copyright"]),
    // Double stars.
    Case(pattern: "/a/**/z", matching: ["a/z", "a/b/z", "a/b/c/z"], others: ["a", "z", "a/z/b", "b/a/z"]),
    Case(pattern: "/a/**", matching: ["a/b", "a/b/c"], others: ["a", "ab"]),
    Case(pattern: "**", matching: ["a", "a/b"], others: []),
    Case(pattern: "**/x", matching: ["x", "a/x", "a/b/x"], others: ["x/a"]),
    Case(pattern: "/**/**/x/**/**", matching: ["x/a", "b/x/a/c"], others: ["x", "a/x"]),
    Case(pattern: "/a/x**y", matching: ["a/xy", "a/xzy"], others: ["a/x/y"]),
    // Single characters: UTF-8 where it is one.
    Case(pattern: "/a?c", matching: ["abc", "a\u{e9}c", "a\u{1f600}c"], others: ["ac", "abbc", "a/c"]),
    Case(
      pattern: "/[a-c\u{e0}-\u{ef}]x", matching: ["ax", "cx", "\u{e9}x"], others: ["dx", "\u{f1}x", "x"]),
    Case(pattern: "/[!a-c]x", matching: ["dx", "\u{e9}x"], others: ["ax", "x", "/x"]),
    Case(pattern: "/[^]]", matching: ["a", "["], others: ["]"]),
    Case(pattern: "/[]-]", matching: ["]", "-"], others: ["a", "["]),
    Case(pattern: "/[a\\]b]", matching: ["]", "a", "b"], others: ["\\"]),
    // Taken literally.
    Case(pattern: "/\\*\\?\\[x", matching: ["*?[x"], others: ["ab[x", "\\*\\?\\[x"]),
    Case(pattern: "/a.c", matching: ["a.c"], others: ["abc"]),
    Case(pattern: "/.*", matching: [".a", "..."], others: ["a"]),
    // Directories only.
    Case(pattern: "cache/", matching: ["cache/", "var/cache/"], others: ["cache", "var/cache"]),
    Case(pattern: "/a/", matching: ["a/"], others: ["a", "b/a/"]),
  ]

  /// A `/` at the end of a path says that it is a directory.
  @Test(arguments: cases) func matches(_ test: Case) throws {
    let glob = try Glob(test.pattern)
    for path in test.matching {
      #expect(try glob.matches(EntryPath(path), isDirectory: path.hasSuffix("/")), "\(path) matches")
    }
    for path in test.others {
      #expect(try !glob.matches(EntryPath(path), isDirectory: path.hasSuffix("/")), "\(path) doesn't match")
    }
    #expect(!glob.matches(.root, isDirectory: true))
  }

  @Test func namesThatAreNotUTF8() throws {
    let name = try EntryPath(normalising: [0x61, 0xe4, 0xff, 0x62])
    #expect(try Glob("/a??b").matches(name, isDirectory: false))
    #expect(try Glob("/a*b").matches(name, isDirectory: false))
    #expect(try Glob("/a[!x][!y]b").matches(name, isDirectory: false))
    #expect(try !Glob("/a?b").matches(name, isDirectory: false))
    #expect(try Glob([0x61, 0xe4, 0x2a]).matches(name, isDirectory: false))
    // Equal to Unicode, but two files.
    #expect(try !Glob("/e\u{301}").matches(EntryPath("\u{e9}"), isDirectory: false))
  }

  @Test(arguments: [
    ("", "names nothing"), ("/", "names nothing"), ("./", "names nothing"), ("a/../b", "has a \"..\" part"),
    ("a[b", "has a \"[\" without \"]\""), ("[]", "has a \"[\" without \"]\""),
    ("[z-a]", "has a range that ends before it starts"),
    ("[[:alpha:]]", "has a named set of characters, which is not supported"),
    ("a\\", "ends with a single \"\\\""), ("a\0b", "has a NUL byte"),
  ]) func badPatterns(_ pattern: String, _ problem: String) {
    let error = #expect(throws: GlobError.self) { try Glob(pattern) }
    #expect(error?.description.hasSuffix(problem) == true)
  }

  // A matcher that tries all ways would not end before the sun does.
  @Test(.timeLimit(.minutes(1))) func hostilePatternsEnd() throws {
    let glob = try Glob(Array(repeating: "**/*a*a*a*", count: 50).joined(separator: "/") + "/b")
    let path = try EntryPath(Array(repeating: "aaaaaaaaaaaaaaaaaaaaaaaa", count: 200).joined(separator: "/"))
    #expect(!glob.matches(path, isDirectory: false))
  }
}
