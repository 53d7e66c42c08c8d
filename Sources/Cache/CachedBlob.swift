public import Digest
public import Posix
import Synchronization

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
  public func open() -> any ByteSource { BlobRange(self) }

  fileprivate var raw: Int32 { file.raw }
}

/// All of a blob as a source that keeps it alive.
private final class BlobRange: ByteSource {
  private let blob: CachedBlob
  private let range: RangeSource

  init(_ blob: CachedBlob) {
    self.blob = blob
    range = RangeSource(blob.raw, offset: 0, count: blob.size)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try range.read(into: buffer) }
}

/// A blob that is being written: a file without a name in the cache until `finish`.
public final class NewBlob: Sendable {
  private struct State: ~Copyable {
    var file: AtomicFile
    var size: UInt64 = 0
  }

  private let cache: Cache
  private let state: Mutex<State>

  init(_ cache: Cache, _ file: consuming AtomicFile) {
    self.cache = cache
    state = Mutex(State(file: file))
  }

  /// How many bytes were written.
  public var size: UInt64 { state.withLock { $0.size } }

  /// Adds bytes at the end.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    nonisolated(unsafe) let bytes = bytes
    try state.withLock { state in
      try state.file.descriptor.write(bytes, at: state.size)
      state.size += UInt64(bytes.count)
    }
  }

  /// Reads at an offset; fewer bytes only at the end.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws -> Int {
    nonisolated(unsafe) let buffer = buffer
    return try state.withLock { try $0.file.descriptor.read(into: buffer, at: offset) }
  }

  /// Drops all bytes.
  public func reset() throws {
    try state.withLock { state in
      try state.file.descriptor.truncate(to: 0)
      state.size = 0
    }
  }

  /// Keeps the blob under its digest, which the caller made of all bytes that were written.
  ///
  /// One that is larger than the cache may be is readable all the same, but not kept.
  public func finish(_ digest: Digest) throws -> CachedBlob {
    let size = size
    let isKept = try cache.makeRoom(for: size)
    return try state.withLock { state in
      let file = try state.file.descriptor.duplicate()
      if isKept { try state.file.commit(as: cache.path(of: digest)) }
      return CachedBlob(file, digest: digest, size: size)
    }
  }
}
