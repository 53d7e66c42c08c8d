/// What one layer did to the tree that the layers below it make.
///
/// Paths are those of the tree that can be seen, before and after; the root, which is always there, is not
/// counted. Bytes are those of files, holes included, and each counts once however many names a file has.
public struct LayerChanges: Sendable, Hashable {
  /// A number of paths and the bytes that belong to them.
  public struct Amount: Sendable, Hashable {
    /// How many paths.
    public var paths: UInt64 = 0
    /// Bytes of files.
    public var bytes: UInt64 = 0

    /// Nothing.
    public init() {}

    mutating func add(bytes more: UInt64) { bytes = saturating(bytes, more) }
  }

  /// The entries of its archive, whiteouts included.
  public var entries: UInt64 = 0
  /// Its whiteouts and opaque markers.
  public var whiteouts: UInt64 = 0
  /// The files whose data it stores.
  public var files: UInt64 = 0
  /// The bytes of those files.
  public var bytes: UInt64 = 0
  /// Paths that could not be seen before, directories that no entry names included; the bytes are new data.
  public var added = Amount()
  /// Paths that could be seen before, and that an entry replaces or a directory takes the place of; the
  /// bytes are new data. A file whose new names are of both kinds counts here.
  public var changed = Amount()
  /// Paths that can't be seen any more; the bytes are those of their files that have no name left.
  public var removed = Amount()

  /// Nothing.
  public init() {}
}

/// A sum that stays at the largest number: sizes are what archives claim.
func saturating(_ one: UInt64, _ other: UInt64) -> UInt64 {
  let (sum, overflow) = one.addingReportingOverflow(other)
  return overflow ? .max : sum
}
