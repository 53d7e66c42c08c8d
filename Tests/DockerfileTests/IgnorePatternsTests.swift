import Dockerfile
import Testing

/// Expectations from moby's own table (TestMatches in patternmatcher_test.go) and docker's documentation.
@Suite struct IgnorePatternsTests {
  static let table: [(pattern: String, path: String, isIgnored: Bool)] = [
    ("**", "file", true), ("**", "dir/file", true), ("**/", "file", true), ("**/", "dir/file", true),
    ("**/**", "file", true), ("**/**", "dir/file", true), ("dir/**", "dir/file", true),
    ("dir/**", "dir/dir2/file", true), ("dir/**/", "dir/file", true), ("dir/**", "dir/dir2/file", true),
    ("**/dir", "dir", true), ("**/dir", "dir/file", true), ("**/dir2/*", "dir/dir2/file", true),
    ("**/dir2/*", "dir/dir2/file/", true), ("**/dir2/**", "dir/dir2/dir3/file", true),
    ("**file", "file", true), ("**file", "dir/file", true), ("**/file", "dir/file", true),
    ("**file", "dir/dir/file", true), ("**/file", "dir/dir/file", true), ("**/file*", "dir/dir/file", true),
    ("**/file*", "dir/dir/file.txt", true), ("**/file*txt", "dir/dir/file.txt", true),
    ("**/file*.txt", "dir/dir/file.txt", true), ("**/file*.txt*", "dir/dir/file.txt", true),
    ("**/**/*.txt", "dir/dir/file.txt", true), ("**/**/*.txt2", "dir/dir/file.txt", false),
    ("**/*.txt", "file.txt", true), ("**/**/*.txt", "file.txt", true), ("a**/*.txt", "a/file.txt", true),
    ("a**/*.txt", "a/dir/file.txt", true), ("a**/*.txt", "a/dir/dir/file.txt", true),
    ("a/*.txt", "a/dir/file.txt", false), ("a/*.txt", "a/file.txt", true),
    ("a/*.txt**", "a/file.txt", true), ("a[b-d]e", "ae", false), ("a[b-d]e", "ace", true),
    ("a[b-d]e", "aae", false), ("a[^b-d]e", "aze", true), (".*", ".foo", true), (".*", "foo", false),
    ("abc.def", "abcdef", false), ("abc.def", "abc.def", true), ("abc.def", "abcZdef", false),
    ("abc?def", "abcZdef", true), ("abc?def", "abcdef", false), ("a\\\\", "a\\", true),
    ("**/foo/bar", "foo/bar", true), ("**/foo/bar", "dir/foo/bar", true),
    ("**/foo/bar", "dir/dir2/foo/bar", true), ("abc/**", "abc", false), ("abc/**", "abc/def", true),
    ("abc/**", "abc/def/ghi", true), ("**/.foo", ".foo", true), ("**/.foo", "bar.foo", false),
    ("a(b)c/def", "a(b)c/def", true), ("a(b)c/def", "a(b)c/xyz", false), ("a.|)$(}+{bc", "a.|)$(}+{bc", true),
    (
      "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl",
      "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", true
    ),
    ("dist/*.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", true),
    ("a\\*b", "a*b", true), ("a\\", "a", false),
  ].filter { $0.0 != "a\\" }

  @Test(arguments: table)
  func one(_ pattern: String, _ path: String, _ isIgnored: Bool) throws {
    let patterns = try IgnorePatterns(parsing: Array(pattern.utf8))
    let path = path.hasSuffix("/") ? String(path.dropLast()) : path
    #expect(patterns.ignores(Array(path.utf8)) == isIgnored, "\(pattern) and \(path)")
  }

  static let lists: [(String, [String: Bool])] = [
    ("*\n!a\n", ["a": false, "b": true, "a/x": false]), ("!a\n*\n", ["a": true]),
    ("a\n!a/b\n", ["a": true, "a/b": false, "a/c": true, "a/b/c": false]),
    (
      "*.md\n!README*.md\nREADME-secret.md\n", ["README-x.md": false, "README-secret.md": true, "o.md": true]
    ),
    ("*.md\nREADME-secret.md\n!README*.md\n", ["README-secret.md": false]),
    ("# a\n  # b\n", ["# a": false, "a": false, "# b": true]), ("\u{feff}a\n", ["a": true]),
    ("/a/\n./b//c\n", ["a": true, "a/x": true, "b/c": true, "b": false, "x/a": false]),
    ("a/../b\n", ["b": true, "a": false]), (" ! a \nb\n", ["a": false, "b": true]),
    ("\n\r\n \n", ["": false]),
    ("a\r\n!b\r\n", ["a": true]), (".\n", ["a": false]), ("/\n", ["a": false]), ("..\n../x\n", ["x": false]),
  ]

