/// An image manifest: the configuration and the layers, from the lowest up.
/// <https://github.com/opencontainers/image-spec/blob/main/manifest.md>
public struct Manifest: DocumentContent {
  /// `manifest` or `dockerManifest`.
  public var mediaType: MediaType
  /// The configuration.
  public var config: Descriptor
  /// The layers, the lowest first.
  public var layers: [Descriptor]
  /// Words about the image.
  public var annotations: [String: String]
  /// The type of an artifact that is no image.
  public var artifactType: String?
  /// The manifest that this one is about.
  public var subject: Descriptor?
  /// Fields that we don't know, kept.
  public var other: JSONObject

  /// An OCI manifest.
  public init(config: Descriptor, layers: [Descriptor], annotations: [String: String] = [:]) {
    mediaType = .manifest
    self.config = config
    self.layers = layers
    self.annotations = annotations
    artifactType = nil
    subject = nil
    other = JSONObject()
  }

  /// What the document is called in messages.
  public static let documentName = "manifest"
  /// How large it may be.
  public static let limits = JSONLimits.manifest

  /// Reads a manifest; an index, an older schema and a document that is both are refused.
  public init(json: JSONValue) throws(DocumentError) {
    let document = Self.documentName
    var fields = try FieldReader(json, document: document)
    try fields.requireSchemaVersion2()
    let type = try fields.string("mediaType").map { MediaType(rawValue: $0) }
    mediaType = type ?? .manifest
    if mediaType.kind != .manifest {
      throw fields.error("mediaType", "is \(quoted(mediaType.rawValue)), which is no image manifest")
    }
    for name in ["manifests", "fsLayers"] where fields.take(name) != nil {
      throw fields.error(name, "is there: the document claims to be something else as well")
    }
    let config = try fields.required("config", fields.take("config"))
    self.config = try Descriptor(json: config, document: document, path: "config")
    var layers: [Descriptor] = []
    for (index, layer) in try fields.required("layers", fields.array("layers")).enumerated() {
      layers.append(try Descriptor(json: layer, document: document, path: "layers[\(index)]"))
    }
    self.layers = layers
    annotations = try fields.map("annotations") ?? [:]
    artifactType = try fields.string("artifactType")
    subject = try fields.subject()
    other = try fields.unknown()
  }

  /// The manifest as JSON.
  public var json: JSONValue {
    var object = other
    object["schemaVersion"] = .integer(2)
    object["mediaType"] = .string(mediaType.rawValue)
    object["config"] = config.json
    object["layers"] = .array(layers.map(\.json))
    object.set("annotations", annotations)
    object.set("artifactType", artifactType)
    if let subject { object["subject"] = subject.json }
    return .object(object)
  }

  /// Whether this is an image that runs, and not an attestation, a signature or a chart.
  ///
  /// Attestations may name an image's configuration too, but none of their layers is one.
  public var isImage: Bool {
    artifactType == nil && config.mediaType.kind == .config
      && (layers.isEmpty || layers.contains(where: \.mediaType.isLayer))
  }
}

/// A list of manifests: the images of several platforms, or all that is in an image layout.
/// <https://github.com/opencontainers/image-spec/blob/main/image-index.md>
public struct ImageIndex: DocumentContent {
  /// `index` or `dockerIndex`.
  public var mediaType: MediaType
  /// The manifests, or further indexes.
  public var manifests: [Descriptor]
  /// Words about all of them.
  public var annotations: [String: String]
  /// The type of an artifact that is no list of images.
  public var artifactType: String?
  /// The manifest that this one is about.
  public var subject: Descriptor?
  /// Fields that we don't know, kept.
  public var other: JSONObject

  /// An OCI index.
  public init(manifests: [Descriptor] = [], annotations: [String: String] = [:]) {
    mediaType = .index
    self.manifests = manifests
    self.annotations = annotations
    artifactType = nil
    subject = nil
    other = JSONObject()
  }

  /// What the document is called in messages.
  public static let documentName = "index"
  /// How large it may be.
  public static let limits = JSONLimits.manifest

  /// Reads an index; a manifest and a document that is both are refused.
  public init(json: JSONValue) throws(DocumentError) {
    let document = Self.documentName
    var fields = try FieldReader(json, document: document)
    try fields.requireSchemaVersion2()
    let type = try fields.string("mediaType").map { MediaType(rawValue: $0) }
    mediaType = type ?? .index
    if mediaType.kind != .index {
      throw fields.error("mediaType", "is \(quoted(mediaType.rawValue)), which is no image index")
    }
    for name in ["config", "layers", "fsLayers"] where fields.take(name) != nil {
      throw fields.error(name, "is there: the document claims to be something else as well")
    }
    var manifests: [Descriptor] = []
    for (index, manifest) in try fields.required("manifests", fields.array("manifests")).enumerated() {
      manifests.append(try Descriptor(json: manifest, document: document, path: "manifests[\(index)]"))
    }
    self.manifests = manifests
    annotations = try fields.map("annotations") ?? [:]
    artifactType = try fields.string("artifactType")
    subject = try fields.subject()
    other = try fields.unknown()
  }

  /// The index as JSON.
  public var json: JSONValue {
    var object = other
    object["schemaVersion"] = .integer(2)
    object["mediaType"] = .string(mediaType.rawValue)
    object["manifests"] = .array(manifests.map(\.json))
    object.set("annotations", annotations)
    object.set("artifactType", artifactType)
    if let subject { object["subject"] = subject.json }
    return .object(object)
  }
}

extension FieldReader {
  mutating func requireSchemaVersion2() throws(DocumentError) {
    let version = try required("schemaVersion", integer("schemaVersion"))
    if version != 2 { throw error("schemaVersion", "is \(version); only 2 is supported") }
  }

  mutating func subject() throws(DocumentError) -> Descriptor? {
    guard let value = take("subject") else { return nil }
    return try Descriptor(json: value, document: document, path: path(of: "subject"))
  }
}

extension Document where Content == Manifest {
  /// Reads a manifest that a descriptor named with this type; another one inside is refused.
  public init(parsing bytes: [UInt8], as mediaType: MediaType) throws(DocumentError) {
    self = try Document(parsing: bytes).checked(content: { $0.mediaType }, is: mediaType)
  }
}

extension Document where Content == ImageIndex {
  /// Reads an index that a descriptor named with this type; another one inside is refused.
  public init(parsing bytes: [UInt8], as mediaType: MediaType) throws(DocumentError) {
    self = try Document(parsing: bytes).checked(content: { $0.mediaType }, is: mediaType)
  }
}

extension Document {
  fileprivate func checked(
    content type: (Content) -> MediaType, is wanted: MediaType
  ) throws(DocumentError) -> Self {
    let found = type(content)
    if found != wanted {
      throw .field(
        document: Content.documentName, path: "mediaType",
        problem: "is \(quoted(found.rawValue)), but \(quoted(wanted.rawValue)) was announced")
    }
    return self
  }
}
