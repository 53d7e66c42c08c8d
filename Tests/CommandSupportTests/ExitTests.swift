import Glibc
import Posix
import SystemPackage
import TestSupport
import Testing

@Suite("How a tool ends")
struct ExitTests {
  @Test("A failure is one line and exit status 1")
  func failure() throws {
    let result = try fixture("fail")
    #expect(result.status == .exited(1))
    #expect(result.errorText == "tool-fixture: error: can't open /nowhere: No such file or directory\n")
    #expect(result.output.isEmpty)
  }

  @Test("An exit status of its own is silent")
  func exitCode() throws {
    let result = try fixture("exit")
    #expect(result.status == .exited(1))
    #expect(result.errors.isEmpty)
  }

  @Test(
    "Wrong usage is exit status 64, with the usage", arguments: ["--nonsense", "--jobs=0", "unknown-deed"])
  func usage(_ argument: String) throws {
    let result = try fixture(argument, "notice")
    #expect(result.status == .exited(64))
    #expect(result.errorText.hasPrefix("tool-fixture: error: "))
    #expect(result.errorText.contains("Usage: tool-fixture"))
    #expect(result.output.isEmpty)
  }

  @Test("--version and --help go to standard output")
  func information() throws {
    let version = try fixture("--version")
    #expect(version.status.isSuccess)
    #expect(version.text == "tool-fixture 0.1.0\n")
    let help = try fixture("--help")
    #expect(help.status.isSuccess)
    #expect(help.text.hasPrefix("OVERVIEW: Behave as a test wants."))
    #expect(help.errors.isEmpty)
  }

  @Test("-q silences notices and the table, not warnings; -v adds details")
  func verbosity() throws {
    #expect(
      try fixture("notice").errorText == "tool-fixture: a notice\ntool-fixture: warning: a warning\na table\n"
    )
    #expect(try fixture("-q", "notice").errorText == "tool-fixture: warning: a warning\n")
    #expect(try fixture("-v", "notice").errorText.contains("a detail\na table\n"))
    #expect(try fixture("-vv", "notice").errorText.contains("a detail\na fine detail\n"))
    #expect(try fixture("-q", "-v", "notice").status == .exited(64))
  }

  @Test("Colours only where they are asked for")
  func color() throws {
    let colored = "tool-fixture: \u{1b}[1;31merror:\u{1b}[0m can't open"
    #expect(try fixture("fail", "--color", "always").errorText.hasPrefix(colored))
    #expect(try !fixture("fail", "--color", "auto").errorText.contains("\u{1b}"))
    #expect(try !fixture("fail", "--color", "never").errorText.contains("\u{1b}"))
  }

  @Test("A reader of standard output that goes away ends it quietly")
  func closedOutput() throws {
    let program = try builtProgram("tool-fixture").string
    let result = try Tool.run("sh", ["-c", "{ \(program) output; echo $? >&2; } | head -n 1"])
    #expect(result.text == "line 0\n")
    #expect(result.errorText == "1\n")
  }

  @Test(
    "A signal ends children in their own way, removes what is temporary, and shows in the exit status",
    arguments: [(SIGTERM, 143), (SIGINT, 130), (SIGHUP, 129)] as [(Int32, Int32)])
  func signals(_ number: Int32, _ status: Int32) throws {
    let folder = try TemporaryDirectory()
    let errors = folder.appending("errors")
    let file = try openFile(errors, .createNew())
    var command = Command(try builtProgram("tool-fixture"), ["wait", folder.path.string])
    command.errors = .descriptor(file.raw)
    let process = try command.start()
    try wait(for: folder.appending("started"))
    #expect(exists(folder.appending("temporary/below")))
    process.signal(number)
    #expect(try process.wait() == .exited(status))
    #expect(!exists(folder.appending("temporary")))
    #expect(!exists(folder.appending("final")))
    #expect(String(decoding: try readBytes(folder.appending("ended")), as: UTF8.self) == "ended\n")
    #expect(String(decoding: try readBytes(errors), as: UTF8.self) == "")
    let left = try Tool.check("ls", ["-A", folder.path.string]).text
    #expect(left == "ended\nerrors\nstarted\n")
  }

  @Test("kill -9 leaves no half file, and its child does not outlive it")
  func kill9() throws {
    let folder = try TemporaryDirectory()
    let process = try Command(try builtProgram("tool-fixture"), ["wait", folder.path.string])
      .start()
    let started = folder.appending("started")
    try wait(for: started)
    let text = String(decoding: try readBytes(started), as: UTF8.self)
    let child = try #require(Int32(text.dropLast()))
    process.signal(SIGKILL)
    #expect(try process.wait() == .signalled(SIGKILL))
    #expect(!exists(folder.appending("final")))
    var tries = 0
    while kill(child, 0) == 0 && tries < 500 {
      usleep(10_000)
      tries += 1
    }
    #expect(kill(child, 0) != 0)
  }

  @Test("A signal that whoever started us ignores stays ignored")
  func ignoredSignal() throws {
    let folder = try TemporaryDirectory()
    let program = try builtProgram("tool-fixture").string
    // nohup's way: hangups don't reach it, and then a TERM does.
    let script = """
      trap '' HUP
      \(program) wait . & process=$!
      while [ ! -s started ]; do sleep 0.02; done
      kill -HUP $process; sleep 0.2; kill -0 $process || exit 9
      kill -TERM $process; wait $process
      """
    let result = try Tool.run("sh", ["-c", script], in: folder.path)
    #expect(result.status == .exited(143))
  }

  @Test("On a terminal one line changes in place and is gone at the end; elsewhere there is none")
  func progressLine() throws {
    let program = try builtProgram("tool-fixture").string
    let start = ContinuousClock.now
    let terminal = try Tool.python(
      "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)", [program, "progress"])
    #expect(terminal.status.isSuccess)
    let lines = terminal.text.split(separator: "\r\u{1b}[K", omittingEmptySubsequences: false)
    let atMost = Int((ContinuousClock.now - start) / .milliseconds(100)) + 3
    #expect((3...atMost).contains(lines.count), "\(terminal.text)")
    #expect(lines.dropFirst().first?.hasPrefix("Counting") == true)
    #expect(terminal.text.contains("\r\u{1b}[Ktool-fixture: half-way\r\n"))
    #expect(terminal.text.contains("1.0 kB of 1.0 kB  100%"))
    #expect(terminal.text.hasSuffix("\r\u{1b}[K"))
    #expect(try fixture("progress").errorText == "tool-fixture: half-way\n")
    #expect(try fixture("-q", "progress").errorText.isEmpty)
  }

  private func wait(for path: FilePath) throws {
    for _ in 0..<12_000 {
      if exists(path), try !readBytes(path).isEmpty { return }
      usleep(10_000)
    }
    throw PosixError("wait for", path.string, .timedOut)
  }

  private func exists(_ path: FilePath) -> Bool { path.withPlatformString { access($0, F_OK) == 0 } }
}
