/// A place in a text: both counted from 1, the column in characters (Unicode scalars).
public struct SourcePosition: Hashable, Sendable, CustomStringConvertible {
  /// The line.
  public var line: Int
  /// The character in the line.
  public var column: Int

  /// A place.
  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// "line 2, column 7".
  public var description: String { "line \(line), column \(column)" }
}

/// An instruction that is refused, and where.
public struct DockerfileError: Error, Equatable, Sendable {
  /// Why an instruction is refused.
  public enum Reason: Equatable, Sendable {
    /// There is no instruction at all.
    case nothing
    /// No instruction has this name.
    case unknownInstruction(String)
    /// An instruction that can't be used to change a configuration.
    case notAChange(String)
    /// A parser directive that is there twice or has a wrong value.
    case directive(String)
    /// The instruction needs something that is missing.
    case missing(String)
    /// The instruction has something that it must not have.
    case unexpected(String)
    /// A JSON array that holds something else than strings.
    case notStrings
    /// `SHELL` must be a JSON array.
    case notJSON
    /// A word without `=` where `NAME=VALUE` was expected.
    case noEqualsSign(String)
    /// An option that the instruction doesn't have.
    case unknownOption(String)
    /// An option that needs a value.
    case optionWithoutValue(String)
    /// An option that was there before.
    case duplicateOption(String)
    /// A quote or brace that is not closed.
    case unclosed(String)
    /// A `${…}` that is not supported or malformed.
    case badSubstitution(String)
    /// A variable that must be set and isn't (`${NAME:?MESSAGE}`).
    case unset(name: String, message: String)
    /// Something that the rules of Dockerfiles don't allow; says what.
    case refused(String)
    /// A value that the instruction can't take, and what it takes.
    case badValue(String, expected: String)
  }

  /// Why it is refused.
  public var reason: Reason
  /// The instruction's name in capitals; empty when there is none yet.
  public var instruction: String
  /// Where.
  public var position: SourcePosition

  /// An error in an instruction.
  public init(_ reason: Reason, _ instruction: String, _ position: SourcePosition) {
    self.reason = reason
    self.instruction = instruction
    self.position = position
  }
}

extension DockerfileError.Reason: CustomStringConvertible {
  /// What was wrong, in a person's words.
  public var description: String {
    switch self {
    case .nothing: "there is no instruction"
    case .unknownInstruction(let name): "there is no instruction \(shown(name))"
    case .notAChange(let name): "\(name) can't be used to change a configuration"
    case .directive(let text): text
    case .missing(let what): "\(what) is missing"
    case .unexpected(let what): "\(what) is not allowed here"
    case .notStrings: "a JSON array must hold strings only"
    case .notJSON: "a JSON array is needed, as [\"/bin/sh\", \"-c\"]"
    case .noEqualsSign(let word): "\(shown(word)) has no \"=\"; NAME=VALUE is expected"
    case .unknownOption(let name): "there is no option \(shown(name))"
    case .optionWithoutValue(let name): "the option \(shown(name)) needs a value"
    case .duplicateOption(let name): "the option \(shown(name)) is there twice"
    case .unclosed(let what): "\(what) is not closed"
    case .badSubstitution(let text): "\(shown(text)) is no substitution that is supported"
    case .unset(let name, let message): "\(name): \(message)"
    case .refused(let text): text
    case .badValue(let value, let expected): "\(shown(value)) is not \(expected)"
    }
  }
}

extension DockerfileError: CustomStringConvertible {
  /// What was wrong and where, in a person's words.
  public var description: String {
    let start = instruction.isEmpty ? "" : "\(instruction): "
    return "\(start)\(reason) (\(position))"
  }
}

/// Text from outside for a message: quoted, escaped and cut.
func shown(_ text: String) -> String {
  let scalars = text.unicodeScalars
  let cut = scalars.prefix(100).map { $0 == "'" ? "'" : $0.escaped(asASCII: false) }.joined()
  return "\"" + cut + (scalars.count > 100 ? "…" : "") + "\""
}
