import Debian
import Digest
public import Fetch
import Glibc
import Posix
public import SystemPackage

/// Fetches the packages of a plan into the cache, each checked by size and SHA-256 while it comes.
public struct PackageFetch: Sendable {
  /// Where they go.
  public var cache: PackageCache
  /// Whether only the cache, and archives on this machine, may be read.
  public var isOffline = false
  /// How patient downloads are.
  public var transfer = TransferOptions()
  /// How many are fetched at once.
  public var connections = 6
  /// Is told how many bytes must be fetched in all, once that is known.
  public var onTotal: @Sendable (UInt64) -> Void = { _ in }
  /// Is told how many bytes have come since the last call; negative when some are dropped.
  public var onBytes: @Sendable (Int) -> Void = { _ in }

  /// A package that is present.
  public struct Fetched: Sendable, Equatable {
    /// Where it is: in the cache, or in an archive on this machine.
    public var path: FilePath
    /// Whether it came into the cache just now.
    public var isNew: Bool
  }

  /// A fetch into `cache`.
  public init(into cache: PackageCache) { self.cache = cache }

  /// Makes all packages of a plan present.
  ///
  /// - Returns: each of them, in the plan's order. Each has the size and the digest that its index names, those in the cache too.
  /// - Throws: `BootstrapError`.
  public func fetch(_ plan: BootstrapPlan) throws(BootstrapError) -> [Fetched] {
    var fetched: [Fetched] = []
    var missing: [CachedPackage] = []
    var cached: [(FilePath, BootstrapPlan.Package)] = []
    var local: [(FilePath, BootstrapPlan.Package)] = []
    for package in plan.packages {
      if let path = try ArchiveFiles.localPath(package.url) {
        local.append((path, package))
        fetched.append(Fetched(path: path, isNew: false))
        continue
      }
      let target = CachedPackage(package, cache)
      fetched.append(Fetched(path: target.path, isNew: !target.isThere))
      if target.isThere {
        PackageCache.touch(target.path)
        cached.append((target.path, package))
        continue
      }
      if missing.contains(where: { $0.digest == target.digest }) { continue }
      if isOffline { throw .offline(package.url) }
      missing.append(target)
    }
    // Disks forget, and other programs write: what has other bytes now is fetched again.
    let areWhole = try inParallel(cached) { one throws(BootstrapError) in try Self.isWhole(one.0, one.1) }
    for (one, isWhole) in zip(cached, areWhole) where !isWhole {
      if isOffline { throw .offline(one.1.url) }
      _ = one.0.withPlatformString { unlink($0) }
      let target = CachedPackage(one.1, cache)
      if !missing.contains(where: { $0.digest == target.digest }) { missing.append(target) }
    }
    _ = try inParallel(local) { one throws(BootstrapError) in try Self.checkLocal(one.0, one.1) }
    if missing.isEmpty { return fetched }
    onTotal(missing.reduce(0) { $0 + $1.size })
    do {
      let downloader = try Downloader(options: transfer, connections: connections) { [onBytes] in onBytes($0)
      }
      // What other processes are fetching just now comes last; nothing is held while it is waited for.
      while !missing.isEmpty {
        var mine: [CachedPackage] = []
        for target in missing where try target.begin() {
          if target.isThere { target.abandon() } else { mine.append(target) }
        }
        mine.forEach { onBytes(Int($0.received)) }
        if !mine.isEmpty { try downloader.run(mine) }
        missing.removeAll { $0.isThere }
        if mine.isEmpty, !missing.isEmpty { usleep(50_000) }
      }
    } catch {
      throw BootstrapError(ending: error) ?? .badMirror("\(error)")
    }
    return fetched
  }

  /// Whether a package in the cache is still what it was when it came.
  private static func isWhole(
    _ path: FilePath, _ package: BootstrapPlan.Package
  ) throws(BootstrapError) -> Bool {
    do throws(BootstrapError) {
      try checkLocal(path, package)
      return true
    } catch {
      if case .download = error { return false }
      throw error
    }
  }

  private static func checkLocal(_ path: FilePath, _ package: BootstrapPlan.Package) throws(BootstrapError) {
    let size: UInt64
    let found: Digest
    do throws(PosixError) {
      let file = try openFile(path, .read)
      size = try file.size()
      found = size == package.record.size ? try digest(file, size: size) : package.record.sha256
    } catch {
      if error.errno == .noSuchFileOrDirectory { throw .download(FetchError(path.string, .status(404))) }
      throw .system(error)
    }
    if size != package.record.size {
      throw .download(
        FetchError(path.string, .wrongSize(expected: package.record.size, received: size, isPage: false)))
    }
    if found != package.record.sha256 { throw .download(FetchError(path.string, .wrongDigest)) }
  }
}

