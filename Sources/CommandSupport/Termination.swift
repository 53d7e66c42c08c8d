import Glibc
import Posix

/// What happens when a signal ends the process: children end, named temporary files go, the terminal's
/// line is cleared, and the exit status says which signal it was.
///
/// The signals are blocked in all threads but one, which waits for them: so the clean-up is ordinary code
/// and not a signal handler's.
enum Termination {
  /// How long children may take to end.
  private static let grace = Duration.seconds(5)

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
      _exit(128 + number)
    }
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
