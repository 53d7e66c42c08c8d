public import Cache
public import Digest
public import Fetch
import Glibc
import OCI
import Posix

/// Files that are fetched from servers. The cache keeps them, so that only another version is fetched again.
public struct RemoteFiles: Sendable {
  /// What is known of the file at a URL.
  public struct State: Sendable, Equatable {
    /// The digest of its bytes.
    public var digest: Digest
    /// When it was changed last, in seconds since 1970; nil where the server doesn't say.
    public var modified: Int64?
    /// By what the server knows this version again; empty where it can't.
    public var version: FileVersion
  }

  private let cache: Cache
  private let usesCache: Bool

  /// Files that a cache keeps.
  ///
  /// - Parameter usesCache: whether files that it has are used; else all are fetched, and kept.
  public init(_ cache: Cache, usesCache: Bool = true) {
    self.cache = cache
    self.usesCache = usesCache
  }

  /// What a URL had when it was asked for last; nil when that is not known.
  public func lastState(of url: String) throws -> State? {
    guard let record = try cache.record(Self.key(url)), let json = try? JSONValue(parsing: record) else {
      return nil
    }
    return State(json: json)
  }

  /// What a URL has just now. A file whose server knows its versions is fetched only when it is another one.
  ///
  /// - Throws: `FetchError`, and what the cache throws.
  public func state(of url: String) throws -> State {
    try fetch(url, unless: try lastState(of: url).map { ($0.version, $0) }) { $0.state }
  }

  /// The file at a URL. What the cache has of it is used where it is what is expected, or what the server has.
  ///
  /// - Throws: `FetchError`, `RemoteFileError` when it isn't what is expected, and what the cache throws.
  func file(_ url: String, expecting digest: Digest?) throws -> RemoteFile {
    var known: RemoteFile?
    if usesCache, let state = try lastState(of: url), digest == nil || state.digest == digest,
      let blob = try cache.blob(state.digest)
    {
      known = RemoteFile(state: state, blob: blob)
    }
    if let known, digest != nil { return known }
    let file = try fetch(url, unless: known.map { ($0.state.version, $0) }) { $0 }
    if let digest, file.state.digest != digest {
      throw RemoteFileError(url: withoutCredentials(url), digest: file.state.digest, expected: digest)
    }
    return file
  }

  /// Fetches a file and keeps it, or finds out that the version that is known is the present one.
  private func fetch<Known>(
    _ url: String, unless known: (version: FileVersion, what: Known)?, _ new: (RemoteFile) -> Known
  ) throws -> Known {
    let source = try HTTPSource(url, unless: known?.version)
    try source.open()
    if source.isUnchanged, let known { return known.what }
    let blob = try cache.beginBlob()
    var hash = SHA256()
    try withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 4096) { buffer in
      while case let count = try source.read(into: buffer), count > 0 {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        hash.update(bytes)
        try blob.write(bytes)
      }
    }
    let kept = try blob.finish(hash.finish())
    var version = FileVersion(tag: source.version.tag)
    // A time tells two versions apart only when it wasn't the present (RFC 9110, section 8.8.2.2).
    if let modified = source.lastModified, modified < Int64(time(nil)) - 60 {
      version.modified = source.version.modified
    }
    let state = State(digest: kept.digest, modified: source.lastModified, version: version)
    try cache.setRecord(JSONWriter.bytes(of: state.json), for: Self.key(url))
    return new(RemoteFile(state: state, blob: kept))
  }

  private static func key(_ url: String) -> CacheKey {
    var builder = CacheKeyBuilder(kind: "url", version: 1)
    builder.add("url", url)
    return builder.finish()
  }
}

/// A file that was fetched, just now or before.
struct RemoteFile {
  let state: RemoteFiles.State
  let blob: CachedBlob
}

/// A file that isn't what it should be.
public struct RemoteFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Where it is from, without a user's name and password.
  public var url: String
  /// What it has.
  public var digest: Digest
  /// What it should have.
  public var expected: Digest

  /// "URL has the digest …, but … is expected".
  public var description: String { "\(url) has the digest \(digest), but \(expected) is expected" }
}

extension RemoteFiles.State {
  fileprivate var json: JSONValue {
    var object: JSONObject = ["digest": .string("\(digest)")]
    if let modified { object["modified"] = .integer(modified) }
    if let tag = version.tag { object["etag"] = .string(tag) }
    if let text = version.modified { object["lastModified"] = .string(text) }
    return .object(object)
  }

  fileprivate init?(json: JSONValue) {
    guard let object = json.object, let digest = object["digest"]?.string.flatMap({ try? Digest($0) }) else {
      return nil
    }
    self.digest = digest
    modified = object["modified"]?.integer
    version = FileVersion(tag: object["etag"]?.string, modified: object["lastModified"]?.string)
  }
}
