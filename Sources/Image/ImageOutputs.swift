import Archive
public import Codec
import Digest
public import OCI
import Posix
import Rootfs
public import SystemPackage

/// The places that images go to: image stores, and plain tars and directories for an image of one layer.
///
/// A layer is written once, straight to where it stays: into the first image store, or into the plain tar
/// when no image is asked for. Everything else is made from those bytes. Nothing appears under any final name
/// before `finish`.
public final class ImageOutputs {
  /// Writes to the image stores; nil when there are only plain tars and directories.
  public let writer: ImageWriter?
  /// Threads that compress.
  public var jobs = 1
  /// Takes the number of uncompressed bytes with each piece of a layer.
  public var progress: @Sendable (Int) -> Void = { _ in }
  /// Whether what is written from now on can be read again when it is finished: temporary files stay as long as
  /// this does.
  public var keepsBlobs = false {
    didSet {
      blobs = keepsBlobs ? WrittenBlobs() : nil
      writer?.blobs = blobs
    }
  }
  /// The images that were finished, read from where their bytes are; empty unless `keepsBlobs`.
  public private(set) var images: [Image] = []
  private var blobs: WrittenBlobs?
  private var files: [(file: GrowingFile, settings: CompressionSettings)] = []
  private var folders: [UnpackedDirectory] = []
  private var hasPlainLayer = false

  /// Prepares destinations; what can be refused early is.
  ///
  /// - Parameter remote: what reaches registries; nil where they can't be.
  /// - Throws: `ImageError`, `PosixError`, and what `remote` throws.
  public init(
    _ destinations: [ImageLocation], tags: [Reference], remote: (any RemoteStores)? = nil
  ) throws {
    let stores = destinations.filter { $0.plainPath == nil }
    writer = stores.isEmpty ? nil : try ImageWriter(destinations: stores, tags: tags, remote: remote)
    for location in destinations {
      switch location {
      case .tar(let path):
        files.append((try GrowingFile(path), try CompressionSettings(tarName: path.string)))
      case .directory(let path): folders.append(try UnpackedDirectory(path))
      default: break
      }
    }
  }

  /// Writes a layer from the entries that `send` gives in canonical order.
  ///
  /// - Throws: `ImageError` for a second layer where there are plain tars or directories; and what `send` throws.
  public func writeLayer(
    _ compression: CompressionSettings, _ send: (LayerWriter) throws -> Void
  ) throws -> WrittenLayer {
    if hasPlainLayer, !files.isEmpty || !folders.isEmpty {
      throw ImageError(.inconsistent("a plain root file system can hold one layer only"), at: "")
    }
    hasPlainLayer = true
    let sink = try writer?.beginBlob()
    let blob: any BlobBytes
    var settings = compression
    if let sink {
      blob = sink
    } else if let first = files.first {
      blob = first.file
      settings = first.settings
    } else {
      blob = try SpoolBlob()
      settings = .none
    }
    let layerWriter = LayerWriter(into: blob, compression: settings, jobs: jobs, progress: progress)
    try send(layerWriter)
    let layer = try layerWriter.finish()

    for (index, file) in files.enumerated() where writer != nil || index > 0 {
      try copy(blob, compressedAs: settings, to: file.file, as: file.settings)
    }
    for folder in folders {
      let source = try Decompressor(BlobSource(blob))
      defer { source.close() }
      try folder.unpack(TarReader(source))
    }
    if let writer, let sink {
      try writer.endBlob(sink, digest: layer.descriptor.digest)
    } else {
      blobs?.add(layer.descriptor.digest, blob, size: layer.descriptor.size)
    }
    return layer
  }

  /// Makes everything appear.
  ///
  /// - Parameters:
  ///   - images: what goes to the stores; their layers are written.
  ///   - annotations: words on the index of several images.
  ///   - removesReplaced: whether blobs go from an image layout that only images needed whose names these take.
  public func finish(
    _ images: [ImageToStore], annotations: [String: String] = [:], removesReplaced: Bool = false
  ) throws -> [StoredOutput] {
    let stored = try writer?.finish(images, annotations: annotations, removesReplaced: removesReplaced) ?? []
    for file in files { try file.file.commit() }
    for folder in folders { try folder.commit() }
    if let blobs {
      let names = writer?.names(of: images) ?? images.map { _ in [] }
      self.images = try zip(images, names).map { image, names in
        try Image(
          names: names, descriptor: image.descriptor, manifest: image.manifest, config: image.config,
          store: blobs)
      }
    }
    return stored
  }

  private func copy(
    _ blob: any BlobBytes, compressedAs settings: CompressionSettings, to file: GrowingFile,
    as target: CompressionSettings
  ) throws {
    let source: any ByteSource =
      target == settings ? BlobSource(blob) : try Decompressor(BlobSource(blob), as: settings.format)
    let compressor = BlockCompressor(target == settings ? .none : target, jobs: jobs) { try file.write($0) }
    try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 4096) { buffer in
      while case let count = try source.read(into: buffer), count > 0 {
        try compressor.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
    try compressor.finish()
  }
}

extension ImageLocation {
  /// The path of a plain tar or directory; nil for places of images.
  public var plainPath: FilePath? {
    switch self {
    case .tar(let path), .directory(let path): path
    default: nil
    }
  }
}

extension CompressionSettings {
  /// What the suffix of a tar's name asks for.
  init(tarName name: String) throws {
    let suffixes: [(String, Compression)] = [
      (".gz", .gzip), (".tgz", .gzip), (".zst", .zstd), (".tzst", .zstd), (".xz", .xz), (".txz", .xz),
      (".bz2", .bzip2), (".tbz2", .bzip2),
    ]
    self.init(suffixes.first { name.hasSuffix($0.0) }?.1 ?? .none)
  }
}

/// A blob as a source, from its start.
final class BlobSource: ByteSource {
  private let blob: any BlobBytes
  private var offset: UInt64 = 0

  init(_ blob: any BlobBytes) { self.blob = blob }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try blob.read(into: buffer, at: offset)
    offset += UInt64(count)
    return count
  }
}

/// A blob that nobody keeps: it only feeds what is made from it.
private final class SpoolBlob: BlobBytes, @unchecked Sendable {
  // One thread at a time, as `BlobBytes` says.
  private var spool: Spool

  init() throws { spool = try Spool(in: temporaryDirectory()) }

  func write(_ bytes: UnsafeRawBufferPointer) throws { try spool.append(bytes) }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws -> Int {
    try spool.flush()
    return try readFull(spool.raw, into: buffer, at: offset)
  }

  func reset() throws { spool = try Spool(in: temporaryDirectory()) }
}
