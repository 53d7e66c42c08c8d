import Glibc
import Posix
import Synchronization
import SystemPackage

/// What the process that makes a root says, on its standard error: lines of programs as they are, steps
/// after `I: `, and what ended it after `E: `.
final class RootLog: Sendable {
  private let tail = Mutex<[String]>([])

  func phase(_ name: String) { write("I: " + name) }

  func error(_ text: String) { write("E: " + text) }

  /// Runs a program whose output goes into the log; its last lines are kept.
  func run(_ command: Command) throws -> ChildProcess.Status {
    tail.withLock { $0 = [] }
    let log = EngineLog(
      program: command.program.string,
      onLine: { [self] line in
        tail.withLock { lines in
          lines.append(line)
          if lines.count > 200 { lines.removeFirst(100) }
        }
        write(line)
      })
    return try EngineProcess(command, log: log, capturesOutput: true).finish()
  }

  /// The last lines of the program that ran last.
  var lastLines: [String] { tail.withLock { $0 } }

  private func write(_ line: String) {
    Array((line + "\n").utf8).withUnsafeBytes { bytes in
      do throws(PosixError) { try writeAll(2, bytes) } catch { return }
    }
  }
}
