import Debian
import TestSupport
import Testing

@Suite("Versions of packages")
struct PackageVersionTests {
  private static let versions = [
    "0", "0-0", "1", "1-0", "0:1", "1:0", "1.0", "1.0-1", "1.0-1.1", "1.0-10", "1.0-2", "1.0~rc1",
    "1.0~rc1-1",
    "1.0~~", "1.0~", "1.0+b1", "1.0+", "1.0a", "1.0-1~bpo12+1", "1.00", "01.0", "2:1.0", "10:0.1", "1.2.3",
    "1.2-3", "1.2-3+deb13u1", "1.2-3+b1", "a", "1a1", "1a01", "1a-1", "20240101", "5.40.1-6+deb13u1",
  ]

  @Test("Every pair stands as dpkg says")
  func dpkg() throws {
    // One shell for all: it prints lt, eq or gt for each pair.
    let script = """
      for a in "$@"; do for b in "$@"; do
        if dpkg --compare-versions "$a" lt "$b" 2>/dev/null; then echo lt
        elif dpkg --compare-versions "$a" eq "$b" 2>/dev/null; then echo eq
        else echo gt; fi
      done; done
      """
    let answers = try Tool.check("sh", ["-c", script, "sh"] + Self.versions).text.split(separator: "\n")
    #expect(answers.count == Self.versions.count * Self.versions.count)
    var index = 0
    for one in Self.versions {
      for other in Self.versions {
        let order = PackageVersion.compare(PackageVersion(one), PackageVersion(other))
        let words = order < 0 ? "lt" : order == 0 ? "eq" : "gt"
        #expect(words == answers[index], "\(one) \(other)")
        index += 1
      }
    }
  }

  @Test("What is a version, and what is left of one without its epoch")
  func forms() {
    for text in ["1", "1:1-1", "1.2~rc+x-0ubuntu1", "1-2-3"] {
      #expect(PackageVersion(text).isValid, "\(text)")
    }
    for text in ["", "a1", "1-", "x:1", "1_2", ":1", "1-1_"] {
      #expect(!PackageVersion(text).isValid, "\(text)")
    }
    #expect(PackageVersion("1:2-3").withoutEpoch == "2-3")
    #expect(PackageVersion("2-3").withoutEpoch == "2-3")
  }
}