/// The SHA-256 of a file's first `size` bytes.
private func digest(_ file: borrowing Descriptor, size: UInt64) throws(PosixError) -> Digest {
  try hashed(file, size: size).finish()
}

private func hashed(_ file: borrowing Descriptor, size: UInt64) throws(PosixError) -> SHA256 {
  var hash = SHA256()
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
  defer { buffer.deallocate() }
  var offset: UInt64 = 0
  while offset < size {
    let part = UnsafeMutableRawBufferPointer(
      rebasing: buffer[..<Int(min(UInt64(buffer.count), size - offset))])
    let count = try file.read(into: part, at: offset)
    if count == 0 { break }
    hash.update(UnsafeRawBufferPointer(rebasing: part[..<count]))
    offset += UInt64(count)
  }
  return hash
}

/// One package on its way into the cache.
///
/// The part file is locked while it grows, so that no two processes write it; one that is left of a process
/// that was ended is gone on with.
private final class CachedPackage: DownloadTarget {
  let urls: [String]
  let size: UInt64
  let digest: Digest
  let path: FilePath
  private let part: FilePath
  private var file: Int32 = -1
  private var hash: SHA256?
  private(set) var received: UInt64 = 0

  init(_ package: BootstrapPlan.Package, _ cache: PackageCache) {
    urls = [package.url]
    size = package.record.size
    digest = package.record.sha256
    path = cache.package(digest)
    part = cache.part(digest)
  }

  deinit { release() }

  /// Whether the cache has it, with the right size.
  var isThere: Bool {
    var status = stat()
    return path.withPlatformString { stat($0, &status) } == 0 && UInt64(status.st_size) == size
      && status.st_mode & S_IFMT == S_IFREG
  }

  func release() {
    if file >= 0 { close(file) }
    file = -1
    hash = nil
    received = 0
  }

  /// Gives the part file up, which is not needed: another process has finished the package.
  func abandon() {
    if file >= 0 { _ = part.withPlatformString { unlink($0) } }
    release()
  }

  /// Takes the part file, with what is in it already; false while another process has it.
  func begin() throws -> Bool {
    if file >= 0 { return true }
    let raw = try openFile(part, .createOrOpen(0o666)).release()
    guard flock(raw, LOCK_EX | LOCK_NB) == 0 else {
      close(raw)
      return false
    }
    // Another process may have finished and removed it between the two calls.
    var mine = stat()
    var named = stat()
    guard fstat(raw, &mine) == 0, part.withPlatformString({ stat($0, &named) }) == 0,
      mine.st_ino == named.st_ino,
      mine.st_dev == named.st_dev
    else {
      close(raw)
      return false
    }
    file = raw
    received = min(UInt64(mine.st_size), size)
    let descriptor = Descriptor(owning: dup(raw))
    hash = try hashed(descriptor, size: received)
    if lseek(raw, off_t(received), SEEK_SET) < 0 || ftruncate(raw, off_t(received)) != 0 {
      throw PosixError("write", part.string, Errno(rawValue: errno))
    }
    return true
  }

  func receive(_ bytes: UnsafeRawBufferPointer) throws {
    do {
      try writeAll(file, bytes)
    } catch {
      throw PosixError("write", part.string, error.errno)
    }
    if var hash = hash.take() {
      hash.update(bytes)
      self.hash = consume hash
    }
    received += UInt64(bytes.count)
  }

  func restart() throws {
    received = 0
    hash = SHA256()
    if lseek(file, 0, SEEK_SET) < 0 || ftruncate(file, 0) != 0 {
      throw PosixError("write", part.string, Errno(rawValue: errno))
    }
  }

  func finish() throws -> Bool {
    guard let hash = hash.take() else { return false }
    if hash.finish() != digest { return false }
    if Ending.isUnderway { throw PosixError("write", path.string, .canceled) }
    let result = part.withPlatformString { from in path.withPlatformString { to in rename(from, to) } }
    if result != 0 { throw PosixError("rename to", path.string, Errno(rawValue: errno)) }
    release()
    received = size
    return true
  }
}
