import Posix
import SystemPackage
import TestSupport
import Testing

/// What is shown while packages come, from a server that is slow on purpose.
@Suite("garboard-bootstrap: progress of downloads")
struct FetchProgressTests {
  /// Runs a command on a terminal of its own; prints what that gets.
  private static let terminal = """
    import os, pty, sys
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm"
        os.environ["COLUMNS"] = "120"
        os.execv(sys.argv[1], sys.argv[1:])
    output = b""
    while True:
        try: some = os.read(terminal, 4096)
        except OSError: break
        if not some: break
        output += some
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, output
    sys.stdout.buffer.write(output)
    """

  private func output(pause: UInt32, _ run: (_ command: [String], FilePath) throws -> String) throws -> String
  {
    let folder = try TemporaryDirectory()
    let archive = try DebianArchive(packages: [
      .init("large", files: [("usr/share/large", (0..<20_000).map { "\($0 &* 7919 % 10_007)" }.joined())])
    ])
    let server = try ArchiveServer(archive.folder)
    server.fail(".deb", .pause(milliseconds: pause), times: 1)
    return try run(
      [
        try productsDirectory().appending("garboard-bootstrap").string, "--cache",
        folder.appending("cache").string, "--variant", "extract", "--include", "large", "--keyring",
        archive.keyring.string, archive.suite, "x.tar", server.url,
      ], folder.path)
  }

  @Test("A terminal shows how much of how much, the rate and the time left")
  func onTerminal() throws {
    let text = try output(pause: 3_500) { command, folder in
      try Tool.check("python3", ["-I", "-c", Self.terminal] + command, in: folder).text
    }
    let line =
      #/fetching packages of tr[^ ]+  [0-9.]+ kB of [0-9.]+ kB  [0-9]+%  [0-9.]+ [kM]?B/s  0:0[2-9], [0-9:]+ left/#
    #expect(text.contains(line), "\(text)")
  }

  @Test("Elsewhere --progress plain gives a line now and then")
  func plain() throws {
    let text = try output(pause: 6_000) { command, folder in
      let result = try garboard(
        "garboard-bootstrap", Array(command.dropFirst()) + ["--progress", "plain"], in: folder)
      #expect(result.status.isSuccess)
      return result.errorText
    }
    let line = #/(?m)^garboard-bootstrap: fetching packages of trixie  [0-9.]+ kB of [0-9.]+ kB  [0-9]+%/#
    #expect(text.contains(line), "\(text)")
  }
}
