/// What a blob is, in the words of the OCI image specification or of docker's image manifest, schema 2.
/// <https://github.com/opencontainers/image-spec/blob/main/media-types.md>
public struct MediaType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The type as it is written.
  public let rawValue: String

  /// A type by its text; any text is kept.
  public init(rawValue: String) { self.rawValue = rawValue }

  /// The type as it is written.
  public var description: String { rawValue }

  /// An OCI image index.
  public static let index = MediaType(rawValue: "application/vnd.oci.image.index.v1+json")
  /// An OCI image manifest.
  public static let manifest = MediaType(rawValue: "application/vnd.oci.image.manifest.v1+json")
  /// An OCI image configuration.
  public static let config = MediaType(rawValue: "application/vnd.oci.image.config.v1+json")
  /// A layer that is not compressed.
  public static let layer = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar")
  /// A layer compressed by gzip.
  public static let layerGzip = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+gzip")
  /// A layer compressed by zstd.
  public static let layerZstd = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+zstd")
  /// The empty object `{}`, where a configuration is required and there is none.
  public static let empty = MediaType(rawValue: "application/vnd.oci.empty.v1+json")
  /// Docker's manifest list.
  public static let dockerIndex = MediaType(
    rawValue: "application/vnd.docker.distribution.manifest.list.v2+json")
  /// Docker's image manifest, schema 2.
  public static let dockerManifest = MediaType(
    rawValue: "application/vnd.docker.distribution.manifest.v2+json")
  /// Docker's image configuration.
  public static let dockerConfig = MediaType(rawValue: "application/vnd.docker.container.image.v1+json")
  /// Docker's layer that is not compressed.
  public static let dockerLayer = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar")
  /// Docker's layer compressed by gzip.
  public static let dockerLayerGzip = MediaType(
    rawValue: "application/vnd.docker.image.rootfs.diff.tar.gzip")
  /// Docker's layer compressed by zstd.
  public static let dockerLayerZstd = MediaType(
    rawValue: "application/vnd.docker.image.rootfs.diff.tar.zstd")
  /// Docker's layer that is fetched from elsewhere.
  public static let dockerForeignLayerGzip = MediaType(
    rawValue: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")

  /// How a layer is compressed.
  public enum Compression: String, Sendable, Hashable {
    /// Not at all.
    case none
    /// RFC 1952.
    case gzip
    /// RFC 8878.
    case zstd
  }

  /// What a blob of this type is for.
  public enum Kind: Sendable, Hashable {
    /// A list of manifests.
    case index
    /// A manifest of an image.
    case manifest
    /// An image's configuration.
    case config
    /// A layer; one that is not distributable may be missing from stores and registries.
    case layer(Compression, isDistributable: Bool)
    /// Something else: an attestation, a chart, a type that we don't know.
    case other
  }

  /// What a blob of this type is for.
  public var kind: Kind { Self.kinds[rawValue] ?? .other }

  /// Whether this is a layer.
  public var isLayer: Bool { if case .layer = kind { true } else { false } }

  /// How a layer of this type is compressed; nil when it is no layer.
  public var compression: Compression? {
    if case .layer(let compression, _) = kind { compression } else { nil }
  }

  /// Whether this is one of docker's own types.
  public var isDocker: Bool { rawValue.hasPrefix("application/vnd.docker.") }

  /// The OCI layer type for a compression.
  public static func layer(_ compression: Compression) -> MediaType {
    switch compression {
    case .none: .layer
    case .gzip: .layerGzip
    case .zstd: .layerZstd
    }
  }

  private static let kinds: [String: Kind] = {
    var kinds: [String: Kind] = [
      index.rawValue: .index, dockerIndex.rawValue: .index,
      manifest.rawValue: .manifest, dockerManifest.rawValue: .manifest,
      config.rawValue: .config, dockerConfig.rawValue: .config,
      dockerLayer.rawValue: .layer(.none, isDistributable: true),
      dockerLayerGzip.rawValue: .layer(.gzip, isDistributable: true),
      dockerLayerZstd.rawValue: .layer(.zstd, isDistributable: true),
      dockerForeignLayerGzip.rawValue: .layer(.gzip, isDistributable: false),
      "application/vnd.docker.image.rootfs.foreign.diff.tar": .layer(.none, isDistributable: false),
    ]
    for (suffix, compression) in [("", Compression.none), ("+gzip", .gzip), ("+zstd", .zstd)] {
      kinds[layer.rawValue + suffix] = .layer(compression, isDistributable: true)
      kinds["application/vnd.oci.image.layer.nondistributable.v1.tar" + suffix] =
        .layer(compression, isDistributable: false)
    }
    return kinds
  }()
}
