/// How far a compressed stream may expand, and how much memory it may ask for.
///
/// The defaults let every honest stream pass and stop a bomb before a disk or a day is lost:
/// - Size and ratio count together over all members of the stream.
/// - A high ratio alone is no sign of a bomb: deflate makes 10 MB of 10 GiB of zeros (1030:1), and an empty
///   disk image in a root file system does better than that with zstd. So the ratio counts only for the
///   output beyond `freeSize`.
/// - 16 GiB are more than any layer seen so far has of zeros alone.
public struct ExpansionLimits: Sendable, Hashable {
  /// Which limit was hit, with its value.
  public enum Limit: Sendable, Hashable {
    /// `maximumSize`.
    case size(UInt64)
    /// `maximumRatio`.
    case ratio(UInt64)
    /// `maximumWindow`.
    case window(UInt64)
  }

  /// The most bytes of output.
  public var maximumSize: UInt64
  /// The most bytes of output for each byte of input, in the output beyond `freeSize`.
  public var maximumRatio: UInt64
  /// Output, in bytes, that is free of the ratio's limit.
  public var freeSize: UInt64
  /// The most bytes that a stream may have its decoder remember (zstd's window, xz's dictionary; gzip and
  /// bzip2 need less than 1 and 4 MiB). zstd knows only powers of two: the next lower one counts.
  public var maximumWindow: UInt64

  /// Limits; each has a generous default.
  public init(
    maximumSize: UInt64 = 1 << 40, maximumRatio: UInt64 = 2000, freeSize: UInt64 = 16 << 30,
    maximumWindow: UInt64 = 128 << 20
  ) {
    self.maximumSize = maximumSize
    self.maximumRatio = maximumRatio
    self.freeSize = freeSize
    self.maximumWindow = maximumWindow
  }

  /// 1 TiB; 2000:1 beyond 16 GiB; 128 MiB of memory.
  public static let `default` = ExpansionLimits()

  /// The limit that a stream of `produced` bytes out of `consumed` has passed, if any.
  func passed(produced: UInt64, consumed: UInt64) -> Limit? {
    if produced > maximumSize { return .size(maximumSize) }
    guard produced > freeSize else { return nil }
    let (allowed, overflow) = maximumRatio.multipliedReportingOverflow(by: consumed)
    return !overflow && produced - freeSize > allowed ? .ratio(maximumRatio) : nil
  }
}

extension ExpansionLimits.Limit: CustomStringConvertible {
  /// Which limit, and its value.
  public var description: String {
    switch self {
    case .size(let size): "it expands beyond the limit of \(size) bytes"
    case .ratio(let ratio): "it expands beyond the limit of \(ratio) bytes for each compressed byte"
    case .window(let size): "it needs more memory to decompress than the limit of \(size) bytes"
    }
  }
}
