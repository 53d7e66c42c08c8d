public import Digest
public import OCI
import Posix
import Synchronization

/// An image that is ready to be stored: its layers are blobs of the writer already.
public struct ImageToStore: Sendable {
  /// The configuration.
  public var config: Document<ImageConfig>
  /// The manifest, which names the configuration and the layers.
  public var manifest: Document<Manifest>

  /// An image from its documents.
  public init(config: Document<ImageConfig>, manifest: Document<Manifest>) {
    self.config = config
    self.manifest = manifest
  }

  /// The descriptor of the manifest.
  public var descriptor: OCI.Descriptor {
    OCI.Descriptor(
      manifest.content.mediaType, digest: manifest.digest, size: manifest.size,
      platform: config.content.platform)
  }
}

/// A destination that was written.
public struct StoredOutput: Sendable {
  /// Where.
  public var location: ImageLocation
  /// The names that the image has there: references, or a layout's name.
  public var names: [String]
  /// What they lead to: the manifest, or the index of several images.
  public var digest: Digest
}

/// Writes images to one or several destinations at once.
///
/// The bytes of a blob go straight to where they stay in the first destination, and from there to the
/// others. Nothing appears under its final name before `finish`; a writer that is let go before leaves
/// nothing behind, not even when it is killed (where the file system has `O_TMPFILE`).
public final class ImageWriter: @unchecked Sendable {
  // Used by one thread, but for `store(_:)`.
  private var destinations: [any ImageDestination]
  private let tags: [Reference]
  private let stored = Mutex<Set<Digest>>([])
  private var isOpen = false
  /// Remembers the blobs that are made here; nil where nobody wants them again.
  var blobs: WrittenBlobs?

  /// Prepares destinations; what can be refused early is.
  ///
  /// - Parameters:
  ///   - tags: the names that the images get, besides the one in a location.
  ///   - remote: what reaches registries; nil where they can't be.
  /// - Throws: `ImageError`, `PosixError`, and what `remote` throws.
  public init(
    destinations locations: [ImageLocation], tags: [Reference] = [], remote: (any RemoteStores)? = nil
  ) throws {
    self.tags = tags
    guard !locations.isEmpty else {
      throw ImageError(.location(problem: "there is no destination to write to"), at: "")
    }
    for (index, location) in locations.enumerated()
    where locations[..<index].contains(where: { $0.path.map { $0 == location.path } ?? ($0 == location) }) {
      throw ImageError(.location(problem: "the destination is named twice"), at: "\(location)")
    }
    for location in locations {
      var references = tags
      switch location {
      case .dockerArchive(_, let own?): references.append(own)
      case .registry(let own): references = [own]
      default: break
      }
      if let pinned = references.first(where: { $0.digest != nil }) {
        throw ImageError(
          .location(problem: "an image can't be given a name with a digest (\(pinned))"), at: "\(location)")
      }
    }
    destinations = []
    for location in locations {
      switch location {
      case .layout(let path, _): destinations.append(try LayoutDestination(path, location))
      case .ociArchive(let path, _), .dockerArchive(let path, _):
        destinations.append(try ArchiveDestination(location, target: path))
      case .stream: destinations.append(try ArchiveDestination(location, target: nil))
      case .registry(let reference):
        guard let remote else {
          throw ImageError(.unsupported("writing to registries"), at: "\(location)")
        }
        destinations.append(try remote.destination(reference))
      case .directory, .tar, .detected:
        throw ImageError(.location(problem: "this is no place for an image"), at: "\(location)")
      }
    }
  }

  /// Begins a blob. Only one can be open.
  public func beginBlob() throws -> BlobSink {
    precondition(!isOpen, "one blob is written at a time")
    let sink = try first.beginBlob()
    isOpen = true
    return sink
  }

  private var first: any ImageDestination { destinations[0] }

  /// Keeps a blob, in every destination. `digest` is of all bytes that were written to it.
  public func endBlob(_ sink: BlobSink, digest: Digest) throws {
    isOpen = false
    if !insert(digest) {
      try first.dropBlob(sink)
      return
    }
    for other in destinations.dropFirst() {
      let copy = try other.beginBlob()
      try Self.copy(sink, to: copy)
      try other.endBlob(copy, digest: digest)
    }
    try first.endBlob(sink, digest: digest)
    blobs?.add(digest, sink, size: sink.size)
  }

