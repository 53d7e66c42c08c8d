public import Digest

/// What something in the cache is found by: the digest of all that went into it.
public struct CacheKey: Hashable, Sendable {
  /// What is kept, as `layer`: a folder's name.
  public let kind: String
  /// The digest of what went into it.
  public let digest: Digest

  /// A key of a digest that is there already.
  public init(kind: String, digest: Digest) {
    self.kind = kind
    self.digest = digest
  }
}

/// Collects what goes into something, each piece with its name and length, so that no two lists of pieces
/// are the same bytes.
public struct CacheKeyBuilder: ~Copyable {
  private let kind: String
  private var hash = SHA256()

  /// Begins a key. `version` changes whenever what is kept means something else.
  public init(kind: String, version: Int) {
    self.kind = kind
    add("version", "\(version)")
  }

  /// Adds a piece.
  public mutating func add(_ name: String, _ value: some Collection<UInt8>) {
    hash.update(Array("\(name.utf8.count):\(name)=\(value.count):".utf8))
    hash.update(value)
  }

  /// Adds a piece of text.
  public mutating func add(_ name: String, _ value: String) { add(name, Array(value.utf8)) }

  /// Adds a number.
  public mutating func add(_ name: String, _ value: some BinaryInteger) { add(name, "\(value)") }

  /// The key of all that was added.
  public consuming func finish() -> CacheKey { CacheKey(kind: kind, digest: hash.finish()) }
}
