/// Where entries come from, one after the other: a tar stream, a directory, another archive.
public protocol EntrySource: AnyObject {
  /// The next entry, or nil at the end. What was not read of the one before is skipped.
  func next() throws -> Entry?

  /// Reads the data of the current file, holes as zeros; 0 when all `size` bytes were given.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// A source whose files may have holes, and that can give what is stored of them alone.
public protocol SparseSource: EntrySource {
  /// The runs of the current file's data that are stored, in order.
  var extents: [DataExtent] { get }

  /// Reads the stored bytes of the current file alone, one extent after the other; 0 at their end.
  ///
  /// Either this or `read(into:)` is used for one entry.
  func readStored(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// A run of a file's data that is stored; the rest of a sparse file is zeros.
public struct DataExtent: Sendable, Hashable {
  /// Where it stands in the file.
  public var offset: UInt64
  /// How many bytes it has.
  public var count: UInt64

  /// An extent.
  public init(offset: UInt64, count: UInt64) {
    self.offset = offset
    self.count = count
  }
}
