public import Dockerfile

/// Why a Dockerfile can't be built, and where in it.
public struct BuildError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The Dockerfile or `.dockerignore`, as the user named it.
  public var file: String
  /// Where in it; nil where it is about no place.
  public var position: SourcePosition?
  /// What was wrong, in a person's words.
  public var problem: String

  /// An error.
  public init(_ problem: String, in file: String, at position: SourcePosition? = nil) {
    self.problem = problem
    self.file = file
    self.position = position
  }

  /// An error that the parser found.
  public init(_ error: DockerfileError, in file: String) {
    let start = error.instruction.isEmpty ? "" : "\(error.instruction): "
    self.init("\(start)\(error.reason)", in: file, at: error.position)
  }

  /// "Dockerfile:3:6: COPY: …".
  public var description: String {
    guard let position else { return "\(file): \(problem)" }
    return "\(file):\(position.line):\(position.column): \(problem)"
  }
}

/// A problem of an instruction, which gets its place where the instruction is known.
struct StepProblem: Error, CustomStringConvertible {
  var description: String
  /// Where, if it is a certain word.
  var position: SourcePosition?

  init(_ description: String, at position: SourcePosition? = nil) {
    self.description = description
    self.position = position
  }
}
