public import Digest
import Glibc
public import Posix
public import SystemPackage

/// A folder of what was made before: blobs under the digest of their content, and small records under the
/// digest of what went into them.
///
/// Several processes can use it at once. Everything appears complete under its name or not at all; what is
/// read is verified each time, and removed when it is not what it should be; what is in use stays readable
/// after it was removed. The whole is bounded: what was not used for longest goes first, under a lock on the
/// folder.
public final class Cache: Sendable {
  /// Where it is.
  public let directory: FilePath
  /// How many bytes it may have.
  public let limit: UInt64

  /// The limit when none is given.
  public static let defaultLimit: UInt64 = 10_000_000_000

  /// The most bytes that a record may have.
  private static let recordLimit: UInt64 = 1 << 20

  /// Opens a cache, which is made when missing.
  ///
  /// - Throws: `CacheError`.
  public init(_ directory: FilePath, limit: UInt64 = Cache.defaultLimit) throws {
    self.directory = directory
    self.limit = limit
    do {
      try makeDirectories(CacheFolder.blobs.path(in: directory), permissions: 0o755)
      try makeDirectories(CacheFolder.records.path(in: directory), permissions: 0o755)
    } catch {
      throw CacheError(description: "the cache can't be used: \(error); name another with --cache DIR")
    }
  }

  // MARK: Blobs

  func path(of digest: Digest) -> FilePath { CacheFolder.blobs.path(in: directory).appending(digest.hex) }

  /// A blob; nil when it isn't there, or was damaged (then it is removed).
  public func blob(_ digest: Digest) throws -> CachedBlob? {
    let path = path(of: digest)
    guard let file = try open(path) else { return nil }
    let size = try file.size()
    var hash = SHA256()
    var offset: UInt64 = 0
    let raw = file.raw
    try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 4096) { buffer in
      while case let count = try readFull(raw, into: buffer, at: offset), count > 0 {
        hash.update(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
        offset += UInt64(count)
      }
    }
    guard offset == size, hash.finish() == digest else {
      remove(path)
      return nil
    }
    touch(raw)
    return CachedBlob(file, digest: digest, size: size)
  }

  /// Begins a blob.
  public func beginBlob() throws -> NewBlob {
    NewBlob(self, try GrowingFile(CacheFolder.blobs.path(in: directory).appending("new")))
  }

  // MARK: Records

  private func path(of key: CacheKey) -> FilePath {
    CacheFolder.records.path(in: directory).appending("\(key.kind)-\(key.digest.hex)")
  }

  /// A record; nil when there is none, or it was damaged (then it is removed).
  public func record(_ key: CacheKey) throws -> [UInt8]? {
    let path = path(of: key)
    guard let file = try open(path) else { return nil }
    let size = try file.size()
    guard size >= 32, size <= Self.recordLimit + 32 else {
      remove(path)
      return nil
    }
    var bytes = [UInt8](repeating: 0, count: Int(size))
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    guard count == bytes.count, let content = Self.content(of: bytes, for: key) else {
      remove(path)
      return nil
    }
    touch(file.raw)
    return content
  }

  /// Keeps a record, in place of one that was there.
  public func setRecord(_ content: [UInt8], for key: CacheKey) throws {
    precondition(UInt64(content.count) <= Self.recordLimit, "a record is small")
    let bytes = Self.checksum(key, content).bytes + content
    guard try makeRoom(for: UInt64(bytes.count)) else { return }
    var file = try AtomicFile(path(of: key))
    try bytes.withUnsafeBytes { try file.descriptor.write($0) }
    try file.commit()
  }

  /// What is in a record's file; nil when it is damaged. The key is checked too, so that a record under a wrong
  /// name doesn't count.
  public static func content(of file: [UInt8], for key: CacheKey) -> [UInt8]? {
    let content = Array(file.dropFirst(32))
    guard file.count >= 32, checksum(key, content).bytes.elementsEqual(file.prefix(32)) else { return nil }
    return content
  }

  private static func checksum(_ key: CacheKey, _ content: [UInt8]) -> Digest {
    SHA256.digest(Array("\(key.kind) \(key.digest)\n".utf8) + content)
  }

  // MARK: The bound

  /// Removes what was not used for longest, whatever it is, until so many bytes more fit; false when they never
  /// will. What a running process may need stays, and isn't counted.
  func makeRoom(for more: UInt64) throws -> Bool {
    if more > limit { return false }
    if try CacheListing.bytes(in: directory) + more <= limit { return true }
    try Self.keep(directory, within: limit - more)
    return true
  }

  /// Removes from a cache what was not used for longest until it has no more than so many bytes. What a running
  /// process may need stays, and isn't counted.
  ///
  /// - Throws: `PosixError`.
  public static func keep(_ directory: FilePath, within limit: UInt64) throws(PosixError) {
    if try CacheListing.bytes(in: directory) <= limit { return }
    var pruning = CachePruning()
    pruning.size = limit
    pruning.countsWhatStays = false
    _ = try pruning.run(directory, now: Int64(time(nil)))
  }

  /// Removes what was not used for longest until the cache is within its limit.
  public func trim() throws { _ = try makeRoom(for: 0) }

  // MARK: Files

  func open(_ path: FilePath) throws -> Descriptor? {
    do throws(PosixError) {
      let file = try openFile(path, .read)
      if try !file.isRegularFile() { return nil }
      return consume file
    } catch {
      if error.errno == .noSuchFileOrDirectory { return nil }
      throw error
    }
  }

  /// What another process has removed already is gone too.
  func remove(_ path: FilePath) { _ = path.withPlatformString { unlink($0) } }

  /// Notes that it was used just now. That only orders what goes first, so it may fail where the cache can't
  /// be written to. The time of change stays: it vouches for the content (`BlobMark`).
  func touch(_ raw: Int32) {
    let now = timespec(tv_sec: 0, tv_nsec: (1 << 30) - 1)  // UTIME_NOW
    let same = timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2)  // UTIME_OMIT
    _ = futimens(raw, [now, same])
  }
}
