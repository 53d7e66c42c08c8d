import Glibc
import Posix
import Synchronization

/// Where people are spoken to: standard error, with one progress line that gives way to messages.
///
/// A process has one (`Console.shared`), because it has one standard error.
public final class Console: Sendable {
  /// The process's console.
  public static let shared = Console()

  private struct State {
    var toolName = "garboard"
    var isQuiet = false
    var verbosity = 0
    var usesColor = false
    /// The progress line that is on the screen now, without its newline.
    var line = ""
    var progress = ProgressStyle.none
  }

  private let state = Mutex(State())
  private let descriptor: Int32 = 2

  private init() {}

  /// Sets the name that stands before messages.
  public func setName(_ name: String) {
    state.withLock {
      $0.toolName = name
      $0.usesColor = ColorChoice.auto.isOn(descriptor)
    }
  }

  /// Takes over what the user chose.
  func configure(_ options: CommonOptions) {
    state.withLock {
      $0.isQuiet = options.quiet
      $0.verbosity = options.verbose
      $0.usesColor = options.color.isOn(descriptor)
      $0.progress = options.progress.resolved(
        quiet: options.quiet, isTerminal: Terminal.isCapable(descriptor))
    }
  }

  /// How often `-v` was given.
  public var verbosity: Int { state.withLock { $0.verbosity } }
  /// Whether `-q` was given.
  public var isQuiet: Bool { state.withLock { $0.isQuiet } }
  /// How progress is shown: never `.auto`.
  var progressStyle: ProgressStyle { state.withLock { $0.progress } }
  /// The width of the terminal in cells, or nil where there is none.
  public var width: Int? { Terminal.width(descriptor) }

  /// Says something that is good to know. `-q` silences it.
  public func notice(_ message: String) {
    state.withLock { if !$0.isQuiet { show(&$0, "\($0.toolName): \(message)") } }
  }

  /// Says something that may be a mistake of the user's. Nothing silences it.
  public func warning(_ message: String) {
    state.withLock { show(&$0, "\($0.toolName): \(painted("warning:", .yellow, $0)) \(message)") }
  }

  /// Says why the work can't be done.
  public func error(_ message: String) {
    state.withLock { show(&$0, "\($0.toolName): \(painted("error:", .red, $0)) \(message)") }
  }

  /// Says what is being done, when `-v` was given at least `level` times. The text is only made when it is
  /// shown.
  public func verbose(_ message: @autoclosure () -> String, level: Int = 1) {
    if verbosity < level { return }
    let text = message()
    state.withLock { show(&$0, text) }
  }

  /// Prints lines that are the result for people, as the table of layers. `-q` silences them.
  public func result(_ lines: [String]) {
    state.withLock { if !$0.isQuiet { show(&$0, lines.joined(separator: "\n")) } }
  }

  /// Shows the progress line in place of the one before; an empty one takes it away.
  func showProgress(_ line: String) { state.withLock { replace(&$0, line) } }

  /// Prints a progress line that stays.
  func printProgress(_ line: String) { state.withLock { show(&$0, "\($0.toolName): \(line)") } }

  /// Takes the progress line away for good, for the end of a process.
  func clear() { state.withLock { replace(&$0, "") } }

  private enum Paint: String {
    case red = "\u{1b}[1;31m"
    case yellow = "\u{1b}[1;33m"
  }

  private func painted(_ text: String, _ paint: Paint, _ state: State) -> String {
    state.usesColor ? paint.rawValue + text + "\u{1b}[0m" : text
  }

  private func replace(_ state: inout State, _ line: String) {
    if line == state.line { return }
    write("\r\u{1b}[K" + line)
    state.line = line
  }

  private func show(_ state: inout State, _ text: String) {
    // The line comes back with its next drawing.
    let clearing = state.line.isEmpty ? "" : "\r\u{1b}[K"
    state.line = ""
    write(clearing + text + "\n")
  }

  private func write(_ text: String) {
    var text = text
    // Nobody can be told that standard error is gone.
    text.withUTF8 { try? writeAll(descriptor, UnsafeRawBufferPointer($0)) }
  }
}

/// Writes to standard output: the one JSON document, a listing that was asked for.
///
/// - Throws: `PosixError`; a reader that went away ends the process quietly in `runMain`.
public func printOutput(_ text: String) throws {
  var text = text
  do {
    try text.withUTF8 { try writeAll(1, UnsafeRawBufferPointer($0)) }
  } catch let error as PosixError {
    throw PosixError("write to", "standard output", error.errno)
  }
}
