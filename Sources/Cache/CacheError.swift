/// Something that the cache can't do.
public struct CacheError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What and why, in a person's words.
  public var description: String
}
