public import Fetch

/// Why a registry could not be read or written, and which.
public struct RegistryError: Error, Sendable {
  /// Why.
  public enum Reason: Sendable {
    /// There is no such repository or image, or nobody without credentials may know.
    case notFound(String)
    /// The registry wants credentials and there are none, or doesn't take those that there are.
    case unauthorized(String)
    /// The registry answered a request with this status, and these words of its own.
    case refused(request: String, status: Int, words: String)
    /// What it answered is not what the specification has.
    case protocolViolation(String)
    /// It leads to somewhere that is not followed.
    case refusedURL(String)
    /// A file of credentials or of configuration can't be used.
    case configuration(file: String, problem: String)
    /// A credential helper failed.
    case helper(String, problem: String)
    /// The connection failed.
    case fetch(FetchError)
  }

  /// Why.
  public var reason: Reason
  /// The registry, or the image in it, as the user wrote it.
  public var place: String

  init(_ reason: Reason, at place: String) {
    self.reason = reason
    self.place = place
  }
}

extension RegistryError: CustomStringConvertible {
  /// What was wrong and where, in a person's words.
  public var description: String {
    let what: String =
      switch reason {
      case .notFound(let what): what
      case .unauthorized(let what): what
      case .refused(let request, let status, let words):
        "the registry answered \(request) with \(FetchError.phrase(status))"
          + (words.isEmpty ? "" : ": \(words)")
      case .protocolViolation(let what): "the registry \(what)"
      case .refusedURL(let what): what
      case .configuration(let file, let problem): "\(file): \(problem)"
      case .helper(let name, let problem): "the credential helper \(name) \(problem)"
      case .fetch(let error): "\(error)"
      }
    return place.isEmpty ? what : "\(place): \(what)"
  }
}
