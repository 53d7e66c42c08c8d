public import Digest
public import OCI
import Posix

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
public final class ImageWriter {
  private var destinations: [any ImageDestination]
  private let tags: [Reference]
  private var stored: Set<Digest> = []
  private var isOpen = false

  /// Prepares destinations; what can be refused early is.
  ///
  /// - Parameter tags: the names that the images get, besides the one in a location.
  /// - Throws: `ImageError`, `PosixError`.
  public init(destinations locations: [ImageLocation], tags: [Reference] = []) throws {
    self.tags = tags
    guard !locations.isEmpty else {
      throw ImageError(.location(problem: "there is no destination to write to"), at: "")
    }
    for (index, location) in locations.enumerated()
    where locations[..<index].contains(where: { $0.path == location.path }) {
      throw ImageError(.location(problem: "the destination is named twice"), at: "\(location)")
    }
    for location in locations {
      var references = tags
      if case .dockerArchive(_, let own?) = location { references.append(own) }
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
      case .registry: throw ImageError(.unsupported("writing to registries"), at: "\(location)")
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
    if !stored.insert(digest).inserted {
      try first.dropBlob(sink)
      return
    }
    for other in destinations.dropFirst() {
      let copy = try other.beginBlob()
      try Self.copy(sink, to: copy)
      try other.endBlob(copy, digest: digest)
    }
    try first.endBlob(sink, digest: digest)
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
  public func has(_ digest: Digest) -> Bool { stored.contains(digest) }

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
      try store(image.manifest.bytes, digest: image.manifest.digest)
    }
    var top = only.descriptor
    if images.count > 1 {
      let index = Document(ImageIndex(manifests: images.map(\.descriptor), annotations: annotations))
      try store(index.bytes, digest: index.digest)
      top = OCI.Descriptor(.index, digest: index.digest, size: index.size)
    }
    var contents = ImageContents(images: images, top: top, tags: tags)
    contents.removesReplaced = removesReplaced
    var outputs: [StoredOutput] = []
    for destination in destinations {
      try destination.finish(contents)
      var names = contents.references(for: destination.location).map(\.familiar)
      if let own = destination.location.imageName, !names.contains(own) { names.insert(own, at: 0) }
      outputs.append(StoredOutput(location: destination.location, names: names, digest: top.digest))
    }
    return outputs
  }

  /// Gives up: nothing is left of what was written. Letting go of the writer does the same.
  public func abort() { destinations = [] }
}
