import Glibc
import Synchronization

/// The programs that run just now, so that a signal that ends this process ends them in an orderly way.
///
/// Without it they would be killed (`PR_SET_PDEATHSIG`), which leaves their temporary files behind.
public final class ActiveChildren: Sendable {
  /// The process's list.
  public static let shared = ActiveChildren()
  private let identifiers = Mutex<Set<Int32>>([])

  private init() {}

  func insert(_ identifier: Int32) { identifiers.withLock { _ = $0.insert(identifier) } }

  /// Forgets a child that has ended and is not reaped yet: its number can't be another process's.
  func remove(_ identifier: Int32) { identifiers.withLock { _ = $0.remove(identifier) } }

  /// Asks all to end (`SIGTERM`), and returns when they have, or after `grace`. For the end of a process
  /// only.
  public func terminate(grace: Duration) {
    // Under the lock none of them is reaped, so no number belongs to another process yet.
    let children = identifiers.withLock { list in
      for identifier in list { kill(identifier, SIGTERM) }
      return list
    }
    let clock = ContinuousClock()
    let deadline = clock.now + grace
    for child in children {
      while isRunning(child), clock.now < deadline { usleep(5000) }
    }
  }

  private func isRunning(_ identifier: Int32) -> Bool {
    var information = siginfo_t()
    let result = waitid(P_PID, id_t(identifier), &information, WEXITED | WNOHANG | WNOWAIT)
    return result == 0 && information._sifields._kill.si_pid == 0
  }
}
