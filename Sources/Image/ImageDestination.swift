public import Digest
public import OCI
public import Posix

/// One place that an image is written to.
public protocol ImageDestination: AnyObject, Sendable {
  /// Where it is, as the user wrote it.
  var location: ImageLocation { get }
  /// Begins a blob; only one at a time.
  func beginBlob() throws -> BlobSink
  /// Keeps the blob that was begun. One that is there already is dropped.
  func endBlob(_ sink: BlobSink, digest: Digest) throws
  /// Drops the blob that was begun.
  func dropBlob(_ sink: BlobSink) throws
  /// Whether a blob is there already, and needn't be sent.
  func holds(_ blob: OCI.Descriptor) throws -> Bool
  /// Is told what will be stored, in order, where that is known: the order in which it comes is left to chance.
  func expect(_ blobs: [OCI.Descriptor]) throws
  /// Stores a blob from elsewhere; several may be stored at once, but none while one is begun.
  func store(_ blob: BlobToCopy) throws -> BlobOutcome
  /// Stores a manifest or an index, after what it names.
  func store(document bytes: [UInt8], as descriptor: OCI.Descriptor) throws
  /// Names the blobs, and makes the whole appear.
  func finish(_ contents: ImageContents) throws
}

extension ImageDestination {
  /// The order matters only where blobs stand one after the other.
  public func expect(_ blobs: [OCI.Descriptor]) throws {}

  /// A manifest is a blob like any other.
  public func store(document bytes: [UInt8], as descriptor: OCI.Descriptor) throws {
    let sink = try beginBlob()
    try bytes.withUnsafeBytes { try sink.write($0) }
    try endBlob(sink, digest: descriptor.digest)
  }
}

/// A blob that is somewhere, on its way to a destination.
public struct BlobToCopy: Sendable {
  /// What it is.
  public var descriptor: OCI.Descriptor
  /// A registry's repository that has it, where it comes from one.
  public var origin: Reference?
  /// Opens it; the source verifies digest and size at its end.
  public var open: @Sendable () throws -> any ByteSource
  /// Takes the number of bytes with each piece that was moved; negative for what has to be sent again.
  public var progress: @Sendable (Int) -> Void

  /// A blob.
  public init(
    _ descriptor: OCI.Descriptor, origin: Reference? = nil,
    progress: @escaping @Sendable (Int) -> Void = { _ in },
    open: @escaping @Sendable () throws -> any ByteSource
  ) {
    self.descriptor = descriptor
    self.origin = origin
    self.open = open
    self.progress = progress
  }
}

/// What storing a blob took.
public enum BlobOutcome: Sendable {
  /// Its bytes were moved. Where they can be read again from close by, this opens them.
  case moved(again: (@Sendable () throws -> any ByteSource)?)
  /// It was there already.
  case present
  /// The registry took it over from another of its repositories.
  case mounted
}

/// What all destinations get at the end.
public struct ImageContents: Sendable {
  /// The images.
  public var images: [ImageToStore]
  /// What names lead to: the only image's manifest, or the index of several.
  public var top: OCI.Descriptor
  /// References that were asked for.
  var tags: [Reference]
  /// Manifests about others, which an image layout's index lists without a name.
  public internal(set) var referrers: [OCI.Descriptor] = []
  /// Whether blobs go that only images needed whose place these take.
  var removesReplaced = false

  init(images: [ImageToStore], top: OCI.Descriptor, tags: [Reference]) {
    self.images = images
    self.top = top
    self.tags = tags
  }

  /// The descriptors of an image layout's index for a destination: one for each name.
  func entries(for location: ImageLocation) -> [OCI.Descriptor] {
    var entries: [OCI.Descriptor] = []
    var used: Set<String> = []
    func add(_ name: String?, full: String?) {
      var entry = top
      // Two images of one name could not be told apart by tools that know only this annotation.
      if let name, used.insert(name).inserted { entry.annotations[Descriptor.referenceName] = name }
      if let full { entry.annotations[Descriptor.containerdName] = full }
      if !entries.contains(entry) { entries.append(entry) }
    }
    switch location {
    case .layout(_, let name?), .ociArchive(_, let name?): add(name, full: nil)
    default: break
    }
    for tag in references(for: location) { add(tag.tag?.description, full: tag.description) }
    return entries.isEmpty ? [top] : entries
  }

  /// The one of the images that a docker archive's names lead to, where a name can be of one only: that of
  /// this machine, else the first.
  var named: Int { images.firstIndex { $0.config.content.platform.distance(to: .host) == 0 } ?? 0 }

  /// The names by which an image is found when a destination is read.
  func names(of image: Int, at location: ImageLocation) -> [String] {
    var names = entries(for: location).flatMap { entry in
      [Descriptor.referenceName, Descriptor.containerdName].compactMap { entry.annotations[$0] }
    }
    switch location {
    case .dockerArchive, .stream: if image == named { names += references(for: location).map(\.familiar) }
    default: break
    }
    return names
  }

  /// The references of a destination, with tags, each once.
  func references(for location: ImageLocation) -> [Reference] {
    var references: [Reference] = []
    switch location {
    // A registry's image has the one name that its location says.
    case .registry(let own): return [own]
    case .dockerArchive(_, let own?): references.append(own)
    default: break
    }
    for tag in tags.map(\.withTag) where !references.contains(tag) { references.append(tag) }
    return references
  }
}

extension BlobToCopy {
  /// Writes all of it to a place; digest and size are verified on the way.
  func copy(into sink: BlobSink) throws {
    let source = try open()
    try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 4096) { buffer in
      while case let count = try source.read(into: buffer), count > 0 {
        try sink.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        progress(count)
      }
    }
  }
}
