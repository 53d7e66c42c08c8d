import Glibc
import Synchronization

/// The programs that run just now, so that a signal that ends this process ends them in an orderly way.
///
/// Without it they would be killed (`PR_SET_PDEATHSIG`), which leaves their temporary files behind.
public final class ActiveChildren: Sendable {
  /// The process's list.
  public static let shared = ActiveChildren()

  private struct State {
    /// The signal that ends each.
    var signals: [Int32: Int32] = [:]
    /// How many are being started just now.
    var starting = 0
  }

  private let state = Mutex(State())

  private init() {}

  /// Starts a child by `start`, which gives its number, or one below 0 when it can't, and notes it. A child
  /// that is just being started is waited for by `terminate`. `start` may start others.
  ///
  /// The first process of a process namespace may not hear `SIGTERM` at all, so it is killed, which kills all
  /// others in its namespace.
  func add(hasOwnProcesses: Bool, _ start: () -> Int32) -> Int32 {
    state.withLock { $0.starting += 1 }
    let identifier = start()
    state.withLock { state in
      state.starting -= 1
      if identifier >= 0 { state.signals[identifier] = hasOwnProcesses ? SIGKILL : SIGTERM }
    }
    return identifier
  }

  /// Forgets a child that has ended and is not reaped yet: its number can't be another process's.
  func remove(_ identifier: Int32) { state.withLock { $0.signals[identifier] = nil } }

  /// Asks all to end (`SIGTERM`), and returns when they have, or after `grace`. For the end of a process
  /// only.
  public func terminate(grace: Duration) {
    let clock = ContinuousClock()
    let deadline = clock.now + grace
    while state.withLock({ $0.starting > 0 }), clock.now < deadline { usleep(1000) }
    // Under the lock none of them is reaped, so no number belongs to another process yet.
    let children = state.withLock { state in
      for (identifier, signal) in state.signals { kill(identifier, signal) }
      return state.signals.keys
    }
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
