import Archive
public import Image
import OCI

/// The way of an image of one layer through a tool: from its options to the table at the end.
extension ImageOptions {
  /// The image that these options ask for.
  ///
  /// - Parameters:
  ///   - destinations: where it goes.
  ///   - createdBy: what made the layer.
  ///   - progress: counts the uncompressed bytes.
  /// - Throws: `ValidationError`, `DockerfileError`.
  public func rootfsImage(
    to destinations: [ImageLocation], createdBy: String, common: CommonOptions, progress: Progress
  ) throws -> RootfsImage {
    let given = try givenTime()
    var image = RootfsImage(to: destinations, createdBy: createdBy) { newest in
      given ?? CreationTime(seconds: newest?.seconds ?? 0, nanoseconds: newest?.nanoseconds ?? 0)
    }
    image.references = tag
    image.remote = registries.stores(common)
    image.compression = layerCompression
    image.jobs = common.jobs
    image.platform = platform
    image.changes = try changes()
    image.annotations = Dictionary(
      annotation.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last })
    image.progress = { progress.add($0) }
    image.keepsBlobs = wantsPage
    return image
  }

  /// Shows what was made.
  public func present(_ made: RootfsImage.Result, common: CommonOptions) throws {
    let layer = made.layer
    let summary = ImageSummary(
      reference: tag.first, platform: made.platform, digest: made.digest,
      outputs: output,
      layers: [
        ImageSummary.Layer(
          digest: layer.descriptor.digest, diffID: layer.diffID,
          mediaType: layer.descriptor.mediaType.rawValue, size: layer.descriptor.size,
          uncompressedSize: layer.uncompressedSize, entries: layer.entries, createdBy: made.createdBy)
      ])
    try present([summary], of: made.image.map { [$0] } ?? [], common: common)
  }
}
