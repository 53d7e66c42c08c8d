public import Digest

/// An image's configuration: what it runs on, how it runs, and the history of its layers.
/// <https://github.com/opencontainers/image-spec/blob/main/config.md>
public struct ImageConfig: DocumentContent {
  /// What it runs on. Its `other` is empty: unknown fields are this document's.
  public var platform: Platform
  /// When it was made.
  public var created: CreationTime?
  /// Who made it.
  public var author: String?
  /// How it runs.
  public var runtime: RuntimeConfig
  /// The digests of the uncompressed layers, the lowest first.
  public var diffIDs: [Digest]
  /// What made each layer; entries without a layer are marked.
  public var history: [History]
  /// Fields that we don't know, kept.
  public var other: JSONObject
  /// Fields of `rootfs` that we don't know, kept.
  public var otherRootfs: JSONObject

  /// A configuration without layers.
  public init(platform: Platform) {
    self.platform = platform
    created = nil
    author = nil
    runtime = RuntimeConfig()
    diffIDs = []
    history = []
    other = JSONObject()
    otherRootfs = JSONObject()
  }

  /// What the document is called in messages.
  public static let documentName = "image configuration"
  /// How large it may be.
  public static let limits = JSONLimits.config

  /// Reads a configuration.
  public init(json: JSONValue) throws(DocumentError) {
    let document = Self.documentName
    var fields = try FieldReader(json, document: document)
    let os = try fields.required("os", fields.string("os"))
    platform = Platform(
      exactly: os, try fields.required("architecture", fields.string("architecture")),
      try fields.string("variant"))
    platform.osVersion = try fields.string("os.version")
    platform.osFeatures = try fields.strings("os.features") ?? []
    created = try fields.time("created")
    author = try fields.string("author")
    if let config = fields.take("config") {
      runtime = try RuntimeConfig(json: config, document: document, path: "config")
    } else {
      runtime = RuntimeConfig()
    }
    let rootfs = try fields.required("rootfs", fields.take("rootfs"))
    (diffIDs, otherRootfs) = try Self.rootfs(rootfs)
    var history: [History] = []
    for (index, entry) in (try fields.array("history") ?? []).enumerated() {
      history.append(try History(json: entry, document: document, path: "history[\(index)]"))
    }
    self.history = history
    other = try fields.unknown()
  }

  private static func rootfs(_ json: JSONValue) throws(DocumentError) -> ([Digest], JSONObject) {
    var fields = try FieldReader(json, document: documentName, path: "rootfs")
    let type = try fields.required("type", fields.string("type"))
    if type != "layers" { throw fields.error("type", "is \(quoted(type)), not \"layers\"") }
    var diffIDs: [Digest] = []
    for (index, text) in (try fields.strings("diff_ids") ?? []).enumerated() {
      do { diffIDs.append(try Digest(text)) } catch {
        throw fields.error("diff_ids[\(index)]", "is refused: \(error)")
      }
    }
    return (diffIDs, try fields.unknown())
  }

  /// The configuration as JSON.
  public var json: JSONValue {
    var object = other
    object["os"] = .string(platform.os)
    object["architecture"] = .string(platform.architecture)
    object.set("variant", platform.variant)
    object.set("os.version", platform.osVersion)
    if !platform.osFeatures.isEmpty { object.set("os.features", platform.osFeatures) }
    object.set("created", created?.description)
    object.set("author", author)
    object["config"] = runtime.json
    var rootfs = otherRootfs
    rootfs["type"] = .string("layers")
    rootfs.set("diff_ids", diffIDs.map(\.description))
    object["rootfs"] = .object(rootfs)
    if !history.isEmpty { object["history"] = .array(history.map(\.json)) }
    return .object(object)
  }
}

extension Platform {
  /// A platform as a document has it, not normalised.
  fileprivate init(exactly os: String, _ architecture: String, _ variant: String?) {
    self.init(os: os, architecture: architecture)
    self.os = os
    self.architecture = architecture
    self.variant = variant == "" ? nil : variant
  }
}

/// What made a layer, or changed the configuration only.
public struct History: Hashable, Sendable {
  /// When.
  public var created: CreationTime?
  /// The command.
  public var createdBy: String?
  /// Who.
  public var author: String?
  /// Words about it.
  public var comment: String?
  /// Whether it made no layer.
  public var emptyLayer: Bool
  /// Fields that we don't know, kept.
  public var other: JSONObject

  /// An entry.
  public init(
    created: CreationTime? = nil, createdBy: String? = nil, author: String? = nil, comment: String? = nil,
    emptyLayer: Bool = false
  ) {
    self.created = created
    self.createdBy = createdBy
    self.author = author
    self.comment = comment
    self.emptyLayer = emptyLayer
    other = JSONObject()
  }

  init(json: JSONValue, document: String, path: String) throws(DocumentError) {
    var fields = try FieldReader(json, document: document, path: path)
    created = try fields.time("created")
    createdBy = try fields.string("created_by")
    author = try fields.string("author")
    comment = try fields.string("comment")
    emptyLayer = try fields.bool("empty_layer") ?? false
    other = try fields.unknown()
  }

  var json: JSONValue {
    var object = other
    object.set("created", created?.description)
    object.set("created_by", createdBy)
    object.set("author", author)
    object.set("comment", comment)
    if emptyLayer { object["empty_layer"] = .bool(true) }
    return .object(object)
  }
}
