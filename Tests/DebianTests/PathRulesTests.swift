import Debian
import Testing

@Suite struct PathRulesTests {
  @Test(arguments: [
    ("/usr/share/doc/a/copyright", false, false), ("/usr/share/doc/a/changelog.gz", false, true),
    ("/usr/share/doc/a", true, false), ("/usr/share/doc", true, false),
    ("/usr/share/man/man1/a.1.gz", false, true),
    ("/usr/share/man/man1", true, true), ("/usr/share/man", true, false),
    ("/usr/share/locale/de", true, true),
    ("/usr/share/locale/de/LC_MESSAGES/a.mo", false, true), ("/usr/share/locale/locale.alias", false, false),
    ("/usr/share/lintian/profiles/a", false, false), ("/usr/bin/a", false, false),
  ])
  func `the slim rules decide as dpkg`(_ path: String, _ isDirectory: Bool, _ isOut: Bool) {
    #expect(PathRules.slim.leavesOut(Array(path.utf8), mayHoldOthers: isDirectory) == isOut)
  }

  @Test func `the last rule that matches wins`() {
    let rules = PathRules([.exclude("/a/*"), .include("/a/b*"), .exclude("/a/bc")])
    #expect(rules.leavesOut(Array("/a/x".utf8), mayHoldOthers: false))
    #expect(!rules.leavesOut(Array("/a/b".utf8), mayHoldOthers: false))
    #expect(!rules.leavesOut(Array("/a/b/c/d".utf8), mayHoldOthers: false))
    #expect(rules.leavesOut(Array("/a/bc".utf8), mayHoldOthers: false))
  }

  @Test func `parents of what is included stay`() {
    let rules = PathRules([.exclude("/usr/*"), .include("/usr/share/doc/*/copyright")])
    for path in ["/usr/share", "/usr/share/doc", "/usr/share/doc/a"] {
      #expect(!rules.leavesOut(Array(path.utf8), mayHoldOthers: true), "\(path)")
    }
    #expect(rules.leavesOut(Array("/usr/shared".utf8), mayHoldOthers: true))
    #expect(rules.leavesOut(Array("/usr/share".utf8), mayHoldOthers: false))
  }
}

@Suite struct KeyringTests {
  private let armoured = """
    -----BEGIN PGP PUBLIC KEY BLOCK-----
    Comment: any

    AAECAwQFBgcICQ==
    =abcd
    -----END PGP PUBLIC KEY BLOCK-----
    """

  @Test func `armour is taken off`() {
    #expect(Keyring.binary(Array(armoured.utf8)) == Array(0...9))
    #expect(Keyring.binary([0x99, 1, 2]) == [0x99, 1, 2])
    #expect(Keyring.binary(Array((armoured + "\n" + armoured).utf8)) == Array(0...9) + Array(0...9))
    #expect(Keyring.binary(Array(armoured.split(separator: "\n").joined(separator: "\r\n").utf8)) != nil)
  }

  @Test func `broken armour is refused`() {
    let lines = armoured.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(Keyring.binary(Array(lines.dropLast().joined(separator: "\n").utf8)) == nil)
    #expect(Keyring.binary(Array(armoured.replacing("AAEC", with: "A*EC").utf8)) == nil)
    #expect(Keyring.binary(Array(armoured.replacing("AAECAwQFBgcICQ==", with: "").utf8)) == nil)
  }
}
