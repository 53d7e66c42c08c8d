public import Digest

/// What a document says: a manifest, an index or a configuration.
public protocol DocumentContent: Equatable, Sendable {
  /// What the document is called in messages.
  static var documentName: String { get }
  /// How large it may be.
  static var limits: JSONLimits { get }
  /// Reads it from JSON.
  init(json: JSONValue) throws(DocumentError)
  /// The whole of it as JSON, with what we don't know.
  var json: JSONValue { get }
}

/// The bytes of a document and what they say.
///
/// A digest is over bytes. So the bytes of what somebody else wrote are kept as they are; only when
/// we change something are new ones written, canonically.
public struct Document<Content: DocumentContent>: Equatable, Sendable {
  /// The bytes as they are stored.
  public let bytes: [UInt8]
  /// What they say.
  public let content: Content
  /// The digest of the bytes.
  public let digest: Digest

  /// Reads what somebody wrote, and keeps the bytes.
  public init(parsing bytes: [UInt8]) throws(DocumentError) {
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes, limits: Content.limits) } catch {
      throw .syntax(document: Content.documentName, error)
    }
    content = try Content(json: json)
    self.bytes = bytes
    digest = SHA256.digest(bytes)
  }

  /// Writes `content` canonically.
  public init(_ content: Content) {
    self.content = content
    bytes = JSONWriter.bytes(of: content.json)
    digest = SHA256.digest(bytes)
  }

  /// The number of bytes.
  public var size: UInt64 { UInt64(bytes.count) }
}
