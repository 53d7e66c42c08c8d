import Posix
import SystemPackage
import TestSupport
import Testing

@Suite struct RefusalTests {
  private func build(_ dockerfile: String, _ script: String = DockerfileCase.files) throws -> TestBuild {
    try TestBuild(script, dockerfile, in: try TemporaryDirectory())
  }

  @Test("Stages that need each other")
  func circle() throws {
    try build("FROM scratch AS a\nCOPY --from=b /x /\nFROM scratch AS b\nCOPY --from=a /x /")
      .expectRefusal("in a circle")
    try build("FROM scratch AS a\nCOPY --from=a /x /").expectRefusal("in a circle")
    try build("FROM scratch AS a\nCOPY --from=1 /x /\nFROM a AS b\nCOPY a /").expectRefusal("in a circle")
  }

  @Test("Nothing outside the context is read")
  func outside() throws {
    let script = """
      echo secret >../secret; ln -s ../secret up; ln -s "$PWD/../secret" abs; ln -s .. parent
      ln -s /etc/passwd users
      """
    for name in ["up", "abs", "users", "parent/secret", "../secret", "parent/../../secret"] {
      let build = try build("FROM scratch\nCOPY \(name) /x", script)
      try build.expectRefusal(name == "up" || name == "users" ? "which is not in the build context" : "")
    }
    // In a directory they are links, and stay what they are.
    let tree = try build("FROM scratch\nCOPY . /c/", script).tree()
    #expect(tree.field("to", of: "c/up") == "../secret")
  }

  @Test("A file that is missing, a file that is ignored")
  func missing() throws {
    try build("FROM scratch\nCOPY a /\nCOPY missing /").expectRefusal(
      "Dockerfile:3:6: COPY: there is nothing in")
    try build("FROM scratch\nCOPY a /", DockerfileCase.files + "\necho a >.dockerignore").expectRefusal(
      "\"a\"")
    try build("FROM scratch\nRUN make").expectRefusal("Dockerfile:2:1: RUN: programs are not run")
  }

  @Test("A malformed .dockerignore")
  func ignoreFile() throws {
    let build = try build(
      "FROM scratch\nCOPY a /", DockerfileCase.files + "\nprintf 'x\\n[a\\n' >.dockerignore")
    let result = try build.run("oci:\(build.folder.appending("o")):x")
    #expect(result.status == .exited(1))
    #expect(result.errorText.contains(".dockerignore:2:1: "), "\(result.errorText)")
  }

  /// Serves a folder, and builds with the port in the Dockerfile in place of PORT.
  private static let serve = """
    import sys, threading, subprocess, functools, http.server
    folder, dockerfile = sys.argv[1:3]
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *rest): pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    text = open(dockerfile).read().replace("PORT", str(server.server_address[1]))
    open(dockerfile, "w").write(text)
    sys.exit(subprocess.run(sys.argv[3:]).returncode)
    """

  private func serving(_ build: TestBuild, _ output: String) throws -> Tool.Result {
    try Tool.python(
      Self.serve,
      [
        build.context.string, build.file.string, try builtProgram("garboard-scratch").string, "-f",
        build.file.string, build.context.string, "-o", output, "--cache",
        build.folder.appending("cache").string,
      ])
  }

  @Test("URLs: times, modes, names, checksums")
  func urls() throws {
    let script = DockerfileCase.files + "\ntouch -d @1234 a; tar -cf t.tar a b"
    let sum = try Tool.check("sh", ["-c", "echo a | sha256sum"]).text.prefix(64)
    let good = try build(
      """
      FROM scratch
      ADD http://127.0.0.1:PORT/a /into/
      ADD --checksum=sha256:\(sum) --chmod=755 --chown=1:2 http://127.0.0.1:PORT/a?x=/y /named
      ADD http://127.0.0.1:PORT/t.tar /tar/
      ADD --unpack=true http://127.0.0.1:PORT/t.tar /un/
      """, script)
    let tar = good.folder.appending("tree.tar")
    let result = try serving(good, "tar:\(tar)")
    #expect(result.status.isSuccess, "\(result.errorText)")
    let tree = try TreeListing.ofTar(tar)
    #expect(tree.paths == ["into", "into/a", "named", "tar", "tar/t.tar", "un", "un/a", "un/b"])
    #expect(tree.field("mode", of: "into/a") == "0600")
    #expect(tree.field("mtime", of: "into/a")?.hasPrefix("1234.") == true)
    #expect(tree.field("owner", of: "named") == "1:2")
    #expect(tree.field("sha256", of: "named") == String(sum))

    let wrong = try build(
      "FROM scratch\nADD --checksum=sha256:\(String(repeating: "0", count: 64)) http://127.0.0.1:PORT/a /a",
      script)
    let output = wrong.folder.appending("o")
    var failure: ToolFailure?
    do { _ = try serving(wrong, "oci:\(output):x") } catch let error as ToolFailure { failure = error }
    let refused = try #require(failure).result
    #expect(!refused.status.isSuccess)
    #expect(refused.errorText.contains("but --checksum says sha256:0000"), "\(refused.errorText)")
    #expect(try !Tool.run("test", ["-e", output.string]).status.isSuccess)
  }
}
