/// Why no image can be made of what was given.
public struct ScratchError: Error, Sendable, Equatable {
  /// What is wrong.
  public var problem: String
}
