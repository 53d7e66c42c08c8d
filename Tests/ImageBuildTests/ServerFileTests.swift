import OCI
import Posix
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// A server of one file, which may have versions that it knows again.
private final class FileServer: Sendable {
  struct File {
    var text: String
    var tag: String?
    var modified = "Thu, 01 Jan 2015 00:00:00 GMT"
  }

  private let server: ScriptedServer
  private let shared: Shared

  private final class Shared: Sendable {
    let file: Mutex<File>
    let sent = Mutex(0)
    init(_ file: File) { self.file = Mutex(file) }
  }

  var url: String { server.url("/data") }
  /// How often the file itself was sent since this was asked last.
  var sent: Int {
    shared.sent.withLock { sent in
      defer { sent = 0 }
      return sent
    }
  }
  /// How often it was asked for.
  var asked: Int { server.requests.count }

  init(_ file: File) throws {
    let shared = Shared(file)
    self.shared = shared
    server = try ScriptedServer { connection in
      let file = shared.file.withLock { $0 }
      var fields = ["Last-Modified: \(file.modified)"]
      if let tag = file.tag { fields.append("ETag: \(tag)") }
      let isKnown =
        connection.header("if-none-match").map { $0 == file.tag }
        ?? (connection.header("if-modified-since") == file.modified)
      if isKnown { return connection.answer("304 Not Modified", fields) }
      shared.sent.withLock { $0 += 1 }
      connection.answer("200 OK", fields, Array(file.text.utf8))
    }
  }

  func serve(_ file: File) { shared.file.withLock { $0 = file } }
}

/// Needs root.
@Suite("garboard-build: files that Dockerfiles fetch")
struct ServerFileTests {
  private func fixture(_ server: FileServer) throws -> BuildFixture {
    let fixture = try BuildFixture()
    try fixture.folder.write(
      "recipes/app/Dockerfile", "FROM scratch\nARG url=\(server.url)\nENV place=$url\nADD $place /data\n")
    try fixture.write("docker", "source: {dockerfile: {context: app}}")
    return fixture
  }

  private func data(_ fixture: BuildFixture) throws -> String {
    let listing = try verify(image: "oci-archive:\(fixture.output("docker"))", running: .nothing)
    return "\(try #require(listing[0].tree.lines.first { $0.path == "data" }))"
  }

  @Test("A file is sent once, and again when the server has another version", arguments: ["\"a\"", nil])
  func versions(_ tag: String?) throws {
    let server = try FileServer(.init(text: "one\n", tag: tag))
    let fixture = try fixture(server)
    #expect(try fixture.build("docker").built == ["docker/dockerfile"])
    let first = try data(fixture)
    #expect(server.sent == 1)
    #expect(try fixture.build("docker").built == [])
    // Asked each time, by its version, and not sent.
    #expect(server.sent == 0)
    server.serve(
      .init(text: "two\n", tag: tag.map { _ in "\"b\"" }, modified: "Fri, 02 Jan 2015 00:00:00 GMT"))
    let dry = try fixture.run("docker", "--dry-run")
    #expect(dry.stages("would-build") == ["docker/dockerfile"])
    let run = try fixture.build("docker")
    #expect(run.built == ["docker/dockerfile"])
    let reason = try #require(run.reasons("docker/dockerfile").first)
    let two = try Tool.check("sh", ["-c", "printf 'two\\n' | sha256sum"]).text.prefix(12)
    #expect(reason.hasPrefix("\(server.url) is now sha256:\(two)…, was sha256:"))
    #expect(try data(fixture) != first)
    #expect(server.sent == 1)
    // The same bytes with a later time: files in images have the server's.
    server.serve(
      .init(text: "two\n", tag: tag.map { _ in "\"c\"" }, modified: "Sat, 03 Jan 2015 00:00:00 GMT"))
    #expect(try fixture.build("docker").reasons("docker/dockerfile") == ["\(server.url) has another time"])
  }

  @Test("Where a server knows no versions, the bytes are compared")
  func noVersions() throws {
    let server = try FileServer(.init(text: "one\n", modified: "never"))
    let fixture = try fixture(server)
    #expect(try fixture.build("docker").built == ["docker/dockerfile"])
    #expect(try fixture.build("docker").built == [])
    server.serve(.init(text: "two\n", modified: "never"))
    #expect(try fixture.build("docker").built == ["docker/dockerfile"])
  }

