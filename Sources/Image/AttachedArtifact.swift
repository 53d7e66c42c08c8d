import Digest
public import OCI

/// A file about an image, to be stored beside it: a manifest whose `subject` is the image's.
/// <https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md#guidelines-for-artifact-usage>
public struct AttachedArtifact: Sendable {
  /// What it is, as `application/spdx+json`: the artifact's type and the file's media type.
  public var mediaType: String
  /// The file's name.
  public var name: String
  /// Its bytes.
  public var bytes: [UInt8]
  /// When it was made; the image's own time keeps it reproducible.
  public var created: CreationTime?

  /// A file.
  public init(_ bytes: [UInt8], mediaType: String, name: String, created: CreationTime? = nil) {
    self.bytes = bytes
    self.mediaType = mediaType
    self.name = name
    self.created = created
  }

  /// The configuration, which there is none of.
  public static let emptyConfig = Array("{}".utf8)

  /// The blob of the file.
  public var layer: OCI.Descriptor {
    OCI.Descriptor(
      MediaType(rawValue: mediaType), digest: SHA256.digest(bytes), size: UInt64(bytes.count),
      annotations: ["org.opencontainers.image.title": name])
  }

  /// The manifest of the artifact.
  public func manifest(about subject: OCI.Descriptor) -> Document<Manifest> {
    let empty = Self.emptyConfig
    let config = OCI.Descriptor(.empty, digest: SHA256.digest(empty), size: UInt64(empty.count))
    var manifest = Manifest(config: config, layers: [layer])
    if let created { manifest.annotations["org.opencontainers.image.created"] = created.description }
    manifest.artifactType = mediaType
    manifest.subject = OCI.Descriptor(subject.mediaType, digest: subject.digest, size: subject.size)
    return Document(manifest)
  }
}

extension OCI.Descriptor {
  /// What a list of referrers says of a manifest: its type and its annotations come from it.
  /// <https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers>
  public init?(referrer bytes: [UInt8], as descriptor: OCI.Descriptor) {
    self.init(descriptor.mediaType, digest: descriptor.digest, size: descriptor.size)
    switch descriptor.mediaType.kind {
    case .manifest:
      guard let content = try? Document<Manifest>(parsing: bytes).content else { return nil }
      if content.subject == nil { return nil }
      artifactType = content.artifactType ?? content.config.mediaType.rawValue
      annotations = content.annotations
    case .index:
      guard let content = try? Document<ImageIndex>(parsing: bytes).content else { return nil }
      if content.subject == nil { return nil }
      artifactType = content.artifactType
      annotations = content.annotations
    case .config, .layer, .other: return nil
    }
  }

  /// The manifest that a document is about; nil when it is about none.
  public static func subject(of bytes: [UInt8], as type: MediaType) -> OCI.Descriptor? {
    switch type.kind {
    case .manifest: try? Document<Manifest>(parsing: bytes).content.subject
    case .index: try? Document<ImageIndex>(parsing: bytes).content.subject
    case .config, .layer, .other: nil
    }
  }
}
