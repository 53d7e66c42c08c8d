/// Bounds on archives from outside. The defaults are far above every real image.
public struct ArchiveLimits: Sendable, Hashable {
  /// The number of entries.
  public var entries: UInt64 = 20_000_000
  /// The bytes of a path or link target.
  public var pathLength = 16_384
  /// The parts of a path.
  public var pathDepth = 1_024
  /// The bytes of all extended headers of one entry (extended attributes are in there).
  public var extendedHeader: UInt64 = 16 << 20
  /// The data runs of one sparse file.
  public var sparseExtents = 1_000_000
  /// The bytes of all files together, holes included.
  public var totalSize: UInt64 = 1 << 40

  /// The defaults.
  public init() {}
}
