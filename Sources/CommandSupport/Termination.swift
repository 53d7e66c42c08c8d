import Glibc
import Posix

/// What happens when a signal ends the process: children end, named temporary files go, the terminal's
/// line is cleared, registries are told of uploads that are given up, and the exit status says which signal it
/// was.
///
/// The signals are blocked in all threads but one, which waits for them: so the clean-up is ordinary code
/// and not a signal handler's.
enum Termination {
  /// How long children may take to end.
  private static let grace = Duration.seconds(5)
  /// How long others may be told that work is given up. A second signal ends that at once.
  private static let patience = Duration.seconds(1)

  /// Prepares the process; called once, before there is another thread.
  static func install() {
    // Writing to a closed pipe is an error (EPIPE) of the call.
    signal(SIGPIPE, SIG_IGN)
    var waited = sigset_t()
    sigemptyset(&waited)
    for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) { sigaddset(&waited, number) }
    pthread_sigmask(SIG_BLOCK, &waited, nil)
    // The thread lasts as long as the process: nobody joins it.
    _ = Worker { [waited] in
      var set = waited
      var number: Int32 = 0
      while sigwait(&set, &number) != 0 {}
      Ending.begin()
      ActiveChildren.shared.terminate(grace: grace)
      TemporaryNames.shared.removeAll()
      Console.shared.clear()
      waitForHolds(set)
      _exit(128 + number)
    }
  }

  /// Returns when nothing holds the process any more, or `patience` is over, or one of these signals comes.
  private static func waitForHolds(_ signals: sigset_t) {
    var signals = signals
    var slice = timespec(tv_sec: 0, tv_nsec: 10_000_000)
    let deadline = ContinuousClock.now + patience
    while Ending.isHeld, ContinuousClock.now < deadline, sigtimedwait(&signals, nil, &slice) < 0 {}
  }

  /// Ends the process with `status`, unless a signal is ending it already.
  static func leave(_ status: Int32) -> Never {
    if Ending.isUnderway {
      while true { pause() }
    }
    Console.shared.clear()
    exit(status)
  }

  /// Whether who started us ignores a signal (nohup, a shell's background job): then so do we.
  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
  }
}
