@testable import Bootstrap
import Debian
import Posix
import SystemPackage
import TestSupport
import Testing

@Suite struct MirrorListTests {
  private func named(_ arguments: [String], input: String = "") throws -> MirrorList {
    try MirrorList(named: arguments, suite: "trixie", components: ["main"]) { Array(input.utf8) }
  }

  @Test func `a mirror is a URL, a line, a file or standard input`() throws {
    let folder = try TemporaryDirectory()
    let file = folder.path.appending("x.sources")
    try writeHostFile(file, Array("Types: deb\nURIs: http://example.org/f\nSuites: s\nComponents: c\n".utf8))
    let list = try named(
      ["http://example.org/debian", "deb [trusted=yes] http://example.org/l s c", file.string, "-"],
      input: "deb http://example.org/i s c\n")
    #expect(
      list.mirrors == [
        .uri("http://example.org/debian"), .line("deb [trusted=yes] http://example.org/l s c"), .file(file),
        .standardInput(Array("deb http://example.org/i s c\n".utf8)),
      ])
    #expect(
      list.sources.flatMap(\.uris) == [
        "http://example.org/debian", "http://example.org/l", "http://example.org/f", "http://example.org/i",
      ])
    #expect(list.sources[0].suites == ["trixie"])
    #expect(list.sources[0].components == ["main"])
    #expect(list.sources[1].trusted == true)
    #expect(!list.isDefault)
  }

  @Test func `a short file URL gets its slashes`() throws {
    #expect(try named(["file:/srv/debian"]).mirrors == [.uri("file:///srv/debian")])
  }

  @Test(arguments: [
    (
      "example.org/debian",
      "\"example.org/debian\" is no mirror: a URL, a \"deb …\" line, a file of sources or - is"
    ),
    ("/nowhere/x", "\"/nowhere/x\" is no mirror: a URL, a \"deb …\" line, a file of sources or - is"),
    (
      "http://example.org/ x",
      "\"http://example.org/ x\" is no mirror: a URL, a \"deb …\" line, a file of sources or - is"
    ),
    ("deb http://example.org/", "MIRROR:1: the field Suite is missing"),
    ("", "\"\" is no mirror: a URL, a \"deb …\" line, a file of sources or - is"),
    ("-", "\"-\" is no mirror: a URL, a \"deb …\" line, a file of sources or - is"),
    (
      "deb-src http://example.org/ s c",
      "\"deb-src http://example.org/ s c\" is no mirror: a URL, a \"deb …\" line, a file of sources or - is"
    ),
  ])
  func `what is none is refused`(_ argument: String, _ message: String) {
    let error = #expect(throws: BootstrapError.self) { try named([argument]) }
    #expect(error?.description == message)
  }

  private func machine(_ text: String, suite: String, keep: Bool = true) throws -> MirrorList {
    try MirrorList(
      machine: try AptSource.parse(Array(text.utf8), file: "f"), suite: suite, components: ["main"],
      suites: .known, keepSignedBy: keep)
  }

  private let debian = "/usr/share/keyrings/debian-archive-keyring.gpg"

  @Test func `the machine's archive is taken with another suite`() throws {
    let list = try machine(
      """
      deb [signed-by=/k/docker.gpg] http://example.org/other bookworm main
      deb http://example.org/bookworm bookworm stable
      deb http://example.org/unsaid bookworm main
      deb [signed-by=\(debian)] http://example.org/debian bookworm main non-free-firmware
      deb [signed-by=\(debian)] http://example.org/debian bookworm-updates main
      deb [signed-by=\(debian)] http://example.org/sec bookworm-security main
      """, suite: "trixie")
    #expect(
      list.mirrors == [
        .line("deb [signed-by=\(debian)] http://example.org/debian trixie main"),
        .line("deb [signed-by=\(debian)] http://example.org/debian trixie-updates main"),
        .line("deb [signed-by=\(debian)] http://example.org/sec trixie-security main"),
      ])
    #expect(list.isDefault)
  }

  @Test func `what has no updates gets none`() throws {
    let text =
      "deb http://example.org/debian bookworm main\ndeb http://example.org/sec bookworm-security main"
    for suite in ["sid", "testing", "forky", "trixie-backports"] {
      #expect(
        try machine(text, suite: suite).mirrors == [.line("deb http://example.org/debian \(suite) main")])
    }
    #expect(
      try machine(text, suite: "trixie-security").mirrors
        == [.line("deb http://example.org/sec trixie-security main")])
  }

  @Test func `a mirror of the usual layout has security updates beside it`() throws {
    #expect(
      try machine("deb http://example.org/debian/ sid main", suite: "buster").mirrors == [
        .line("deb http://example.org/debian/ buster main"),
        .line("deb http://example.org/debian/ buster-updates main"),
        .line("deb http://example.org/debian-security buster/updates main"),
      ])
    let error = #expect(throws: BootstrapError.self) {
      try machine("deb http://example.org/snapshot sid main", suite: "trixie")
    }
    #expect(
      error?.description
        == "the machine's apt sources have no archive of security updates for trixie: name the MIRRORs")
  }

  @Test(
    arguments: [
      ("", "trixie"), ("deb-src http://example.org/debian trixie main", "trixie"),
      ("deb [signed-by=/k/x.gpg] http://example.org/debian trixie main", "trixie"),
      ("deb http://example.org/x trixie stable", "trixie"), ("deb http://example.org/x noble main", "noble"),
      ("deb http://example.org/debian trixie main", "noble"),
      ("deb http://example.org/debian contrib ./", "trixie"),
    ].filter { !$0.0.hasSuffix("./") })
  func `other archives are not taken for Debian's`(_ text: String, _ suite: String) {
    let error = #expect(throws: BootstrapError.self) { try machine(text, suite: suite) }
    #expect(
      error?.description
        == "the machine's apt sources have no Debian archive to take \(suite) from: name a MIRROR")
  }

  @Test func `named keyrings replace those of the sources`() throws {
    let text = "deb [signed-by=\(debian)] http://example.org/debian sid main"
    #expect(
      try machine(text, suite: "sid", keep: false).mirrors == [
        .line("deb http://example.org/debian sid main")
      ])
  }

  @Test func `a key in a file stays in a file`() throws {
    let text = """
      Types: deb
      URIs: http://example.org/debian
      Suites: trixie
      Components: main
      Signed-By:
       -----BEGIN PGP PUBLIC KEY BLOCK-----
       .
       AAEC
       -----END PGP PUBLIC KEY BLOCK-----
      """
    // Whose key it is can't be seen, so it is not taken for Debian's.
    #expect(throws: BootstrapError.self) { try machine(text, suite: "trixie") }
  }

  @Test func `this machine's sources are as apt reads them`() throws {
    let machine = try MirrorList.machineSources().filter { $0.enabled && $0.kinds.contains(.binary) }
    let own = Set(
      machine.flatMap { source in
        source.uris.flatMap { uri in
          source.suites.flatMap { suite in
            source.components.map { component in
              "\(uri.hasSuffix("/") ? uri : uri + "/") \(suite) \(component)"
            }
          }
        }
      })
    let text = try Tool.check(
      "apt-get",
      [
        "indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
        "Created-By: Packages",
      ])
    let apts = Set(
      text.text.split(separator: "\n").map(String.init).filter {
        $0.contains(" ")
      })
    #expect(!own.isEmpty)
    #expect(own == apts)
  }

  @Test func `this machine has an archive to take trixie from`() throws {
    let list = try MirrorList(
      machine: try MirrorList.machineSources(), suite: "trixie", components: ["main"],
      suites: try MirrorList.machineSuites())
    #expect(list.sources.map(\.suites) == [["trixie"], ["trixie-updates"], ["trixie-security"]])
  }

  @Test func `only the files that apt reads are read`() throws {
    let folder = try TemporaryDirectory()
    let parts = folder.path.appending("sources.list.d")
    try makeDirectories(parts)
    let line = Array("deb http://example.org/ s c\n".utf8)
    let paragraph = Array("Types: deb\nURIs: http://example.org/p\nSuites: s\nComponents: c\n".utf8)
    try writeHostFile(folder.path.appending("sources.list"), line)
    try writeHostFile(parts.appending("b.list"), line)
    try writeHostFile(parts.appending("a.sources"), paragraph)
    try writeHostFile(parts.appending("c.list.save"), Array("nonsense".utf8))
    try writeHostFile(parts.appending("d e.list"), Array("nonsense".utf8))
    let sources = try MirrorList.machineSources(in: folder.path)
    #expect(
      sources.map { FilePath($0.file).lastComponent?.string } == ["sources.list", "a.sources", "b.list"])
    try writeHostFile(parts.appending("z.list"), Array("\nnonsense\n".utf8))
    let error = #expect(throws: BootstrapError.self) { try MirrorList.machineSources(in: folder.path) }
    #expect(
      error?.description
        == "\(parts)/z.list:2: \"nonsense\" where deb or deb-src was expected")
  }
}
