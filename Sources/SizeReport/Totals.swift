import OCI
import Rootfs

extension ImageReport {
  /// Sums over all layers, and over the tree that they make. Sizes are in bytes.
  public struct Totals: Sendable, Hashable {
    /// What a pull transfers: the stored bytes of all layers.
    public var size: UInt64 = 0
    /// The bytes of the uncompressed tars.
    public var uncompressedSize: UInt64 = 0
    /// The entries of all layers.
    public var entries: UInt64 = 0
    /// The files whose data the layers store.
    public var storedFiles: UInt64 = 0
    /// The bytes of those files.
    public var storedBytes: UInt64 = 0
    /// What of these nothing in the tree leads to.
    public var wasted: UInt64 = 0
    /// The paths of the tree, without its root.
    public var paths: UInt64 = 0
    /// The files of the tree, however many names they have.
    public var files: UInt64 = 0
    /// The bytes of those files: `storedBytes` without `wasted`.
    public var bytes: UInt64 = 0
  }

  /// Sums over all layers, and over the tree that they make.
  public var totals: Totals {
    var totals = Totals()
    for layer in layers {
      totals.size = sum(totals.size, layer.descriptor.size)
      totals.uncompressedSize = sum(totals.uncompressedSize, layer.uncompressedSize)
      totals.entries += layer.changes.entries
      totals.storedFiles += layer.changes.files
      totals.storedBytes = sum(totals.storedBytes, layer.changes.bytes)
      totals.wasted = sum(totals.wasted, layer.wasted)
      totals.paths += layer.changes.added.paths
      totals.paths -= layer.changes.removed.paths
    }
    totals.files = UInt64(files.count)
    totals.bytes = files.reduce(0) { sum($0, stack[$1.file].size) }
    return totals
  }
}

/// A sum that stays at the largest number: sizes are what archives claim.
func sum(_ one: UInt64, _ other: UInt64) -> UInt64 {
  let (sum, overflow) = one.addingReportingOverflow(other)
  return overflow ? .max : sum
}
