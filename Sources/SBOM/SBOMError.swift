/// Why no bill of materials can be made.
public struct SBOMError: Error, Sendable, Equatable {
  /// What is wrong.
  public var problem: String
}
