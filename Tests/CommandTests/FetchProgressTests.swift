import Posix
import SystemPackage
import TestSupport
import Testing

/// What is shown while an archive's files come, from a server that is slow on purpose.
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

  /// Runs a bootstrap whose server pauses once, in the middle of the first file that ends so.
  private func output(
    _ file: String, pause: UInt32, _ run: (_ command: [String], FilePath) throws -> String
  ) throws -> String {
    let folder = try TemporaryDirectory()
    let archive = try DebianArchive(packages: [
      .init("large", files: [("usr/share/large", (0..<20_000).map { "\($0 &* 7919 % 10_007)" }.joined())])
    ])
    let server = try ArchiveServer(archive.folder)
    server.fail(file, .pause(milliseconds: pause), times: 1)
    return try run(
      [
        try productsDirectory().appending("garboard-bootstrap").string, "--cache",
        folder.appending("cache").string, "--variant", "extract", "--include", "large", "--keyring",
        archive.keyring.string, archive.suite, "x.tar", server.url,
      ], folder.path)
  }

  /// The files that come, one after the other, and the words for each.
  static let files = [
    ("InRelease", "InRelease"), ("Packages.gz", "indexes"), (".deb", "packages"),
  ]

  @Test("A terminal shows how much of how much, the rate and the time left", arguments: files)
  func onTerminal(file: String, words: String) throws {
    let text = try output(file, pause: 3_500) { command, folder in
      try Tool.check("python3", ["-I", "-c", Self.terminal] + command, in: folder).text
    }
    // How long what archives say of themselves is, nobody knows before.
    let whole = file == "InRelease" ? "" : #" of [0-9.]+ k?B  [0-9]+%"#
    let left = file == "InRelease" ? "" : #", [0-9:]+ left"#
    let line = try Regex(
      "fetching \(words) of tr[^ ]+  [0-9.]+ k?B\(whole)  [0-9.]+ [kM]?B/s  0:0[2-9]\(left)")
    #expect(text.contains(line), "\(text)")
  }

  @Test("Elsewhere --progress plain gives a line now and then", arguments: files)
  func plain(file: String, words: String) throws {
    let text = try output(file, pause: 6_000) { command, folder in
      let result = try garboard(
        "garboard-bootstrap", Array(command.dropFirst()) + ["--progress", "plain"], in: folder)
      #expect(result.status.isSuccess)
      return result.errorText
    }
    let whole = file == "InRelease" ? "" : #" of [0-9.]+ k?B  [0-9]+%"#
    let line = try Regex("(?m)^garboard-bootstrap: fetching \(words) of trixie  [0-9.]+ k?B\(whole)")
    #expect(text.contains(line), "\(text)")
  }

  @Test("Without a terminal, and with -q, nothing is shown")
  func silence() throws {
    for options in [[], ["-q", "--progress", "plain"]] {
      let text = try output("Packages.gz", pause: 1_000) { command, folder in
        try garboard("garboard-bootstrap", Array(command.dropFirst()) + options, in: folder).errorText
      }
      #expect(!text.contains("fetching"), "\(text)")
    }
  }
}
