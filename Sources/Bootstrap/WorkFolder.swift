import Glibc
import Posix
import SystemPackage

/// A temporary directory of one run, removed at its end or when a signal ends the process.
final class WorkFolder {
  let path: FilePath

  /// Makes it in `TMPDIR`. Others may pass through it, but not look: apt's own user and the ids of a
  /// user namespace work below it.
  init() throws(BootstrapError) {
    path = absolutePath(temporaryDirectory()).appending(temporaryName("bootstrap"))
    do throws(PosixError) {
      try makeDirectories(path, permissions: 0o711)
    } catch {
      throw .system(error)
    }
    _ = path.withPlatformString { chmod($0, 0o711) }
    TemporaryNames.shared.insert(path)
  }

  /// Removes it with all that is in it.
  func remove() throws(BootstrapError) {
    do throws(PosixError) {
      try removeTree(path)
    } catch {
      throw .system(error)
    }
    TemporaryNames.shared.remove(path)
  }

  deinit {
    // Two who remove the same tree get in each other's way.
    if Ending.isUnderway { return }
    try? removeTree(path)
    TemporaryNames.shared.remove(path)
  }
}
