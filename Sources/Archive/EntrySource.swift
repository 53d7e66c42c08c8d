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

/// A source whose files' data can be read again later, by their place in a file.
public protocol PlacedSource: EntrySource {
  /// Whether there are such places at all.
  var isPlaced: Bool { get }

  /// Where the data of the current file are, as long as the source lives; nil when they can only be read now.
  var place: DataPlace? { get }
}

/// Where the data of a file are.
public struct DataPlace: Sendable {
  /// The descriptor that has them, to be read by position; it belongs to the source.
  public var raw: Int32
  /// Where the stored bytes start.
  public var offset: UInt64
  /// The runs of the file's data that are stored, in order.
  public var extents: [DataExtent]

  /// A place in a descriptor.
  public init(raw: Int32, offset: UInt64, extents: [DataExtent]) {
    self.raw = raw
    self.offset = offset
    self.extents = extents
  }
}

/// An uncompressed tar in a file.
public final class PlacedTar: PlacedSource {
  private let reader: TarReader
  private let raw: Int32

  /// The tar that `reader` reads from the start of `raw`, which is read by position.
  public init(_ reader: TarReader, in raw: Int32) {
    self.reader = reader
    self.raw = raw
  }

  /// True.
  public var isPlaced: Bool { true }

  /// Where the data of the current file are.
  public var place: DataPlace? {
    DataPlace(raw: raw, offset: reader.dataOffset, extents: reader.extents)
  }

  /// The next entry.
  public func next() throws -> Entry? { try reader.next() }

  /// Reads the data of the current file, holes as zeros.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try reader.read(into: buffer) }
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
