public import ArgumentParser
import Posix
public import SystemPackage

/// How progress is shown.
public enum ProgressStyle: String, ExpressibleByArgument, CaseIterable, Sendable {
  /// One line that changes on a terminal, and nothing elsewhere.
  case auto
  /// A line every few seconds, for logs.
  case plain
  /// Not at all.
  case none

  /// What `auto` means here: itself where a line can change in place, else none.
  func resolved(quiet: Bool, isTerminal: Bool) -> ProgressStyle {
    if quiet { return .none }
    return self == .auto && !isTerminal ? .none : self
  }
}

/// When messages are coloured.
public enum ColorChoice: String, ExpressibleByArgument, CaseIterable, Sendable {
  /// On a terminal, unless `NO_COLOR` is set (<https://no-color.org/>).
  case auto
  /// Also where it goes into a file.
  case always
  /// Not at all.
  case never

  func isOn(_ descriptor: Int32) -> Bool {
    switch self {
    case .always: true
    case .never: false
    case .auto: environment("NO_COLOR") == nil && Terminal.isCapable(descriptor)
    }
  }
}

/// What every tool has.
public struct CommonOptions: ParsableArguments {
  /// Whether notices and the table are silenced.
  @Flag(name: .shortAndLong, help: "Print no notices and no table, only warnings and errors.")
  public var quiet = false

  /// How often `-v` was given.
  @Flag(name: .shortAndLong, help: "Say what is being done; twice for more.")
  public var verbose: Int

  /// How progress is shown.
  @Option(help: "Progress on standard error: auto (a line on a terminal), plain or none.")
  public var progress = ProgressStyle.auto

  /// When messages are coloured.
  @Option(help: "Colours on standard error: auto (on a terminal, unless NO_COLOR is set), always or never.")
  public var color = ColorChoice.auto

  /// Whether standard output gets a JSON document.
  @Flag(help: "Print one JSON document on standard output.")
  public var json = false

  /// How many threads the user wants; nil when nothing was said.
  @Option(
    name: .customLong("jobs"),
    help: ArgumentHelp("How many threads work at once (default: the number of processors).", valueName: "n"))
  public var givenJobs: Int?

  /// How many threads work at once, at least 1.
  public var jobs: Int { givenJobs ?? processorCount() }

  /// Nothing given.
  public init() {}

  /// Refuses numbers that make no sense.
  public func validate() throws {
    if let givenJobs, !(1...1024).contains(givenJobs) {
      throw ValidationError("--jobs takes a number from 1 to 1024, not \(givenJobs).")
    }
    if quiet && verbose > 0 { throw ValidationError("--quiet and --verbose exclude each other.") }
  }
}

/// Where the cache is.
public struct CacheDirectoryOptions: ParsableArguments {
  @Option(
    name: .customLong("cache"),
    help: ArgumentHelp(
      "The cache (default: $GARBOARD_CACHE, else $XDG_CACHE_HOME/garboard, else ~/.cache/garboard).",
      valueName: "dir"),
    completion: .directory)
  var givenCache: String?

  /// The cache's directory, which need not exist.
  public var directory: FilePath {
    if let given = givenCache ?? environment("GARBOARD_CACHE") { return FilePath(given) }
    if let base = environment("XDG_CACHE_HOME"), base.hasPrefix("/") {
      return FilePath(base).appending("garboard")
    }
    return FilePath(environment("HOME") ?? "/").appending(".cache/garboard")
  }

  /// Nothing given.
  public init() {}
}

/// Where things are kept for the next time, for the tools that keep some.
public struct CacheOptions: ParsableArguments {
  @OptionGroup var place: CacheDirectoryOptions

  @Option(
    help: ArgumentHelp(
      "How large the cache may be; what was not used for longest goes first (default: 10GB).",
      valueName: "size"))
  var cacheLimit: ByteCount?

  /// How many bytes the cache may have; nil for its own default.
  public var limit: UInt64? { cacheLimit?.bytes }

  /// The cache's directory, which need not exist.
  public var directory: FilePath { place.directory }

  /// Nothing given.
  public init() {}
}
