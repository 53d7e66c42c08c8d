import Synchronization

/// Whether this process is being ended by a signal.
///
/// What is cut short then must not pass for complete: a program that was stopped ends its output, and its
/// reader would take that for the end. So from `begin` on no file gets its final name and no child counts
/// as done; both fail as canceled.
public enum Ending {
  private static let state = Atomic<Bool>(false)

  /// Whether `begin` was called.
  public static var isUnderway: Bool { state.load(ordering: .acquiring) }

  /// Notes that the process is about to end. Before anything is stopped.
  public static func begin() { state.store(true, ordering: .releasing) }
}
