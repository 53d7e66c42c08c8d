import ArgumentParser
import CommandSupport
import Glibc
import Posix
import SystemPackage

/// A tool that fails, waits and talks as tests want it: what all tools share is seen in it from outside.
@main
struct ToolFixture: GarboardTool {
  static let name = "tool-fixture"
  static let abstract = "Behave as a test wants"
  static let explanation = "Not for users."
  static let examples = [Example("Say something", "tool-fixture notice")]

  @OptionGroup var common: CommonOptions

  @Argument(help: "What to do.")
  var deed: Deed

  @Argument(help: "A directory to leave traces in.")
  var directory: String = "."

  enum Deed: String, ExpressibleByArgument, CaseIterable {
    case fail, exit, notice, output, progress, wait
  }

  func run() throws {
    switch deed {
    case .fail: throw PosixError("open", "/nowhere", .noSuchFileOrDirectory)
    case .exit: throw ExitCode(1)
    case .notice:
      Console.shared.notice("a notice")
      Console.shared.warning("a warning")
      Console.shared.verbose("a detail")
      Console.shared.verbose("a fine detail", level: 2)
      Console.shared.result(["a table"])
    case .output: for number in 0..<100_000 { try printOutput("line \(number)\n") }
    case .progress:
      let progress = Progress("Counting", total: 1000)
      for _ in 0..<10 {
        usleep(50_000)
        progress.add(100)
      }
      Console.shared.notice("half-way")
      usleep(1_000_000)
      progress.finish()
    case .wait: try waitForSignal()
    }
  }

  /// Holds a temporary file and directory and a child, and says when it is ready.
  private func waitForSignal() throws {
    let base = FilePath(directory)
    let temporary = base.appending("temporary")
    try makeDirectories(temporary.appending("below"))
    TemporaryNames.shared.insert(temporary)
    var file = try AtomicFile(base.appending("final"))
    try Array("half".utf8).withUnsafeBytes { try file.descriptor.write($0) }
    // The child says how it ended; it is ready when it has made its file.
    let script = "trap 'echo ended > ended; exit 0' TERM; echo $$ > started; while :; do sleep 0.02; done"
    var command = Command("/bin/sh", ["-c", script])
    command.workingDirectory = base
    _ = try command.start().wait()
    try file.commit()
    throw ExitCode(3)
  }
}
