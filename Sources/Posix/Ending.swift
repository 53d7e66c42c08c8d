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

  // MARK: What has to be told elsewhere

  private static let holds = Atomic<Int>(0)

  /// Whether there is something that others should be told before this process ends; see `Hold`.
  public static var isHeld: Bool { holds.load(ordering: .acquiring) > 0 }

  /// Work that leaves something behind on another machine when it is cut short, from its start until it is done
  /// or has cleaned up there. An ending process waits for it, for a moment and no longer: so it has to look at
  /// `isUnderway` often.
  public final class Hold: Sendable {
    /// Begins.
    public init() { Ending.holds.wrappingAdd(1, ordering: .acquiringAndReleasing) }
    deinit { Ending.holds.wrappingSubtract(1, ordering: .acquiringAndReleasing) }
  }
}
