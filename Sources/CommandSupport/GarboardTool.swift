public import ArgumentParser
import Glibc
import Posix
import SystemPackage

/// One of the suite's executables: a command with the common options, an explanation and examples.
public protocol GarboardTool: ParsableCommand {
  /// The executable's name.
  static var name: String { get }
  /// What it does, in one line without a period.
  static var abstract: String { get }
  /// What a user should know beyond its options.
  static var explanation: String { get }
  /// Command lines that `--help` shows.
  static var examples: [Example] { get }
  /// What every tool has.
  var common: CommonOptions { get }
}

extension GarboardTool {
  /// The configuration from the parts above.
  public static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: name, abstract: abstract + ".",
      discussion: Example.discussion(explanation, examples), version: "\(name) \(garboardVersion)")
  }

  /// Runs the tool as the process's program: parses its arguments, does the work, and ends the process.
  ///
  /// The exit status is 0 for success, 1 for a failure, 64 for wrong usage, 129, 130 or 143 for a signal
  /// that ended it. An error is one line on standard error.
  public static func main() {
    Console.shared.setName(name)
    Termination.install()
    let status = runTool(Self.self)
    Termination.leave(status)
  }
}

private func runTool<Command: GarboardTool>(_ type: Command.Type) -> Int32 {
  do {
    var command = try type.parseAsRoot()
    // Only the tool itself has the options; what the parser answers by itself (--help) hasn't.
    if let tool = command as? Command { Console.shared.configure(tool.common) }
    try command.run()
    return 0
  } catch {
    return exitStatus(reporting: error, of: type)
  }
}

/// Tells what ended a command (an error, or a message that was asked for), and gives its exit status: 0 for
/// `--help` and the like, 64 for wrong usage, an `ExitCode`'s own number in silence, 1 for everything else.
public func exitStatus<Command: ParsableCommand>(
  reporting error: any Error, of type: Command.Type
) -> Int32 {
  let code = type.exitCode(for: error)
  if let code = error as? ExitCode { return code.rawValue }
  if code == .success {
    do {
      try printOutput(type.fullMessage(for: error) + "\n")
      return 0
    } catch { return exitStatus(reporting: error, of: type) }
  }
  if isOutputGone(error) { return 1 }
  // The work stopped because a signal ended what it needs: that is no news.
  if Ending.isUnderway { return 1 }
  if code == .validationFailure {
    let message = type.fullMessage(for: error)
    Console.shared.error(message.hasPrefix("Error: ") ? String(message.dropFirst(7)) : message)
    return code.rawValue
  }
  Console.shared.error(String(describing: error))
  return 1
}

/// Whether an error is that nobody reads standard output any more (`… | head`).
private func isOutputGone(_ error: any Error) -> Bool {
  guard let error = error as? PosixError, error.errno == .brokenPipe else { return false }
  var output = pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)
  return poll(&output, 1, 0) == 1 && output.revents & Int16(POLLERR) != 0
}
