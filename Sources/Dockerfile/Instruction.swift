/// A piece of an instruction as it was written: quotes and variables are still in it.
public struct Word: Hashable, Sendable {
  /// The text.
  public var text: String
  /// Where it starts.
  public var position: SourcePosition

  /// A piece.
  public init(text: String, position: SourcePosition) {
    self.text = text
    self.position = position
  }
}

/// `NAME=VALUE` as it was written.
public struct Pair: Hashable, Sendable {
  /// The name.
  public var name: Word
  /// The value.
  public var value: Word
}

/// A command as it was written: a JSON array, or a line for the shell.
public enum CommandLine: Hashable, Sendable {
  /// `["a", "b"]`: run as it is.
  case exec([String])
  /// Run by the shell; nil when nothing was written.
  case shell(String?)
}

/// One instruction, as it was written.
public struct Instruction: Hashable, Sendable {
  /// What an instruction says.
  public enum Kind: Hashable, Sendable {
    /// `CMD`.
    case command(CommandLine)
    /// `ENTRYPOINT`.
    case entrypoint(CommandLine)
    /// `ENV`.
    case environment([Pair])
    /// `EXPOSE`.
    case expose([Word])
    /// `HEALTHCHECK`; the options' words hold no variables.
    case healthcheck(HealthcheckTest)
    /// `LABEL`.
    case labels([Pair])
    /// `ONBUILD`, with the instruction that is kept for later.
    case onBuild(String)
    /// `SHELL`.
    case shell([String])
    /// `STOPSIGNAL`.
    case stopSignal(Word)
    /// `USER`.
    case user(Word)
    /// `VOLUME`.
    case volumes([Word])
    /// `WORKDIR`.
    case workingDirectory(Word)
  }

  /// What it says.
  public var kind: Kind
  /// Its name in capitals.
  public var name: String
  /// Where it starts.
  public var position: SourcePosition
  /// The character that escapes others in it: `\` or a backquote.
  public var escape: Unicode.Scalar
}

/// What `HEALTHCHECK` says.
public enum HealthcheckTest: Hashable, Sendable {
  /// `NONE`: a test of the base image is switched off.
  case none
  /// `CMD`, with its options. Durations are nanoseconds; 0 is the default of docker.
  case command(
    CommandLine, interval: Int64, timeout: Int64, startPeriod: Int64, startInterval: Int64, retries: Int64)
}
