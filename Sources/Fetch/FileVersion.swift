/// What identifies one version of a server's file (RFC 9110, section 8.8).
public struct FileVersion: Hashable, Sendable {
  /// A strong entity tag.
  public var tag: String?
  /// `Last-Modified` as the server wrote it.
  public var modified: String?

  /// Whether the server says nothing.
  public var isEmpty: Bool { tag == nil && modified == nil }

  /// A version, by what the server said of it.
  public init(tag: String? = nil, modified: String? = nil) {
    self.tag = tag
    self.modified = modified
  }

  /// The field of a request's header by which only another version is sent (RFC 9110, section 13.1).
  var condition: String? {
    tag.map { "If-None-Match: \($0)" } ?? modified.map { "If-Modified-Since: \($0)" }
  }
}
