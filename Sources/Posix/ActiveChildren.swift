import Glibc
import Synchronization

/// The programs that run just now, so that a signal that ends this process ends them in an orderly way.
///
/// Without it they would be killed (`PR_SET_PDEATHSIG`), which leaves their temporary files behind.
public final class ActiveChildren: Sendable {
  /// The process's list.
  public static let shared = ActiveChildren()
  /// The signal that ends each.
  private let signals = Mutex<[Int32: Int32]>([:])

  private init() {}

  /// Notes a child. The first process of a process namespace may not hear `SIGTERM` at all, so it is
  /// killed, which kills all others in its namespace.
  func insert(_ identifier: Int32, hasOwnProcesses: Bool) {
    signals.withLock { $0[identifier] = hasOwnProcesses ? SIGKILL : SIGTERM }
  }

  /// Forgets a child that has ended and is not reaped yet: its number can't be another process's.
  func remove(_ identifier: Int32) { signals.withLock { $0[identifier] = nil } }

  /// Asks all to end (`SIGTERM`), and returns when they have, or after `grace`. For the end of a process
  /// only.
  public func terminate(grace: Duration) {
    // Under the lock none of them is reaped, so no number belongs to another process yet.
    let children = signals.withLock { list in
      for (identifier, signal) in list { kill(identifier, signal) }
      return list.keys
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
