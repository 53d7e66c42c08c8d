import Glibc
public import SystemPackage
import Synchronization

/// The temporary files and directories that have a name just now, so that a signal can remove them.
public final class TemporaryNames: Sendable {
  /// The process's list.
  public static let shared = TemporaryNames()
  private let names = Mutex<Set<FilePath>>([])

  private init() {}

  /// Notes a name to be removed when the process is stopped by a signal.
  public func insert(_ name: FilePath) { names.withLock { _ = $0.insert(name) } }

  /// Forgets a name: it was renamed or removed.
  public func remove(_ name: FilePath) { names.withLock { _ = $0.remove(name) } }

  /// Removes all that is listed, trees included. For the end of a process only.
  public func removeAll() {
    let all = names.withLock { list in
      let all = list
      list = []
      return all
    }
    for name in all { try? removeTree(name) }
  }
}
