public import Archive
public import Codec
public import Digest
public import OCI
public import Posix

/// Reads the tar of a layer, and checks that it is the one that the image means.
///
/// Each stored byte is read once, decompressed and hashed on its way; what opens the blob verifies its digest.
public struct LayerReading {
  /// The digest of the stored bytes.
  public var digest: Digest
  /// What the digest of the uncompressed bytes must be.
  public var diffID: Digest
  /// The layer, from 1 for the lowest; for messages.
  public var number: Int
  /// Bounds on the archive itself.
  public var archiveLimits = ArchiveLimits()
  /// Bounds on its decompression.
  public var expansionLimits = ExpansionLimits.default

  /// How the layer `number` of an image is read, from 1 for the lowest.
  public init(_ descriptor: OCI.Descriptor, diffID: Digest, number: Int) {
    digest = descriptor.digest
    self.diffID = diffID
    self.number = number
  }

  /// Reads the whole layer.
  ///
  /// - Parameters:
  ///   - stored: the stored bytes.
  ///   - tap: takes each piece of the stored bytes, on any one thread.
  ///   - body: takes the entries. What it leaves is read too.
  /// - Returns: the bytes of the tar.
  /// - Throws: `LayerReadingError`, `ImageError`.
  public func read(
    _ stored: any ByteSource, tap: (@Sendable (UnsafeRawBufferPointer) throws -> Void)? = nil,
    _ body: (any EntrySource) throws -> Void
  ) throws -> UInt64 {
    let layer = try OpenLayer(self, stored, tap: tap)
    defer { layer.close() }
    try placing {
      do {
        try body(layer.tar)
      } catch let error as ArchiveError where error.reason == .unknownFormat && layer.size == 0 {
        try body(NoEntries())
      }
    }
    while try layer.next() != nil {}
    return layer.size
  }

  /// Gives what goes wrong in a layer the layer's place.
  fileprivate func placing<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as ImageError {
      throw error
    } catch let error as LayerReadingError {
      throw error
    } catch let error as PosixError {
      // The disk's fault, or that of another place than the layer.
      throw error
    } catch {
      throw self.error(.layer(String(describing: error)))
    }
  }

  fileprivate func error(_ reason: LayerReadingError.Reason) -> LayerReadingError {
    LayerReadingError(reason: reason, layer: number, digest: digest)
  }
}

/// A layer that can't be read.
public struct LayerReadingError: Error, Sendable, Equatable {
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

extension LayerReadingError: CustomStringConvertible {
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

/// A layer that is being read: its entries one by one, and at their end what is promised of the layer is checked.
public final class OpenLayer: SparseSource {
  private let reading: LayerReading
  private let decompressor: Decompressor
  private let hash: TarHash
  private var isChecked = false
  /// The entries, without the check.
  let tar: TarReader

  /// Begins to read.
  ///
  /// - Parameters:
  ///   - ahead: how many bytes are decompressed ahead at most.
  ///   - tap: takes each piece of the stored bytes, on any one thread.
  /// - Throws: `LayerReadingError`, `ImageError`.
  public init(
    _ reading: LayerReading, _ stored: any ByteSource, ahead: Int = 1 << 20,
    tap: (@Sendable (UnsafeRawBufferPointer) throws -> Void)? = nil
  ) throws {
    self.reading = reading
    let hash = TarHash()
    self.hash = hash
    // Hashing has a thread of its own: it costs about as much as reading the entries does.
    decompressor = try reading.placing {
      try Decompressor(stored, limits: reading.expansionLimits, ahead: ahead, tap: tap) { hash.update($0) }
    }
    tar = TarReader(decompressor, limits: reading.archiveLimits, mayEndInData: true)
  }

  /// The bytes of the tar that were read.
  public var size: UInt64 { decompressor.givenBytes }

  /// The next entry; nil at the end, when all was read and is what it should be.
  ///
  /// - Throws: `LayerReadingError`, `ImageError`.
  public func next() throws -> Entry? {
    if isChecked { return nil }
    return try reading.placing {
      do {
        if let entry = try tar.next() { return entry }
      } catch let error as ArchiveError where error.reason == .unknownFormat && size == 0 {
        // No bytes at all are an empty layer, not a strange archive.
      }
      try tar.drain()
      isChecked = true
      let found = hash.finish()
      if found != reading.diffID { throw reading.error(.diffID(expected: reading.diffID, found: found)) }
      return nil
    }
  }

  /// Reads the data of the current file.
  ///
  /// - Throws: `LayerReadingError`, `ImageError`.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try reading.placing { try tar.read(into: buffer) }
  }

  /// The runs of the current file's data that the layer stores.
  public var extents: [DataExtent] { tar.extents }

  /// Reads the stored bytes of the current file.
  ///
  /// - Throws: `LayerReadingError`, `ImageError`.
  public func readStored(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try reading.placing { try tar.readStored(into: buffer) }
  }

  /// Stops reading.
  public func close() { decompressor.close() }
}

/// Hashes the bytes of a tar.
///
/// Used by one thread at a time: by the observer of a decompressor, and when all is read by its reader.
private final class TarHash: @unchecked Sendable {
  private var hash: SHA256? = SHA256()

  func update(_ bytes: UnsafeRawBufferPointer) { hash?.update(bytes) }

  /// The digest of all that was read; asked once.
  func finish() -> Digest { (hash.take() ?? SHA256()).finish() }
}

/// A layer without a single byte.
private final class NoEntries: EntrySource {
  func next() -> Entry? { nil }
  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int { 0 }
}
