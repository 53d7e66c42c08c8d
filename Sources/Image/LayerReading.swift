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
    do {
      let decompressor = try Decompressor(stored, limits: expansionLimits, tap: tap)
      defer { decompressor.close() }
      let tar = HashedSource(decompressor)
      let reader = TarReader(tar, limits: archiveLimits)
      do {
        try body(reader)
        while try reader.next() != nil {}
        try reader.drain()
      } catch let error as ArchiveError where error.reason == .unknownFormat && tar.count == 0 {
        // No bytes at all are an empty layer, not a strange archive.
        try body(NoEntries())
      }
      let found = tar.finish()
      if found != diffID { throw error(.diffID(expected: diffID, found: found)) }
      return tar.count
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

  private func error(_ reason: LayerReadingError.Reason) -> LayerReadingError {
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

/// Hashes and counts what is read through it.
private final class HashedSource: ByteSource {
  private let source: Decompressor
  private var hash: SHA256? = SHA256()
  private(set) var count: UInt64 = 0

  init(_ source: Decompressor) { self.source = source }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let got = try source.read(into: buffer)
    hash?.update(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<got]))
    count += UInt64(got)
    return got
  }

  /// The digest of all that was read; asked once.
  func finish() -> Digest { (hash.take() ?? SHA256()).finish() }
}

/// A layer without a single byte.
private final class NoEntries: EntrySource {
  func next() -> Entry? { nil }
  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int { 0 }
}