  private static func copy(_ sink: BlobSink, to other: BlobSink) throws {
    try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 4096) { buffer in
      var offset: UInt64 = 0
      while case let count = try sink.read(into: buffer, at: offset), count > 0 {
        try other.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        offset += UInt64(count)
      }
    }
  }

  /// Whether a blob is stored already, by `endBlob`.
  public func has(_ digest: Digest) -> Bool { stored.withLock { $0.contains(digest) } }

  private func insert(_ digest: Digest) -> Bool { stored.withLock { $0.insert(digest).inserted } }

  /// Tells all destinations what will be stored, in this order.
  func expect(_ blobs: [OCI.Descriptor]) throws {
    for destination in destinations { try destination.expect(blobs) }
  }

  /// Stores a blob of another image in every destination that doesn't have it. Several threads may do it for
  /// several blobs at once, while none is begun.
  ///
  /// - Returns: what it took in each destination, in their order; nil when the blob was stored before.
  func store(_ blob: BlobToCopy) throws -> [BlobOutcome]? {
    guard insert(blob.descriptor.digest) else { return nil }
    var outcomes: [BlobOutcome?] = destinations.map { _ in nil }
    var blob = blob
    // What is close by first: the others can have it from there.
    let order = destinations.indices.sorted { !isRemote($0) && isRemote($1) }
    for index in order {
      let outcome = try destinations[index].store(blob)
      outcomes[index] = outcome
      if case .moved(let again?) = outcome { blob.open = again }
    }
    return outcomes.compactMap { $0 }
  }

  private func isRemote(_ index: Int) -> Bool {
    if case .registry = destinations[index].location { true } else { false }
  }

  /// Where it writes, in their order.
  var locations: [ImageLocation] { destinations.map(\.location) }

  /// Stores a layer of another image as it is; its digest is verified on the way.
  public func copy(_ layer: Layer) throws {
    if has(layer.descriptor.digest) { return }
    let source = try layer.open()
    let sink = try beginBlob()
    try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 4096) { buffer in
      while case let count = try source.read(into: buffer), count > 0 {
        try sink.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
    try endBlob(sink, digest: layer.descriptor.digest)
  }

  private func store(_ bytes: [UInt8], digest: Digest) throws {
    let sink = try beginBlob()
    try bytes.withUnsafeBytes { try sink.write($0) }
    try endBlob(sink, digest: digest)
  }

  /// Stores configurations and manifests, names the images, and makes all destinations appear.
  ///
  /// One image is named itself; several, of different platforms, are named by an index of them.
  ///
  /// - Parameters:
  ///   - annotations: words on the index of several images.
  ///   - removesReplaced: whether blobs go from an image layout that only images needed whose names these take.
  /// - Throws: `ImageError` when a layer was not stored before.
  public func finish(
    _ images: [ImageToStore], annotations: [String: String] = [:], removesReplaced: Bool = false
  ) throws -> [StoredOutput] {
    guard let only = images.first else {
      throw ImageError(.inconsistent("there is no image to store"), at: "\(first.location)")
    }
    for image in images {
      for layer in image.manifest.content.layers where !has(layer.digest) {
        // What is not distributable stays where its addresses say.
        if case .layer(_, isDistributable: false) = layer.mediaType.kind { continue }
        throw ImageError(
          .blob(layer.digest, problem: "was not stored before the image"), at: "\(first.location)")
      }
      try store(image.config.bytes, digest: image.config.digest)
      try store(document: image.manifest.bytes, as: image.descriptor)
    }
    var top = only.descriptor
    if images.count > 1 {
      let index = Document(ImageIndex(manifests: images.map(\.descriptor), annotations: annotations))
      top = OCI.Descriptor(.index, digest: index.digest, size: index.size)
      try store(document: index.bytes, as: top)
    }
    var contents = ImageContents(images: images, top: top, tags: tags)
    contents.removesReplaced = removesReplaced
    return try finish(contents)
  }

  /// Stores a manifest or an index, after what it names, in every destination.
  func store(document bytes: [UInt8], as descriptor: OCI.Descriptor) throws {
    guard insert(descriptor.digest) else { return }
    for destination in destinations { try destination.store(document: bytes, as: descriptor) }
  }

  /// The names by which each of some images is found in the destinations. Sorted.
  func names(of images: [ImageToStore]) -> [[String]] {
    guard let first = images.first else { return [] }
    let contents = ImageContents(images: images, top: first.descriptor, tags: tags)
    return images.indices.map { index in
      Set(locations.flatMap { contents.names(of: index, at: $0) }).sorted()
    }
  }

  /// Makes all destinations appear.
  func finish(_ contents: ImageContents) throws -> [StoredOutput] {
    var outputs: [StoredOutput] = []
    for destination in destinations {
      try destination.finish(contents)
      var names = contents.references(for: destination.location).map(\.familiar)
      if let own = destination.location.imageName, !names.contains(own) { names.insert(own, at: 0) }
      outputs.append(StoredOutput(location: destination.location, names: names, digest: contents.top.digest))
    }
    return outputs
  }

  /// Gives up: nothing is left of what was written. Letting go of the writer does the same.
  public func abort() { destinations = [] }
}
