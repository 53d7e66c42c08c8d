public import Archive
public import Codec
public import Digest
public import Dockerfile
public import OCI
import Posix
public import Rootfs
import SystemPackage

/// An image of one layer, made from a root file system: what it shall be like, and where it goes.
///
/// The layer is written once, straight to where it stays: into the first image store, or into the plain tar
/// when no image is asked for. Everything else is made from those bytes.
public struct RootfsImage: Sendable {
  /// Where it goes: image stores, plain tars, directories.
  public var destinations: [ImageLocation]
  /// The image that the layer lies on, with what it says of itself; nil for an image of this layer alone.
  public var base: Image?
  /// The names that the image gets.
  public var references: [Reference] = []
  /// How the layer is compressed.
  public var compression = CompressionSettings.default
  /// Threads that compress.
  public var jobs = 1
  /// The platform; by the programs in the tree when nil, and else the host's.
  public var platform: Platform?
  /// Instructions that change the configuration.
  public var changes: [Instruction] = []
  /// Annotations of the manifest.
  public var annotations: [String: String] = [:]
  /// What made the layer, for the history; must not depend on anything but what makes the image.
  public var createdBy: String
  /// A remark for the history.
  public var comment: String?
  /// When the image was made, by the newest time in its content.
  public var created: @Sendable (Timestamp?) throws -> CreationTime
  /// Takes the number of uncompressed bytes with each piece.
  public var progress: @Sendable (Int) -> Void = { _ in }

  /// Whether the result has the image itself.
  public var keepsBlobs = false

  /// What reaches registries; nil where they can't be.
  public var remote: (any RemoteStores)?

  /// An image that goes to `destinations`.
  public init(
    to destinations: [ImageLocation], createdBy: String,
    created: @escaping @Sendable (Timestamp?) throws -> CreationTime
  ) {
    self.destinations = destinations
    self.createdBy = createdBy
    self.created = created
  }

  /// What was made.
  public struct Result: Sendable {
    /// The layer.
    public var layer: WrittenLayer
    /// The platform that was found or given.
    public var platform: Platform
    /// The digest of the manifest.
    public var digest: Digest
    /// What made the layer.
    public var createdBy: String
    /// When it was made.
    public var created: CreationTime?
    /// The image, read from where its bytes are; nil unless that was asked for.
    public var image: Image?
  }

  /// Makes the image from the entries that `send` gives.
  ///
  /// Nothing appears under any final name before all is complete.
  ///
  /// - Throws: `ImageError`, and what `send` throws.
  public func make(_ send: (any EntrySink) throws -> Void) throws -> Result {
    let outputs = try ImageOutputs(destinations, tags: references, remote: remote)
    outputs.jobs = jobs
    outputs.progress = progress
    outputs.keepsBlobs = keepsBlobs
    for layer in base?.layers ?? [] { try outputs.writer?.copy(layer) }
    let layer = try outputs.writeLayer(compression, send)

    let platform = base?.platform ?? self.platform ?? layer.platform ?? .host
    var assembly = base.map { ImageAssembly(base: $0) } ?? ImageAssembly(platform: platform)
    assembly.created = try created(layer.newest)
    assembly.annotations = annotations
    assembly.changes = changes
    var history = History()
    history.created = assembly.created
    history.createdBy = createdBy
    history.comment = comment
    assembly.layers = [NewLayer(layer.descriptor, diffID: layer.diffID, history: history)]
    let image = try assembly.assemble()
    _ = try outputs.finish([image])
    return Result(
      layer: layer, platform: platform, digest: image.manifest.digest, createdBy: createdBy,
      created: assembly.created, image: outputs.images.first)
  }
}
