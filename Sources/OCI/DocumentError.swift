/// A manifest, index, configuration or other document that is refused, and why.
public enum DocumentError: Error, Equatable, Sendable {
  /// It is no JSON that we accept. First the name of the document, as "manifest".
  case syntax(document: String, JSONError)
  /// Something in it is missing, of the wrong kind or contradicts something else. The field is a path
  /// as `layers[2].digest`; empty for the whole document.
  case field(document: String, path: String, problem: String)
}

extension DocumentError: CustomStringConvertible {
  /// What was wrong and where, in a person's words.
  public var description: String {
    switch self {
    case .syntax(let document, let error): "the \(document) is not valid JSON: \(error)"
    case .field(let document, "", let problem): "the \(document) \(problem)"
    case .field(let document, let path, let problem): "the \(document)'s \(path) \(problem)"
    }
  }
}
