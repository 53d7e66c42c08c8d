import Digest
public import SystemPackage

/// One file in the cache.
public struct CacheItem: Sendable, Equatable {
  /// What it is.
  public enum Kind: String, Sendable, CaseIterable {
    /// A layer or a document, under the SHA-256 of its bytes.
    case blob
    /// What something was made into, under the digest of what went into it.
    case record
    /// A package, under the SHA-256 of its bytes.
    case package
    /// A package that is being downloaded, or whose download ended in the middle.
    case part
    /// The files of a package, decompressed.
    case data
    /// A parsed index of an archive.
    case index
    /// The last state that was seen of an archive: older ones are refused.
    case state
    /// What a killed process left.
    case leftover
    /// Nothing that this program made; it is left alone.
    case other

    /// Whether `prune` takes it when no kinds are named. States are small, and a protection.
    public var isPruned: Bool { self != .state && self != .other }
  }

  /// What it is.
  public var kind: Kind
  /// Its path in the cache's directory; bytes that are no text are escaped.
  public var name: String
  /// Its size in bytes.
  public var size: UInt64
  /// When it was used last, in seconds since 1970.
  public var used: Int64
  /// What it is of, where that is known: a package's name and version, the records that name a blob.
  public var label = ""

  /// The digest in its name.
  var digest: Digest?
  /// Of a record, what it is of.
  var recordKind = ""
  var nanoseconds: UInt32 = 0
  var inode: UInt64 = 0
  /// Where it is.
  public var path: FilePath
}
