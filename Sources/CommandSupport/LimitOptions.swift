public import Archive
public import ArgumentParser
public import Codec

/// How much an archive from outside may ask for; the defaults are far above every real image.
public struct LimitOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The most entries of an archive (default: 20000000).", valueName: "n"))
  var maxEntries: UInt64?

  @Option(help: ArgumentHelp("The most bytes of all files together (default: 1TiB).", valueName: "size"))
  var maxSize: ByteCount?

  @Option(help: ArgumentHelp("The most bytes of a name or link target (default: 16KiB).", valueName: "size"))
  var maxPathLength: ByteCount?

  @Option(help: ArgumentHelp("The most directories above a file (default: 1024).", valueName: "n"))
  var maxPathDepth: UInt32?

  @Option(
    help: ArgumentHelp("The most bytes of an entry's extended header (default: 16MiB).", valueName: "size"))
  var maxHeaderSize: ByteCount?

  @Option(help: ArgumentHelp("The most data runs of a sparse file (default: 1000000).", valueName: "n"))
  var maxSparseRuns: UInt32?

  @Option(
    help: ArgumentHelp(
      "The most bytes that a compressed one may become, beyond the first 16 GiB (default: 2000).",
      valueName: "n"))
  var maxRatio: UInt64?

  @Option(
    help: ArgumentHelp("The most memory that decompressing may need (default: 128MiB).", valueName: "size"))
  var maxWindow: ByteCount?

  /// Nothing given.
  public init() {}

  /// The limits of what an archive holds.
  public var archive: ArchiveLimits {
    var limits = ArchiveLimits()
    if let maxEntries { limits.entries = maxEntries }
    if let maxSize { limits.totalSize = maxSize.bytes }
    if let maxPathLength { limits.pathLength = Int(clamping: maxPathLength.bytes) }
    if let maxPathDepth { limits.pathDepth = Int(maxPathDepth) }
    if let maxHeaderSize { limits.extendedHeader = maxHeaderSize.bytes }
    if let maxSparseRuns { limits.sparseExtents = Int(maxSparseRuns) }
    return limits
  }

  /// The limits of what a compressed stream becomes.
  public var expansion: ExpansionLimits {
    var limits = ExpansionLimits.default
    if let maxSize { limits.maximumSize = maxSize.bytes }
    if let maxRatio { limits.maximumRatio = maxRatio }
    if let maxWindow { limits.maximumWindow = maxWindow.bytes }
    return limits
  }
}

/// A number of bytes as a user writes it: "4096", "10MB" (SI), "1.5GiB" (powers of 1024).
public struct ByteCount: ExpressibleByArgument, Hashable, Sendable {
  /// The number.
  public var bytes: UInt64

  init(_ bytes: UInt64) { self.bytes = bytes }

  /// Nil for anything else, and for what 64 bits don't hold.
  public init?(argument: String) {
    let text = argument.lowercased()
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let digits = number.split(separator: ".", omittingEmptySubsequences: false)
    guard digits.count <= 2, let first = digits.first, let whole = UInt64(first),
      let factor = Self.factor(text.dropFirst(number.count))
    else { return nil }
    var (bytes, overflow) = whole.multipliedReportingOverflow(by: factor)
    if digits.count == 2 {
      // Up to six digits after the point: exact for all units up to tera.
      guard (1...6).contains(digits[1].count), factor > 1, let part = UInt64(digits[1]) else { return nil }
      let scale = (0..<digits[1].count).reduce(UInt64(1)) { scale, _ in scale * 10 }
      let (product, tooLarge) = part.multipliedReportingOverflow(by: factor)
      let (sum, carry) = bytes.addingReportingOverflow(product / scale)
      bytes = sum
      overflow = overflow || tooLarge || carry
    }
    if overflow { return nil }
    self.bytes = bytes
  }

  private static func factor(_ unit: Substring) -> UInt64? {
    if unit.isEmpty || unit == "b" { return 1 }
    let letters = Array("kmgtpe")
    guard let letter = unit.first, let power = letters.firstIndex(of: letter) else { return nil }
    let base: UInt64
    switch unit.dropFirst() {
    case "", "b": base = 1000
    case "i", "ib": base = 1024
    default: return nil
    }
    return (0...power).reduce(1) { factor, _ in factor * base }
  }
}
