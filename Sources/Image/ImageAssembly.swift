public import Digest
public import Dockerfile
public import OCI

/// A layer that was stored, and what made it.
public struct NewLayer: Sendable {
  /// Media type, digest and size of the stored bytes.
  public var descriptor: OCI.Descriptor
  /// The digest of the uncompressed tar.
  public var diffID: Digest
  /// What made it.
  public var history: History

  /// A layer.
  public init(_ descriptor: OCI.Descriptor, diffID: Digest, history: History) {
    self.descriptor = descriptor
    self.diffID = diffID
    self.history = history
  }
}

/// The parts of an image, and the documents that they make.
public struct ImageAssembly: Sendable {
  /// What it runs on.
  public var platform: Platform
  /// When it was made.
  public var created: CreationTime?
  /// Who made it.
  public var author: String?
  /// The image below, whose layers, configuration and history are carried over.
  public var base: Image?
  /// The layers on top, the lowest first.
  public var layers: [NewLayer] = []
  /// Instructions that change the configuration, in their order.
  public var changes: [Instruction] = []
  /// How it runs, instead of what the image below says; changed by `changes`.
  public var runtime: RuntimeConfig?
  /// Words about the image, on the manifest.
  public var annotations: [String: String] = [:]
  /// The whole history, where it is more than what the layers say.
  public var history: [History]?
  /// The configuration that is changed; a new one when nil.
  private var original: ImageConfig?

  /// An image from nothing.
  public init(platform: Platform) {
    self.platform = platform
    base = nil
  }

  /// An image from nothing, with a configuration of how it is run.
  public init(platform: Platform, runtime: RuntimeConfig) {
    self.init(platform: platform)
    var config = ImageConfig(platform: platform)
    config.runtime = runtime
    original = config
  }

  /// An image on top of another.
  public init(base: Image) {
    platform = base.platform
    self.base = base
  }

  /// An image that is like another, but for its layers and their history.
  public init(replacingLayersOf image: Image) {
    platform = image.platform
    var config = image.config.content
    config.diffIDs = []
    config.history = []
    original = config
    annotations = image.manifest.content.annotations
  }

  /// Makes configuration and manifest: OCI's, canonically written.
  ///
  /// - Throws: `DockerfileError` for changes that can't be applied.
  public func assemble() throws(DockerfileError) -> ImageToStore {
    var config = base?.config.content ?? original ?? ImageConfig(platform: platform)
    config.platform = platform
    config.created = created ?? config.created
    config.author = author ?? config.author
    config.runtime = runtime ?? config.runtime
    try config.runtime.apply(changes)
    if config.layerHistory == nil {
      // Where the history doesn't fit the layers nobody can tell what made which.
      config.history = config.diffIDs.map { _ in History() }
    }
    config.diffIDs += layers.map(\.diffID)
    config.history = history ?? config.history + layers.map(\.history)
    let document = Document(config)
    let below = (base?.manifest.content.layers ?? []).map(\.inOCI)
    let manifest = Manifest(
      config: OCI.Descriptor(.config, digest: document.digest, size: document.size),
      layers: below + layers.map(\.descriptor.inOCI), annotations: annotations)
    return ImageToStore(config: document, manifest: Document(manifest))
  }
}

extension OCI.Descriptor {
  /// The same layer with OCI's media type for it: the bytes are the same as docker's.
  fileprivate var inOCI: OCI.Descriptor {
    var descriptor = self
    if mediaType.isDocker, case .layer(let compression, isDistributable: true) = mediaType.kind {
      descriptor.mediaType = .layer(compression)
    }
    return descriptor
  }
}
