public import Digest
import Glibc
import Posix
public import SystemPackage

/// How a blob's file looked when its content was known to be right: who keeps it needn't hash the blob again as
/// long as the file looks the same.
public struct BlobMark: Hashable, Sendable {
  /// The digest of its bytes.
  public var digest: Digest
  /// Its size in bytes.
  public var size: UInt64
  /// When its content was changed last: whole seconds since 1970.
  public var seconds: Int64
  /// The nanoseconds beside them.
  public var nanoseconds: Int64
  /// The number of the file in its file system.
  public var inode: UInt64

  /// A mark from its parts.
  public init(digest: Digest, size: UInt64, seconds: Int64, nanoseconds: Int64, inode: UInt64) {
    self.digest = digest
    self.size = size
    self.seconds = seconds
    self.nanoseconds = nanoseconds
    self.inode = inode
  }

  fileprivate init(_ digest: Digest, _ status: stat) {
    self.init(
      digest: digest, size: UInt64(clamping: status.st_size), seconds: Int64(status.st_mtim.tv_sec),
      nanoseconds: Int64(status.st_mtim.tv_nsec), inode: UInt64(status.st_ino))
  }
}

/// Blobs as files, for those who hand them to other programs.
extension Cache {
  /// The mark of a blob that is there and is what it should be; nil where it is missing or was damaged.
  ///
  /// - Parameter known: an earlier mark: while the file looks like that, it isn't read.
  public func mark(of digest: Digest, known: BlobMark? = nil) throws -> BlobMark? {
    if let known, let file = try open(path(of: digest)), BlobMark(digest, status(file)) == known {
      touch(file.raw)
      return known
    }
    guard try blob(digest) != nil, let file = try open(path(of: digest)) else { return nil }
    return BlobMark(digest, status(file))
  }

  /// Keeps a file that somebody else wrote as a blob: it gets another name here, or is copied where it is in
  /// another file system.
  ///
  /// - Parameters:
  ///   - file: a file that nobody changes any more.
  ///   - digest: the digest of its content, as the writer says; the caller vouches for it.
  /// - Returns: its mark; nil when it is larger than the cache may be.
  public func adopt(_ file: FilePath, as digest: Digest) throws -> BlobMark? {
    if let mark = try mark(of: digest) { return mark }
    guard let source = try open(file) else {
      throw PosixError("keep", file.string, .noSuchFileOrDirectory)
    }
    let size = try source.size()
    guard try makeRoom(for: size) else { return nil }
    let target = path(of: digest)
    let linked = file.withPlatformString { from in target.withPlatformString { to in Glibc.link(from, to) } }
    if linked != 0, errno != EEXIST { return try copy(source, to: target, digest) }
    guard let kept = try open(target) else { return nil }
    return BlobMark(digest, status(kept))
  }

  /// Gives a blob another name, outside; false when it isn't there any more. Whatever happens to the cache, it
  /// stays there.
  public func link(_ digest: Digest, to target: FilePath) throws -> Bool {
    let source = path(of: digest)
    if source.withPlatformString({ from in target.withPlatformString { to in Glibc.link(from, to) } }) == 0 {
      return true
    }
    guard errno != ENOENT, let file = try open(source) else { return false }
    _ = try copy(file, to: target, digest)
    return true
  }

  private func copy(_ source: borrowing Descriptor, to target: FilePath, _ digest: Digest) throws -> BlobMark {
    var file = try AtomicFile(target)
    let raw = source.raw
    try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 4096) { buffer in
      var offset: UInt64 = 0
      while case let count = try readFull(raw, into: buffer, at: offset), count > 0 {
        try file.descriptor.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: offset)
        offset += UInt64(count)
      }
    }
    let mark = BlobMark(digest, status(file.descriptor))
    try file.commit()
    return mark
  }

  private func status(_ file: borrowing Descriptor) -> stat {
    var status = stat()
    fstat(file.raw, &status)
    return status
  }
}