  @Test(arguments: lists)
  func several(_ text: String, _ paths: [String: Bool]) throws {
    let patterns = try IgnorePatterns(parsing: Array(text.utf8))
    for (path, isIgnored) in paths {
      #expect(patterns.ignores(Array(path.utf8)) == isIgnored, "\(text) and \(path)")
    }
  }

  @Test(arguments: ["[a", "x\n!", "a\n[", "[]", "[^]", "[a-]", "[-a]", "a\\"])
  func malformed(_ text: String) {
    #expect(throws: DockerfileError.self) { try IgnorePatterns(parsing: Array(text.utf8)) }
  }

  @Test("Long patterns take no more than their share of time")
  func hostile() throws {
    let pattern = String(repeating: "**/*a*", count: 200)
    let patterns = try IgnorePatterns(parsing: Array(pattern.utf8))
    #expect(!patterns.ignores([UInt8](repeating: 0x61, count: 150) + [0x62]))
  }
}

/// Expectations from Go's own table (path/filepath/match_test.go).
@Suite struct FilePatternTests {
  static let table: [(String, String, Bool?)] = [
    ("abc", "abc", true), ("*", "abc", true), ("*c", "abc", true), ("a*", "a", true), ("a*", "abc", true),
    ("a*", "ab/c", false), ("a*/b", "abc/b", true), ("a*/b", "a/c/b", false),
    ("a*b*c*d*e*/f", "axbxcxdxe/f", true), ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
    ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false), ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false),
    ("a*b?c*x", "abxbbxdbxebxczzx", true), ("a*b?c*x", "abxbbxdbxebxczzy", false), ("ab[c]", "abc", true),
    ("ab[b-d]", "abc", true), ("ab[e-g]", "abc", false), ("ab[^c]", "abc", false), ("ab[^b-d]", "abc", false),
    ("ab[^e-g]", "abc", true), ("a\\*b", "a*b", true), ("a\\*b", "ab", false), ("a?b", "a☺b", true),
    ("a[^a]b", "a☺b", true), ("a???b", "a☺b", false), ("a[^a][^a][^a]b", "a☺b", false),
    ("[a-ζ]*", "α", true), ("*[a-ζ]", "A", false), ("a?b", "a/b", false), ("a*b", "a/b", false),
    ("[\\]a]", "]", true), ("[\\-]", "-", true), ("[x\\-]", "x", true), ("[x\\-]", "-", true),
    ("[x\\-]", "z", false), ("[\\-x]", "x", true), ("[]a]", "]", nil), ("[-]", "-", nil), ("[x-]", "x", nil),
    ("[-x]", "x", nil), ("\\", "a", nil), ("[a-b-c]", "a", nil), ("[", "a", nil), ("[^", "a", nil),
    ("[^bc", "a", nil), ("a[", "a", nil), ("a[", "ab", nil), ("*x", "xxx", true),
  ]

  @Test(arguments: table)
  func matches(_ pattern: String, _ name: String, _ expected: Bool?) {
    #expect(FilePattern(pattern)?.matches(Array(name.utf8)) == expected)
  }
}

@Suite struct ModeChangeTests {
  static let modes: [(String, UInt16, Bool, UInt16?)] = [
    ("755", 0o644, false, 0o755), ("0600", 0o777, false, 0o600), ("4755", 0, false, 0o4755),
    ("7777", 0, true, 0o7777), ("10000", 0, false, nil), ("9", 0, false, nil), ("", 0, false, nil),
    ("u+x", 0o644, false, 0o744), ("+x", 0o644, false, 0o755), ("a-w", 0o666, false, 0o444),
    ("go=", 0o777, false, 0o700), ("u=rwx,go=rX", 0o600, false, 0o755), ("u=rw,go=rX", 0o600, false, 0o644),
    ("go=rX", 0o600, true, 0o644 | 0o011), ("a+X", 0o644, false, 0o644), ("a+X", 0o744, false, 0o755),
    ("g=u", 0o640, false, 0o660), ("o=g", 0o640, false, 0o644), ("u+s", 0o755, false, 0o4755),
    ("g+s", 0o755, true, 0o2755), ("+t", 0o777, true, 0o1777), ("u-s", 0o4755, false, 0o755),
    ("u=rwx", 0o4755, false, 0o755), ("u+x-w", 0o644, false, 0o544), ("ug+rw,o-r", 0o444, false, 0o660),
    ("x", 0, false, nil), ("u", 0, false, nil), ("u+q", 0, false, nil), ("u+x,", 0, false, nil),
  ]

  @Test(arguments: modes)
  func changes(_ text: String, _ mode: UInt16, _ isDirectory: Bool, _ expected: UInt16?) {
    #expect(ModeChange(text)?.applied(to: mode, isDirectory: isDirectory) == expected, "\(text)")
  }
}
