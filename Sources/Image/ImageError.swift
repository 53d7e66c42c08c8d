public import Digest
public import OCI

/// Why an image can't be read, written or found, and where.
public struct ImageError: Error, Equatable, Sendable {
  /// Why.
  public enum Reason: Equatable, Sendable {
    /// A location is written wrongly.
    case location(problem: String)
    /// Somewhere that this version can't go to.
    case unsupported(String)
    /// What is there is no image in any form that is known; says what it is.
    case notAnImage(String)
    /// A document in it is refused.
    case document(DocumentError)
    /// A blob is missing or not what its descriptor says.
    case blob(Digest, problem: String)
    /// A file in an archive is missing or not what it should be.
    case file(String, problem: String)
    /// A limit of what is read.
    case limit(String)
    /// There is no such image; lists what there is.
    case noSuchImage(wanted: String, available: [String])
    /// Several images fit; lists them.
    case ambiguous(wanted: String, available: [String])
    /// The parts don't make an image.
    case inconsistent(String)
  }

  /// Why.
  public var reason: Reason
  /// The location or file concerned, as the user wrote it.
  public var place: String

  /// An error at a place.
  public init(_ reason: Reason, at place: String) {
    self.reason = reason
    self.place = place
  }
}

extension ImageError: CustomStringConvertible {
  /// What was wrong and where, in a person's words.
  public var description: String { place.isEmpty ? "\(reason)" : "\(place): \(reason)" }
}

extension ImageError.Reason: CustomStringConvertible {
  /// What was wrong, in a person's words.
  public var description: String {
    switch self {
    case .location(let problem): problem
    case .unsupported(let what): "\(what) is not supported by this version"
    case .notAnImage(let what): what
    case .document(let error): "\(error)"
    case .blob(let digest, let problem): "the blob \(digest) \(problem)"
    case .file(let name, let problem): "\(name) \(problem)"
    case .limit(let text): text
    case .noSuchImage(let wanted, let available):
      "there is no image \(wanted)" + Self.list(available, empty: "; there are no images at all")
    case .ambiguous(let wanted, let available):
      "several images fit \(wanted)" + Self.list(available, empty: "")
    case .inconsistent(let text): text
    }
  }

  private static func list(_ names: [String], empty: String) -> String {
    if names.isEmpty { return empty }
    let shown = names.prefix(20).joined(separator: ", ")
    return "; there is " + shown + (names.count > 20 ? " and \(names.count - 20) more" : "")
  }
}
