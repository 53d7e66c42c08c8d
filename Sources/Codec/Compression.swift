/// How a stream of bytes is compressed.
public enum Compression: String, Sendable, CaseIterable {
  /// Not at all.
  case none
  /// RFC 1952.
  case gzip
  /// RFC 8878.
  case zstd
  /// The .xz file format, version 1.1.
  case xz
  /// bzip2.
  case bzip2
}

/// What to compress with, and how hard.
public struct CompressionSettings: Sendable, Hashable {
  /// The format.
  public let format: Compression
  /// The level, in the range that `levels` gives for the format; 0 for `none`.
  public let level: Int

  /// gzip at level 6: what every engine and registry reads.
  public static let `default` = CompressionSettings(.gzip)
  /// No compression.
  public static let none = CompressionSettings(.none)

  /// `format` at its usual level.
  public init(_ format: Compression) {
    self.format = format
    level = Self.defaultLevel(format)
  }

  /// `format` at `level`.
  ///
  /// - Throws: `CodecError` when the format has no such level.
  public init(_ format: Compression, level: Int) throws(CodecError) {
    guard Self.levels(format).contains(level) else {
      throw CodecError(.invalidSetting(Self.levelMessage(format, String(level))))
    }
    self.format = format
    self.level = level
  }

  /// Parses `FORMAT[:LEVEL]`, as in `gzip`, `zstd:9`.
  ///
  /// - Throws: `CodecError` (invalid setting) that names what is possible.
  public init(parsing text: String) throws(CodecError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = parts.first, let format = Compression(rawValue: String(name)) else {
      let known = Compression.allCases.map(\.rawValue).joined(separator: ", ")
      throw CodecError(.invalidSetting("unknown compression \"\(text)\"; known are \(known)"))
    }
    guard parts.count == 2 else {
      self.init(format)
      return
    }
    guard let level = Int(parts[1]), String(level) == parts[1] else {
      throw CodecError(.invalidSetting(Self.levelMessage(format, String(parts[1]))))
    }
    try self.init(format, level: level)
  }

  /// The levels that `format` has.
  public static func levels(_ format: Compression) -> ClosedRange<Int> {
    switch format {
    case .none: 0...0
    case .gzip: 1...9
    case .zstd: 1...19
    case .xz: 0...9
    case .bzip2: 1...9
    }
  }

  /// The level when none is named: that of the format's own tool, but for gzip, where a lower one already
  /// gives less than others write (docs/decisions/gzip-engine.md).
  public static func defaultLevel(_ format: Compression) -> Int {
    switch format {
    case .none: 0
    case .gzip: 4
    case .zstd: 3
    case .xz: 6
    case .bzip2: 9
    }
  }

  private static func levelMessage(_ format: Compression, _ level: String) -> String {
    if format == .none { return "compression none has no levels" }
    let levels = levels(format)
    return "\(format.rawValue) has no level \"\(level)\", only \(levels.lowerBound) to \(levels.upperBound)"
  }
}

extension CompressionSettings: CustomStringConvertible {
  /// What `init(parsing:)` reads: `zstd:3`.
  public var description: String { format == .none ? format.rawValue : "\(format.rawValue):\(level)" }
}
