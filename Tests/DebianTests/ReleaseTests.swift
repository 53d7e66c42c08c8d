import Debian
import Testing

@Suite struct ReleaseTests {
  @Test(arguments: [
    ("Thu, 01 Jan 1970 00:00:00 UTC", 0), ("Sat, 09 Aug 2025 11:12:13 UTC", 1_754_737_933),
    ("Thu, 29 Feb 2024 23:59:59 UTC", 1_709_251_199), ("Fri, 1 Mar 2024 00:00:00 GMT", 1_709_251_200),
    ("Tue, 31 Dec 2030 00:00:00 +0000", 1_924_905_600),
  ])
  func `dates are seconds`(_ text: String, _ seconds: Int64) throws {
    #expect(try ReleaseFile(Array("Date: \(text)\n".utf8), file: "f").date == seconds)
  }

  @Test(arguments: [
    "yesterday", "Sat, 09 Aug 2025 11:12:13 CEST", "Sat, 09 Bug 2025 11:12:13 UTC", "32 Jan 2025 1:1:1 UTC",
    "09 Aug 2025 11:12 UTC", "-9 Aug 2025 11:12:13 UTC", "09 Aug 99999999999999999999 11:12:13 UTC",
  ])
  func `a malformed date is refused`(_ text: String) {
    #expect(throws: SyntaxError.self) { try ReleaseFile(Array("Origin: x\nDate: \(text)\n".utf8), file: "f") }
  }

  @Test func `the armour of a signed file is skipped`() throws {
    let text = """
      -----BEGIN PGP SIGNED MESSAGE-----
      Hash: SHA512

      Origin: Debian
      Suite: stable
      Codename: trixie
      Date: Sat, 09 Aug 2025 11:12:13 UTC
      Valid-Until: Sat, 16 Aug 2025 11:12:13 UTC
      SHA256:
       \(String(repeating: "0", count: 64)) 1 main/x
      -----BEGIN PGP SIGNATURE-----

      Date: no
      -----END PGP SIGNATURE-----
      """
    let release = try ReleaseFile(Array(text.utf8), file: "f")
    #expect(release.origin == "Debian")
    #expect(release.suite == "stable")
    #expect(release.codename == "trixie")
    #expect(release.date == 1_754_737_933)
    #expect(release.validUntil == 1_755_342_733)
  }

  @Test func `nothing is no release`() {
    for text in ["", "\n\n", "-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP SIGNED MESSAGE-----\n\n"] {
      #expect(throws: SyntaxError.self) { try ReleaseFile(Array(text.utf8), file: "f") }
    }
  }
}

@Suite struct SuitesTests {
  @Test(arguments: [
    ("trixie", "trixie-updates", "trixie-security"), ("bookworm", "bookworm-updates", "bookworm-security"),
    ("buster", "buster-updates", "buster/updates"), ("stable", "stable-updates", "stable-security"),
    ("oldstable", "oldstable-updates", "oldstable-security"),
  ])
  func `a release has updates and security updates`(_ suite: String, _ updates: String, _ security: String)
    throws
  {
    let companions = try #require(Suites.known.companions(of: suite))
    #expect(companions.updates == updates)
    #expect(companions.security == security)
  }

  @Test(arguments: ["sid", "unstable", "testing", "forky", "experimental", "trixie-backports", "noble", ""])
  func `what is no release has none`(_ suite: String) {
    #expect(Suites.known.companions(of: suite) == nil)
  }

  @Test func `the table of distro-info-data is read`() throws {
    let text = """
      version,codename,series,created,release,eol,eol-lts
      12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11,2028-06-30
      14,Forky,forky,2025-08-09
      ,Sid,sid,1993-08-16

      """
    let suites = try Suites(csv: Array(text.utf8), file: "f")
    #expect(suites.releases.map(\.codename) == ["bookworm", "forky", "sid"])
    #expect(suites.releases.map(\.version) == [12, 14, nil])
    #expect(suites.releases.map(\.released) == ["2023-06-10", nil, nil])
    #expect(suites.companions(of: "forky") == nil)
    #expect(!suites.isDebian("trixie"))
    let error = #expect(throws: SyntaxError.self) { try Suites(csv: Array("a,b\n".utf8), file: "f") }
    #expect(error?.description == "f:1: the field version is missing")
  }

  @Test(arguments: [
    ("trixie-updates", "trixie"), ("trixie-security", "trixie"), ("buster/updates", "buster"),
    ("sid", "sid"), ("trixie-proposed-updates", "trixie"), ("x-backports-sloppy", "x"),
    ("-updates", "-updates"),
  ])
  func `a suite's base is what is before the suffix`(_ suite: String, _ base: String) {
    #expect(Suites.base(of: suite) == base)
  }
}
