/// Who is told what happens in a run, from several threads.
public struct BuildObserver: Sendable {
  /// What happens.
  public enum Event: Sendable {
    /// Packages are chosen.
    case planning(image: String, stage: String)
    /// Somebody else makes the same.
    case waiting(image: String, stage: String)
    /// A stage begins, for a reason. The command lines can be run by hand.
    case started(image: String, stage: String, reason: BuildReason, lines: [String])
    /// A stage was made.
    case finished(image: String, stage: String, duration: Duration)
    /// A stage was found.
    case cached(image: String, stage: String)
    /// A stage would be made, in a dry run.
    case wouldBuild(image: String, stage: String, reason: BuildReason, lines: [String])
    /// An image goes to where it is wanted.
    case writing(image: String)
    /// An image is done.
    case done(image: String)
    /// Something that a tool said.
    case line(image: String, String)
    /// An image failed.
    case failed(image: String)
  }

  /// Is told.
  public var tell: @Sendable (Event) -> Void

  /// An observer.
  public init(_ tell: @escaping @Sendable (Event) -> Void) { self.tell = tell }
}
