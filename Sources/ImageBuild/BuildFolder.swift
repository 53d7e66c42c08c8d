import Glibc
import Posix
import SystemPackage

/// The folder of one run in the cache, where images are handed from tool to tool: in the cache's file system, so
/// that blobs need no copies.
///
/// It is removed at the end and by signals; what a killed run left is removed by the next one, which sees that
/// nobody holds its lock.
final class BuildFolder: Sendable {
  let path: FilePath
  private let lock: Descriptor

  init(in cache: FilePath) throws {
    let parent = cache.appending("work")
    try makeDirectories(parent, permissions: 0o755)
    Self.removeLeftovers(in: parent)
    path = parent.appending(temporaryName("build"))
    TemporaryNames.shared.insert(path)
    try makeDirectories(path, permissions: 0o700)
    lock = try openFile(path.appending("lock"), .createNew(0o600))
    _ = flock(lock.raw, LOCK_EX | LOCK_NB)
    for name in ["images", "stages"] { try makeDirectories(path.appending(name)) }
  }

  /// The layout of an image, whether it is there yet or not.
  func layout(_ digest: String) -> FilePath {
    path.appending("images").appending(String(digest.dropFirst("sha256:".count)))
  }

  /// A new empty folder for one stage.
  func makeStageFolder() throws -> FilePath {
    let folder = path.appending("stages").appending(temporaryName("stage"))
    try makeDirectories(folder)
    return folder
  }

  /// Removes it; what a signal ends removes it itself.
  func remove() {
    if Ending.isUnderway { return }
    try? removeTree(path)
    TemporaryNames.shared.remove(path)
  }

  private static func removeLeftovers(in parent: FilePath) {
    guard let directory = try? openFile(parent, .directory),
      let names = try? listDirectory(directory.raw, shown: parent.string)
    else { return }
    for name in names {
      let folder = parent.appending(String(decoding: name, as: UTF8.self))
      guard let lock = try? openFile(folder.appending("lock"), .read) else {
        // A run that has made its folder and not yet its lock is young.
        var status = stat()
        if folder.withPlatformString({ lstat($0, &status) }) == 0, status.st_ctim.tv_sec < time(nil) - 60 {
          try? removeTree(folder)
        }
        continue
      }
      if flock(lock.raw, LOCK_EX | LOCK_NB) == 0 { try? removeTree(folder) }
    }
  }
}

/// Held by the one who makes something that others might be making too, in this process or another.
///
/// It is held as long as this object lives.
final class KeyLock {
  private let file: Descriptor
  private let path: FilePath

  /// Waits until nobody else has the lock `name`.
  ///
  /// - Parameter waiting: is called before it waits for somebody.
  init(_ name: String, in cache: FilePath, waiting: () -> Void) throws {
    let folder = cache.appending("locks")
    try makeDirectories(folder, permissions: 0o755)
    let path = folder.appending(name)
    self.path = path
    file = try Self.take(path, waiting: waiting)
  }

  private static func take(_ path: FilePath, waiting: () -> Void) throws -> Descriptor {
    var hasWaited = false
    while true {
      let file = try openFile(path, .createOrOpen(0o644))
      if flock(file.raw, LOCK_EX | LOCK_NB) != 0 {
        if !hasWaited { waiting() }
        hasWaited = true
        while flock(file.raw, LOCK_EX) != 0 {
          if errno != EINTR { throw PosixError("lock", path.string, Errno(rawValue: errno)) }
        }
      }
      // Who had it before removed its name: then it is nobody's lock any more.
      var mine = stat()
      var named = stat()
      fstat(file.raw, &mine)
      if path.withPlatformString({ stat($0, &named) }) == 0, mine.st_ino == named.st_ino {
        return consume file
      }
    }
  }

  deinit { _ = path.withPlatformString { unlink($0) } }
}
