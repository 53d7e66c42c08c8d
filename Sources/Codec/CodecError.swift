/// What went wrong in a compressed stream, and where.
///
/// Errors of the source that is read, or of the output that is written, pass through as they are.
public struct CodecError: Error, Sendable, Equatable {
  /// What is wrong.
  public enum Kind: Sendable, Equatable {
    /// Settings that don't exist, in words.
    case invalidSetting(String)
    /// The stream ends before its end.
    case truncated
    /// The stream breaks its format, in words.
    case corrupted(String)
    /// The decompressed bytes are not those that were compressed.
    case wrongChecksum
    /// Something follows the end of the stream.
    case trailingGarbage
    /// The stream uses a variant that is not read here, in words.
    case unsupported(String)
    /// A limit of `ExpansionLimits` was hit.
    case limit(ExpansionLimits.Limit)
    /// The library could not work, in words: most likely no memory.
    case failed(String)
    /// The stream was closed or cancelled before.
    case closed
  }

  /// What is wrong.
  public var kind: Kind
  /// The format of the stream; nil when the error is about no stream.
  public var format: Compression?
  /// How many compressed bytes come before the place; nil when there is no such place.
  public var offset: UInt64?

  /// An error in a stream of `format`, `offset` compressed bytes from its start.
  public init(_ kind: Kind, _ format: Compression? = nil, at offset: UInt64? = nil) {
    self.kind = kind
    self.format = format
    self.offset = offset
  }
}

extension CodecError: CustomStringConvertible {
  /// "gzip data at compressed byte 4711: the data ends too early".
  public var description: String {
    var result = ""
    if let format { result += format == .none ? "data" : "\(format.rawValue) data" }
    if let offset { result += " at compressed byte \(offset)" }
    if !result.isEmpty { result += ": " }
    return result + kind.description
  }
}

extension CodecError.Kind: CustomStringConvertible {
  /// The error in words.
  public var description: String {
    switch self {
    case .invalidSetting(let words): words
    case .truncated: "the data ends too early"
    case .corrupted(let words): "the data is corrupted: \(words)"
    case .wrongChecksum: "the data is corrupted: its checksum or length is wrong"
    case .trailingGarbage: "something else follows the end of the compressed data"
    case .unsupported(let words): "not supported: \(words)"
    case .limit(let limit): limit.description
    case .failed(let words): "the library failed: \(words)"
    case .closed: "already closed"
    }
  }
}
