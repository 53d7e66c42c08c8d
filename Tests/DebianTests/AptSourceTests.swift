import Debian
import Testing

@Suite struct AptSourceTests {
  private func parse(_ text: String, _ format: AptSource.Format? = nil) throws -> [AptSource] {
    try AptSource.parse(Array(text.utf8), format: format, file: "f")
  }

  @Test func `a line with options is read`() throws {
    let source = try #require(
      try parse(
        "  deb [arch=amd64,arm64 signed-by=/k/a.gpg,/k/b.gpg trusted=yes check-valid-until=no lang=none] "
          + "http://example.org/debian trixie main contrib # why\n"
      ).first)
    #expect(source.kinds == [.binary])
    #expect(source.architectures == ["amd64", "arm64"])
    #expect(source.signedBy == .names(["/k/a.gpg", "/k/b.gpg"]))
    #expect(source.trusted == true)
    #expect(source.checkValidUntil == false)
    #expect(source.uris == ["http://example.org/debian"])
    #expect(source.suites == ["trixie"])
    #expect(source.components == ["main", "contrib"])
    #expect(source.line == 1)
  }

  @Test(arguments: [
    ("deb file:/srv ./", ["file:/srv"], ["./"], []),
    (
      "deb\tcdrom:[Debian 12 _x_ - amd64]/ bookworm main", ["cdrom:[Debian 12 _x_ - amd64]/"], ["bookworm"],
      ["main"]
    ),
    ("deb [ signed-by=\"/a b.gpg\" ] http://example.org/ s c", ["http://example.org/"], ["s"], ["c"]),
    ("deb-src http://example.org/ s c\r", ["http://example.org/"], ["s"], ["c"]),
  ])
  func `odd lines are read as apt reads them`(
    _ line: String, _ uris: [String], _ suites: [String], _ components: [String]
  ) throws {
    let source = try #require(try parse(line).first)
    #expect(source.uris == uris)
    #expect(source.suites == suites)
    #expect(source.components == components)
  }

  @Test(arguments: [
    ("# a\n\nrpm http://example.org/ s c", "f:3: \"rpm\" where deb or deb-src was expected"),
    ("deb", "f:1: the field URI is missing"),
    ("deb http://example.org/", "f:1: the field Suite is missing"),
    ("deb http://example.org/ trixie", "f:1: the field Components is missing"),
    ("deb http://example.org/ ./ main", "f:1: \"main\" is no value for Components"),
    ("deb [arch=amd64 http://example.org/ s c", "f:1: a [ that is not closed"),
    ("deb [trusted] http://example.org/ s c", "f:1: \"trusted\" is no value for options"),
    ("deb [trusted=perhaps] http://example.org/ s c", "f:1: \"perhaps\" is no value for trusted"),
    ("deb \"http://example.org/ s c", "f:1: a \" that is not closed"),
  ])
  func `a bad line is refused with its number`(_ text: String, _ message: String) {
    let error = #expect(throws: SyntaxError.self) { try parse(text, .oneLine) }
    #expect(error?.description == message)
  }

  @Test func `paragraphs are read`() throws {
    let sources = try parse(
      """
      # the machine's
      Types: deb deb-src
      URIs: http://example.org/debian
        http://example.org/other
      Suites: trixie trixie-updates
      Components: main
      Signed-By: /usr/share/keyrings/a.gpg

      Types: deb
      URIs: http://example.org/x
      Suites: ./
      Enabled: no
      Trusted: yes
      Check-Valid-Until: no
      Architectures: amd64
      Signed-By:
       -----BEGIN PGP PUBLIC KEY BLOCK-----
       .
       mDMEZ
       -----END PGP PUBLIC KEY BLOCK-----
      """)
    #expect(sources.count == 2)
    #expect(sources[0].kinds == [.binary, .source])
    #expect(sources[0].uris == ["http://example.org/debian", "http://example.org/other"])
    #expect(sources[0].suites == ["trixie", "trixie-updates"])
    #expect(sources[0].signedBy == .names(["/usr/share/keyrings/a.gpg"]))
    #expect(sources[0].line == 2)
    #expect(sources[1].enabled == false)
    #expect(sources[1].trusted == true)
    #expect(sources[1].checkValidUntil == false)
    #expect(sources[1].line == 9)
    let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ\n-----END PGP PUBLIC KEY BLOCK-----"
    #expect(sources[1].signedBy == .embedded(key))
  }

  @Test(arguments: [
    ("Types: deb\nURIs: http://example.org/\nComponents: main\n", "f:1: the field Suites is missing"),
    ("\nTypes: rpm\nURIs: x:/\nSuites: s\nComponents: c\n", "f:2: \"rpm\" is no value for Types"),
    ("Types: deb\nURIs: x:/\nSuites: s\n", "f:1: the field Components is missing"),
    (
      "Types: deb\nURIs: x:/\nSuites: s\nComponents: c\nEnabled: maybe\n",
      "f:5: \"maybe\" is no value for Enabled"
    ),
  ])
  func `a bad paragraph is refused with its line`(_ text: String, _ message: String) {
    let error = #expect(throws: SyntaxError.self) { try parse(text, .deb822) }
    #expect(error?.description == message)
  }

  @Test(arguments: [
    ("# deb822\nTypes: deb\n", AptSource.Format.deb822), ("\n\n  deb http://example.org/ s c\n", .oneLine),
    ("deb[arch=amd64] http://example.org/ s c\n", .oneLine), ("deb-src\tx:/ s c", .oneLine),
    ("#deb x\n\n", nil), ("debian: x\n", .deb822),
  ])
  func `the format is seen from the first line`(_ text: String, _ format: AptSource.Format?) {
    #expect(AptSource.format(of: Array(text.utf8)) == format)
  }

  @Test func `what is written reads as the same`() throws {
    let text = "deb [arch=amd64 signed-by=/a.gpg trusted=yes check-valid-until=no] http://example.org/ s c d"
    let source = try #require(try parse(text).first)
    #expect(source.lines() == [text])
    var again = try #require(try parse(source.paragraph()).first)
    again.line = source.line
    #expect(again == source)
    var keyed = source
    keyed.signedBy = .embedded(
      "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----")
    #expect(keyed.lines() == nil)
    #expect(try parse(keyed.paragraph()).first?.signedBy == keyed.signedBy)
  }
}
