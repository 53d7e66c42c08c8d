public import Digest
public import Posix

/// A blob that was found or made. It stays readable as long as this object lives, whatever happens to its
/// name: another process may remove it to keep the cache small.
public final class CachedBlob: Sendable {
  /// The digest of its bytes, which were checked when it was found or made.
  public let digest: Digest
  /// Its size in bytes.
  public let size: UInt64
  private let file: Descriptor

  init(_ file: consuming Descriptor, digest: Digest, size: UInt64) {
    self.file = file
    self.digest = digest
    self.size = size
  }

  /// Its bytes, from the start.
  public func open() -> any ByteSource { RangeSource(file.raw, count: size, of: self) }
}

/// A blob that is being written: a file without a name in the cache until `finish`.
public final class NewBlob: Sendable {
  private let cache: Cache
  private let file: GrowingFile

  init(_ cache: Cache, _ file: GrowingFile) {
    self.cache = cache
    self.file = file
  }

  /// How many bytes were written.
  public var size: UInt64 { file.size }

  /// Adds bytes at the end.
  public func write(_ bytes: UnsafeRawBufferPointer) throws { try file.write(bytes) }

  /// Reads at an offset; fewer bytes only at the end.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws -> Int {
    try file.read(into: buffer, at: offset)
  }

  /// Drops all bytes.
  public func reset() throws { try file.reset() }

  /// Keeps the blob under its digest, which the caller made of all bytes that were written.
  ///
  /// One that is larger than the cache may be is readable all the same, but not kept.
  public func finish(_ digest: Digest) throws -> CachedBlob {
    let size = size
    let isKept = try cache.makeRoom(for: size)
    let readable = try file.duplicate()
    if isKept { try file.commit(as: cache.path(of: digest)) }
    return CachedBlob(readable, digest: digest, size: size)
  }
}
