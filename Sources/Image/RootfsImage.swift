public import Archive
public import Codec
public import Digest
public import Dockerfile
public import OCI
import Posix
public import Rootfs
public import SystemPackage

/// An image of one layer, made from a root file system: what it shall be like, and where it goes.
///
/// The layer is written once, straight to where it stays: into the first image store, or into the plain tar
/// when no image is asked for. Everything else is made from those bytes.
public struct RootfsImage: Sendable {
  /// Where it goes: image stores, plain tars, directories.
  public var destinations: [ImageLocation]
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
  }

  /// Makes the image from the entries that `send` gives.
  ///
  /// Nothing appears under any final name before all is complete.
  ///
  /// - Throws: `ImageError`, and what `send` throws.
  public func make(_ send: (any EntrySink) throws -> Void) throws -> Result {
    let stores = destinations.filter { $0.plainPath == nil }
    let writer = stores.isEmpty ? nil : try ImageWriter(destinations: stores, tags: references)
    var files: [(file: FileBlob, settings: CompressionSettings)] = []
    var folders: [UnpackedDirectory] = []
    for location in destinations {
      switch location {
      case .tar(let path): files.append((try FileBlob(path), try CompressionSettings(tarName: path.string)))
      case .directory(let path): folders.append(try UnpackedDirectory(path))
      default: break
      }
    }

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

    let platform = self.platform ?? layer.platform ?? .host
    var assembly = ImageAssembly(platform: platform)
    assembly.created = try created(layer.newest)
    assembly.annotations = annotations
    assembly.changes = changes
    var history = History()
    history.created = assembly.created
    history.createdBy = createdBy
    history.comment = comment
    assembly.layers = [NewLayer(layer.descriptor, diffID: layer.diffID, history: history)]
    let image = try assembly.assemble()
    if let writer, let sink {
      try writer.endBlob(sink, digest: layer.descriptor.digest)
      _ = try writer.finish([image])
    }
    for file in files { try file.file.commit() }
    for folder in folders { try folder.commit() }
    return Result(layer: layer, platform: platform, digest: image.manifest.digest, createdBy: createdBy)
  }

  private func copy(
    _ blob: any BlobBytes, compressedAs settings: CompressionSettings, to file: FileBlob,
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
    try readFull(spool.raw, into: buffer, at: offset)
  }

  func reset() throws { spool = try Spool(in: temporaryDirectory()) }
}
