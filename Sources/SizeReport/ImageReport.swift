import Archive
import Codec
public import Digest
public import Image
public import OCI
public import Posix
public import Rootfs

/// A layer to report on: its facts, and how to read its stored bytes.
public struct ReportedLayer {
  /// Media type, digest and size of the stored bytes.
  public var descriptor: OCI.Descriptor
  /// What the digest of its uncompressed bytes must be.
  public var diffID: Digest
  /// What made it, where that is known.
  public var createdBy: String?
  /// Opens the stored bytes, which are verified while they are read.
  public var open: () throws -> any ByteSource

  /// A layer from its parts.
  public init(
    _ descriptor: OCI.Descriptor, diffID: Digest, createdBy: String? = nil,
    open: @escaping () throws -> any ByteSource
  ) {
    self.descriptor = descriptor
    self.diffID = diffID
    self.createdBy = createdBy
    self.open = open
  }
}

/// What one layer holds, and what it did to those below. Sizes are in bytes.
public struct LayerReport: Sendable {
  /// Media type, digest and size of the stored bytes: what a pull transfers.
  public var descriptor: OCI.Descriptor
  /// The digest of the uncompressed tar.
  public var diffID: Digest
  /// What made it, where that is known.
  public var createdBy: String?
  /// The bytes of the uncompressed tar, headers included.
  public var uncompressedSize: UInt64
  /// Its entries, and what they changed.
  public var changes: LayerChanges
  /// Bytes of files that it stores and that nothing in the image's tree leads to.
  public var wasted: UInt64
}

/// Where the bytes of an image are.
public struct ImageReport {
  /// The layers, the lowest first.
  public let layers: [LayerReport]
  /// The tree that they make.
  public let stack: LayerStack
  /// What is installed by dpkg, in the order of names.
  public let packages: [InstalledPackage]
  /// The files of the tree, each once, in tree order of their first names.
  public let files: [LivingFile]
  /// What could not be told, for people.
  public let notices: [String]
  /// What each entry is, where the report is to be compared; else nil.
  let fingerprints: Fingerprints?

  /// A file of the tree.
  public struct LivingFile: Sendable {
    /// Its record in the stack.
    public var file: LayerStack.FileID
    /// The first of its names in tree order.
    public var node: LayerStack.Node
    /// The index of the package that owns it in `packages`; nil for none.
    public var package: Int?
  }

  /// Reads all layers of an image.
  ///
  /// - Parameters:
  ///   - comparing: whether the report is to be compared with another: contents are hashed for that.
  ///   - progress: takes the number of stored bytes with each piece that was read.
  /// - Throws: `LayerReadingError`, `ImageError`.
  public init(
    of image: Image, comparing: Bool = false, progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws {
    let layers = image.layers.map { layer in
      ReportedLayer(layer.descriptor, diffID: layer.diffID, createdBy: layer.history?.createdBy) {
        try layer.open()
      }
    }
    try self.init(of: layers, comparing: comparing, progress: progress)
  }

  /// Reads layers, the lowest first, each once from its start to its end.
  ///
  /// - Parameters:
  ///   - comparing: whether the report is to be compared with another: contents are hashed for that.
  ///   - progress: takes the number of stored bytes with each piece that was read.
  /// - Throws: `LayerReadingError`, and what opening a layer throws.
  public init(
    of layers: [ReportedLayer], comparing: Bool = false,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws {
    var stack = LayerStack()
    var sizes: [UInt64] = []
    let notes = TreeNotes()
    let fingerprints = comparing ? Fingerprints() : nil
    for (index, layer) in layers.enumerated() {
      let reading = LayerReading(layer.descriptor, diffID: layer.diffID, number: index + 1)
      sizes.append(
        try reading.read(try layer.open(), tap: { progress($0.count) }) { source in
          try stack.apply(source) { entry, file, source in
            try notes.take(entry, file, source)
            try fingerprints?.take(entry, file, source, content: notes.contents[file])
          }
        })
      notes.forget { stack[$0].names == 0 }
      fingerprints?.forget { stack[$0].names == 0 }
    }
    let wasted = stack.wastedBytes()
    self.layers = layers.indices.map { index in
      LayerReport(
        descriptor: layers[index].descriptor, diffID: layers[index].diffID,
        createdBy: layers[index].createdBy, uncompressedSize: sizes[index], changes: stack.layers[index],
        wasted: wasted[index])
    }
    let ownership = PackageOwnership(stack, notes)
    packages = ownership.packages
    notices = notes.notices + ownership.notices
    files = Self.living(stack, ownership.owner)
    self.stack = stack
    self.fingerprints = fingerprints
  }

  private static func living(
    _ stack: LayerStack, _ owner: [LayerStack.FileID: Int]
  ) -> [LivingFile] {
    var files: [LivingFile] = []
    var seen: Set<LayerStack.FileID> = []
    stack.walk { node in
      guard let file = stack.file(at: node), stack[file].kind == .file else { return }
      if stack[file].names > 1, !seen.insert(file).inserted { return }
      files.append(LivingFile(file: file, node: node, package: owner[file]))
    }
    return files
  }
}
