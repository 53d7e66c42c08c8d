import Glibc
public import Posix
import Synchronization
public import SystemPackage

/// A lock of a cache's directory, which ends with this object, or with the process.
public final class CacheLock: Sendable {
  private let file: Descriptor

  private init(_ file: consuming Descriptor) { self.file = file }

  /// The lock under which things are removed. Waits while another process has it.
  ///
  /// - Throws: `PosixError`.
  public static func removing(in directory: FilePath) throws(PosixError) -> CacheLock {
    let path = directory.appending("lock")
    let file = try openFile(path, .createOrOpen(0o644))
    while flock(file.raw, LOCK_EX) != 0 {
      if errno != EINTR { throw PosixError("lock", path.string, Errno(rawValue: errno)) }
    }
    return CacheLock(file)
  }

  /// The lock that nobody gets while a process uses packages by their names; nil when one does.
  ///
  /// - Throws: `PosixError`.
  public static func idlePackages(in directory: FilePath) throws(PosixError) -> CacheLock? {
    let path = directory.appending(useName)
    let file = try openFile(path, .createOrOpen(0o644))
    while flock(file.raw, LOCK_EX | LOCK_NB) != 0 {
      if errno == EWOULDBLOCK { return nil }
      if errno != EINTR { throw PosixError("lock", path.string, Errno(rawValue: errno)) }
    }
    return CacheLock(file)
  }

  private static let useName = "packages.lock"
  private static let used = Mutex<[String: Int32]>([:])

  /// Says that this process uses packages by their names, until it ends or says that it needs no more.
  ///
  /// Nothing happens where the directory can't be written to: nobody can remove anything there either.
  public static func usePackages(in directory: FilePath) {
    used.withLock { used in
      guard used[directory.string] == nil,
        let file = try? openFile(directory.appending(useName), .createOrOpen(0o644))
      else { return }
      let raw = file.release()
      while flock(raw, LOCK_SH) != 0, errno == EINTR {}
      used[directory.string] = raw
    }
  }

  /// Says that this process needs no packages any more.
  public static func leavePackages() {
    used.withLock { used in
      for raw in used.values { close(raw) }
      used = [:]
    }
  }
}
