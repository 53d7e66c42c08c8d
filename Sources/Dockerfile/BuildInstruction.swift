/// An instruction of a build stage, as it was written.
public struct BuildInstruction: Hashable, Sendable {
  /// What an instruction says.
  public enum Kind: Hashable, Sendable {
    /// `ARG`.
    case argument([ArgumentDeclaration])
    /// `COPY`, `ADD`.
    case transfer(Transfer)
    /// `MAINTAINER`, which is deprecated.
    case maintainer(String)
    /// `RUN`, which this suite doesn't do.
    case run
    /// One that changes the configuration; `WORKDIR` makes a directory too.
    case change(Instruction)
  }

  /// What it says.
  public var kind: Kind
  /// Its name in capitals.
  public var name: String
  /// What follows its name, as it was written, on one line.
  public var text: String
  /// Where it starts.
  public var position: SourcePosition
  /// The character that escapes others in it.
  public var escape: Unicode.Scalar

  /// Puts variables into a word, and resolves its quotes.
  ///
  /// - Parameter variable: gives the value of a variable; nil when it isn't set.
  public func expand(
    _ word: Word, _ variable: @escaping (String) -> String?
  ) throws(DockerfileError) -> String {
    try WordExpansion.expand(word, escape: escape, instruction: name, variable)
  }

  /// The text of a heredoc with its variables put in.
  public func expand(
    _ heredoc: Heredoc, _ variable: @escaping (String) -> String?
  ) throws(DockerfileError) -> String {
    if !heredoc.expands { return heredoc.content }
    return try WordExpansion.expand(
      text: heredoc.content, at: heredoc.position, instruction: name, variable)
  }

  /// An error in it.
  public func error(_ reason: DockerfileError.Reason, at position: SourcePosition? = nil) -> DockerfileError {
    DockerfileError(reason, name, position ?? self.position)
  }
}

/// `NAME` or `NAME=DEFAULT` of `ARG`.
public struct ArgumentDeclaration: Hashable, Sendable {
  /// The name.
  public var name: Word
  /// Its default; nil without `=`.
  public var value: Word?
}

/// What `COPY` and `ADD` say.
public struct Transfer: Hashable, Sendable {
  /// Something to copy.
  public enum Source: Hashable, Sendable {
    /// A path or pattern, for `ADD` also a URL.
    case path(Word)
    /// A text in the Dockerfile.
    case text(Heredoc)
  }

  /// Whether it is `ADD`.
  public var isAdd: Bool
  /// What is copied, at least one.
  public var sources: [Source]
  /// Where to.
  public var destination: Word
  /// `--from`: another stage or image.
  public var from: Word?
  /// `--chown`.
  public var owner: Word?
  /// `--chmod`.
  public var mode: Word?
  /// `--checksum` of a URL.
  public var checksum: Word?
  /// `--exclude` patterns.
  public var excludes: [Word] = []
  /// `--link`: the destination's symlinks are not followed.
  public var isLinked = false
  /// `--parents`: the directories above the sources are copied too.
  public var keepsParents = false
  /// `--unpack` of `ADD`; nil when it wasn't given.
  public var unpacks: Bool?

  init(isAdd: Bool, sources: [Source], destination: Word) {
    self.isAdd = isAdd
    self.sources = sources
    self.destination = destination
  }
}

/// A stage: `FROM` and what follows it.
public struct BuildStage: Hashable, Sendable {
  /// The image or stage that it stands on.
  public var base: Word
  /// `--platform`.
  public var platform: Word?
  /// Its name in lower case; nil without `AS`.
  public var name: String?
  /// Where `FROM` stands.
  public var position: SourcePosition
  /// The instructions.
  public var instructions: [BuildInstruction] = []
}

/// A whole Dockerfile, as it was written.
/// <https://docs.docker.com/reference/dockerfile/>
public struct Dockerfile: Hashable, Sendable {
  /// `ARG`s before the first `FROM`.
  public var globals: [BuildInstruction] = []
  /// The stages, at least one.
  public var stages: [BuildStage] = []
  /// The character that escapes others.
  public var escape: Unicode.Scalar
  /// What is deprecated or likely a mistake.
  public var warnings: [DockerfileWarning] = []

  /// Puts variables into a word of a `FROM`.
  public func expand(
    _ word: Word, _ variable: @escaping (String) -> String?
  ) throws(DockerfileError) -> String {
    try WordExpansion.expand(word, escape: escape, instruction: "FROM", variable)
  }
}

/// Something in a Dockerfile that is allowed and still not good.
public struct DockerfileWarning: Hashable, Sendable {
  /// What, in a person's words.
  public var text: String
  /// Where.
  public var position: SourcePosition
}
