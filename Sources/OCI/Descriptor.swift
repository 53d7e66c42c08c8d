public import Digest

/// A reference to a blob: what it is, its digest and its size.
/// <https://github.com/opencontainers/image-spec/blob/main/descriptor.md>
public struct Descriptor: Hashable, Sendable {
  /// What the blob is.
  public var mediaType: MediaType
  /// The digest of its bytes.
  public var digest: Digest
  /// The number of its bytes.
  public var size: UInt64
  /// Where else it can be fetched.
  public var urls: [String]
  /// Words about it, as the tag in an image layout's index.
  public var annotations: [String: String]
  /// What the image runs on, in an index.
  public var platform: Platform?
  /// The type of an artifact, when the blob is its manifest.
  public var artifactType: String?
  /// Fields that we don't know, kept.
  public var other: JSONObject

  /// A descriptor with what every one must have.
  public init(
    _ mediaType: MediaType, digest: Digest, size: UInt64, platform: Platform? = nil,
    annotations: [String: String] = [:]
  ) {
    self.mediaType = mediaType
    self.digest = digest
    self.size = size
    self.platform = platform
    self.annotations = annotations
    urls = []
    artifactType = nil
    other = JSONObject()
  }

  /// The annotation that names an image in an image layout.
  public static let referenceName = "org.opencontainers.image.ref.name"
  /// The annotation by which containerd (and docker since 25) names an image in full.
  public static let containerdName = "io.containerd.image.name"

  init(json: JSONValue, document: String, path: String) throws(DocumentError) {
    var fields = try FieldReader(json, document: document, path: path)
    let type = try fields.required("mediaType", fields.string("mediaType"))
    if type.isEmpty || type.utf8.count > 255 {
      throw fields.error("mediaType", "is empty or longer than 255 bytes")
    }
    mediaType = MediaType(rawValue: type)
    digest = try fields.required("digest", fields.digest("digest"))
    guard let size = UInt64(exactly: try fields.required("size", fields.integer("size"))) else {
      throw fields.error("size", "is negative")
    }
    self.size = size
    urls = try fields.strings("urls") ?? []
    annotations = try fields.map("annotations") ?? [:]
    artifactType = try fields.string("artifactType")
    if let value = fields.take("platform") {
      platform = try Platform(json: value, document: document, path: fields.path(of: "platform"))
    } else {
      platform = nil
    }
    other = try fields.unknown()
  }

  /// The descriptor as JSON.
  public var json: JSONValue {
    var object = other
    object["mediaType"] = .string(mediaType.rawValue)
    object["digest"] = .string(digest.description)
    object["size"] = Int64(exactly: size).map { .integer($0) } ?? .number(String(size))
    if !urls.isEmpty { object.set("urls", urls) }
    object.set("annotations", annotations)
    object.set("artifactType", artifactType)
    if let platform { object["platform"] = platform.json }
    return .object(object)
  }
}
