public import Codec
import Digest
public import OCI
import Posix
import Synchronization

/// Copies images between stores and registries: several blobs at once, and none that is there already.
public final class ImageCopier: Sendable {
  /// What one destination took.
  public struct Tally: Sendable {
    /// Where.
    public var location: ImageLocation
    /// Blobs that were moved, and their bytes.
    public var moved: (blobs: Int, bytes: UInt64) = (0, 0)
    /// Blobs that were there already.
    public var present: (blobs: Int, bytes: UInt64) = (0, 0)
    /// Blobs that a registry took from another of its repositories.
    public var mounted: (blobs: Int, bytes: UInt64) = (0, 0)
  }

  private let writer: ImageWriter
  private let jobs: Int
  private let progress: @Sendable (Int) -> Void
  private let counts: Mutex<[Tally]>

  /// Prepares to copy.
  ///
  /// - Parameters:
  ///   - writer: the destinations.
  ///   - jobs: how many blobs move at once.
  ///   - progress: takes the number of bytes with each piece that is done.
  public init(to writer: ImageWriter, jobs: Int, progress: @escaping @Sendable (Int) -> Void) {
    self.writer = writer
    self.jobs = max(1, jobs)
    self.progress = progress
    counts = Mutex(writer.locations.map { Tally(location: $0) })
  }

  /// What it took so far, in the order of the destinations.
  public var tallies: [Tally] { counts.withLock { $0 } }

  /// Copies what is planned, byte for byte, and makes it appear.
  ///
  /// - Throws: what a source or a destination throws. Nothing appears then.
  public func copy(_ plan: ImageCopyPlan, tags: [Reference]) throws -> [StoredOutput] {
    // The large ones first: they take longest.
    let blobs = plan.blobs.sorted { $0.descriptor.size > $1.descriptor.size }
    try writer.expect(blobs.map(\.descriptor))
    let next = Mutex(0)
    let workers = (0..<min(jobs, blobs.count)).map { _ in
      Worker { [self] in
        while case let index = next.withLock({ next in
          defer { next += 1 }
          return next
        }), index < blobs.count {
          do { try move(blobs[index]) } catch {
            next.withLock { $0 = blobs.count }
            throw error
          }
        }
      }
    }
    var failure: (any Error)?
    for worker in workers {
      do { try worker.join() } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
    for document in plan.documents { try writer.store(document: document.bytes, as: document.descriptor) }
    let images = plan.images.map { ImageToStore(config: $0.config, manifest: $0.manifest) }
    var contents = ImageContents(images: images, top: plan.top, tags: tags)
    contents.referrers = plan.referrers
    return try writer.finish(contents)
  }

  private func move(_ blob: BlobToCopy) throws {
    var blob = blob
    let progress = progress
    blob.progress = progress
    guard let outcomes = try writer.store(blob) else { return }
    let size = blob.descriptor.size
    counts.withLock { tallies in
      for (index, outcome) in outcomes.enumerated() {
        switch outcome {
        case .moved:
          tallies[index].moved = (tallies[index].moved.blobs + 1, tallies[index].moved.bytes + size)
        case .present:
          tallies[index].present = (tallies[index].present.blobs + 1, tallies[index].present.bytes + size)
          progress(Int(clamping: size))
        case .mounted:
          tallies[index].mounted = (tallies[index].mounted.blobs + 1, tallies[index].mounted.bytes + size)
          progress(Int(clamping: size))
        }
      }
    }
  }

  // MARK: Other bytes

  /// Copies images with their layers compressed anew. What is in the layers stays the same: their diff IDs are
  /// verified. Docker's media types become OCI's.
  ///
  /// - Returns: where they are, and the images as they are now.
  /// - Throws: what a source or a destination throws. Nothing appears then.
  public func recompress(
    _ images: [Image], as settings: CompressionSettings, threads: Int
  ) throws -> (outputs: [StoredOutput], images: [ImageToStore]) {
    var done: [Digest: OCI.Descriptor] = [:]
    var made: [ImageToStore] = []
    for image in images {
      var layers: [OCI.Descriptor] = []
      for (index, layer) in image.layers.enumerated() {
        if case .layer(_, isDistributable: false) = layer.descriptor.mediaType.kind {
          layers.append(layer.descriptor)
          continue
        }
        let new = try done[layer.diffID] ?? recompress(layer, number: index + 1, settings, threads)
        done[layer.diffID] = new
        layers.append(new)
      }
      let config = image.config
      var manifest = image.manifest.content
      manifest.mediaType = .manifest
      manifest.config = OCI.Descriptor(.config, digest: config.digest, size: config.size)
      manifest.layers = layers
      made.append(ImageToStore(config: config, manifest: Document(manifest)))
    }
    return (try writer.finish(made), made)
  }

  private func recompress(
    _ layer: Layer, number: Int, _ settings: CompressionSettings, _ threads: Int
  ) throws -> OCI.Descriptor {
    final class Written: @unchecked Sendable {
      // The compressor's calls come one after the other.
      var hash: SHA256? = SHA256()
      var size: UInt64 = 0
    }
    let sink = try writer.beginBlob()
    let written = Written()
    let compressor = BlockCompressor(settings, jobs: threads) { bytes in
      written.hash?.update(bytes)
      written.size += UInt64(bytes.count)
      try sink.write(bytes)
    }
    let progress = progress
    let source = try Decompressor(try layer.open(), tap: { progress($0.count) })
    defer { source.close() }
    var plain = SHA256()
    while case let bytes = try source.next(), !bytes.isEmpty {
      plain.update(bytes)
      try compressor.write(bytes)
    }
    try compressor.finish()
    let found = plain.finish()
    if found != layer.diffID {
      throw LayerReadingError(
        reason: .diffID(expected: layer.diffID, found: found), layer: number, digest: layer.descriptor.digest)
    }
    let digest = (written.hash.take() ?? SHA256()).finish()
    try writer.endBlob(sink, digest: digest)
    let type: MediaType =
      switch settings.format {
      case .zstd: .layerZstd
      case .none: .layer
      default: .layerGzip
      }
    var descriptor = layer.descriptor
    descriptor.mediaType = type
    descriptor.digest = digest
    descriptor.size = written.size
    counts.withLock { tallies in
      for index in tallies.indices {
        tallies[index].moved = (tallies[index].moved.blobs + 1, tallies[index].moved.bytes + written.size)
      }
    }
    return descriptor
  }
}