  @Test("Offline, it is what it was; what was never asked for is an error; so is a server that is gone")
  func offline() throws {
    let fixture: BuildFixture
    let url: String
    do {
      let server = try FileServer(.init(text: "one\n", tag: "\"a\""))
      url = server.url
      fixture = try self.fixture(server)
      let early = try fixture.run("docker", "--offline")
      #expect(!early.result.status.isSuccess)
      #expect(
        early.result.errorText.contains("\(url) was never asked for, and --offline asks nobody"),
        "\(early.result.errorText)")
      _ = try fixture.build("docker")
      let asked = server.asked
      server.serve(.init(text: "two\n", tag: "\"b\""))
      #expect(try fixture.build("docker", "--offline").built == [])
      // What the tool needs is in the cache.
      try fixture.folder.write("recipes/app/one", "another\n")
      #expect(try fixture.build("docker", "--offline").built == ["docker/dockerfile"])
      #expect(server.asked == asked)
    }
    let gone = try fixture.run("docker")
    #expect(!gone.result.status.isSuccess)
    #expect(
      gone.result.errorText.contains("docker, dockerfile: can't fetch \(url)"), "\(gone.result.errorText)")
  }

  @Test("What --checksum names is asked for once, and never when nothing changed")
  func checked() throws {
    let server = try FileServer(.init(text: "one\n", tag: "\"a\""))
    let fixture = try fixture(server)
    let sum = try Tool.check("sh", ["-c", "printf 'one\\n' | sha256sum"]).text.prefix(64)
    try fixture.folder.write(
      "recipes/app/Dockerfile", "FROM scratch\nADD --checksum=sha256:\(sum) \(server.url) /data\n")
    #expect(try fixture.build("docker").built == ["docker/dockerfile"])
    let asked = server.asked
    #expect(try fixture.build("docker").built == [])
    try fixture.folder.write("recipes/app/one", "another\n")
    #expect(try fixture.build("docker").built == ["docker/dockerfile"])
    #expect(server.asked == asked)
  }

  @Test("Triggers of the image below count, and its variables")
  func triggers() throws {
    let server = try FileServer(.init(text: "one\n", tag: "\"a\""))
    let fixture = try fixture(server)
    try fixture.folder.write(
      "recipes/lower/Dockerfile", "FROM scratch\nENV place=\(server.url)\nONBUILD ADD $place /triggered\n")
    try fixture.folder.write("recipes/app/Dockerfile", "FROM lower AS mid\nFROM mid\nCOPY one /\n")
    try fixture.write("lower", "source: {dockerfile: {context: lower}}")
    try fixture.write("docker", "source: {dockerfile: {context: app, images: {lower: lower}}}")
    #expect(try fixture.build("docker").built == ["docker/dockerfile", "lower/dockerfile"])
    #expect(try fixture.build("docker").built == [])
    server.serve(.init(text: "two\n", tag: "\"b\""))
    #expect(try fixture.build("docker").built == ["docker/dockerfile"])
  }

  @Test("An image in a layout that a Dockerfile names counts, from the recipe's folder")
  func layouts() throws {
    let fixture = try BuildFixture()
    try fixture.folder.write("recipes/app/two", "2\n")
    try fixture.folder.write("recipes/app/Dockerfile", "FROM scratch\nCOPY --from=oci:../layout:it one /\n")
    try fixture.write("docker", "source: {dockerfile: {context: app}}")
    func make() throws {
      try Tool.check(
        builtProgram("garboard-import").string, ["-q", "recipes/app", "-o", "oci:layout:it"],
        in: fixture.folder.path)
    }
    try make()
    #expect(try fixture.build("docker").built == ["docker/dockerfile"])
    #expect(try fixture.build("docker").built == [])
    try fixture.folder.write("other/one", "other\n")
    try Tool.check(
      builtProgram("garboard-import").string, ["-q", "other", "-o", "oci:layout:it"],
      in: fixture.folder.path)
    #expect(try fixture.build("docker").reasons("docker/dockerfile") == ["oci:../layout:it changed"])
  }

  @Test(
    "A Dockerfile that can't be built is refused with its place, in a dry run too", arguments: [true, false])
  func refused(_ isDry: Bool) throws {
    let fixture = try BuildFixture()
    try fixture.folder.write("recipes/app/Dockerfile", "FROM scratch\nRUN true\n")
    try fixture.write("docker", "source: {dockerfile: {context: app}}")
    let run = isDry ? try fixture.run("docker", "--dry-run") : try fixture.run("docker")
    #expect(!run.result.status.isSuccess)
    #expect(
      run.result.errorText.contains("docker, dockerfile: app/Dockerfile:2:1: RUN: programs are not run"),
      "\(run.result.errorText)")
  }
}
