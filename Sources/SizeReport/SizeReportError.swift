public import Digest

/// A layer that can't be reported on.
public struct SizeReportError: Error, Sendable, Equatable {
  /// What is wrong.
  public enum Reason: Sendable, Equatable {
    /// Its uncompressed bytes have another digest than the image's configuration says.
    case diffID(expected: Digest, found: Digest)
    /// It could not be read, or its entries mean no tree.
    case layer(String)
  }

  /// What is wrong.
  public var reason: Reason
  /// The layer, from 1 for the lowest.
  public var layer: Int
  /// The digest of its stored bytes.
  public var digest: Digest
}

extension SizeReportError: CustomStringConvertible {
  /// What was wrong and where, in one line.
  public var description: String {
    let place = "layer \(layer) (\(digest.short))"
    return switch reason {
    case .diffID(let expected, let found):
      "\(place): its uncompressed bytes have the digest \(found), but the image says \(expected)"
    case .layer(let what): "\(place): \(what)"
    }
  }
}
