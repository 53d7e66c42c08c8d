public import Archive
public import Codec
public import Digest
public import OCI
public import Posix
public import Rootfs

/// A place for the bytes of one blob, which can be read again until the blob is stored.
public protocol BlobBytes: AnyObject, Sendable {
  /// Adds bytes at the end. Called from one thread at a time.
  func write(_ bytes: UnsafeRawBufferPointer) throws
  /// Reads at an offset; fewer bytes only at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws -> Int
  /// Drops all bytes.
  func reset() throws
}

/// A blob that is a file of its own.
extension GrowingFile: BlobBytes {}

/// A layer that was written: its facts, and what was counted on the way.
public struct WrittenLayer: Sendable {
  /// Media type, digest and size of the blob.
  public var descriptor: OCI.Descriptor
  /// The digest of the uncompressed tar.
  public var diffID: Digest
  /// The bytes of the uncompressed tar.
  public var uncompressedSize: UInt64
  /// The entries.
  public var entries: UInt64
  /// The newest time of an entry; nil for an empty layer.
  public var newest: Timestamp?
  /// The platform of the programs in it; nil when there are none.
  public var platform: Platform?
}

/// The one tail that every layer leaves through: entries become tar bytes, these are hashed (diff ID),
/// compressed on all cores, hashed again (digest) and put into a blob, all in one pass.
///
/// Entries must come in canonical order: `CanonicalOrder` brings them into it.
public final class LayerWriter: EntrySink {
  private let blob: any BlobBytes
  private let compression: CompressionSettings
  private let jobs: Int
  private let progress: @Sendable (Int) -> Void
  private var state: Run
  private var entries: UInt64 = 0
  private var newest: Timestamp?
  private var programs = BinaryPlatform()
  private var isAtFileStart = false

  /// One attempt at the layer; a restart begins another.
  private final class Run {
    /// What the compressor's side counts. Its calls come one after the other, and its `finish` waits for
    /// them, so that nothing here is ever used by two threads at once.
    final class Output: @unchecked Sendable {
      var hash: SHA256? = SHA256()
      var size: UInt64 = 0
    }

    let compressor: BlockCompressor
    let output: Output
    let tar: TarWriter
    let input: Input

    final class Input {
      /// nil when the blob is the tar itself, which is hashed when it comes out.
      var hash: SHA256?

      init(hashes: Bool) { hash = hashes ? SHA256() : nil }
    }

    init(
      _ blob: any BlobBytes, _ compression: CompressionSettings, jobs: Int,
      progress: @escaping @Sendable (Int) -> Void
    ) {
      let output = Output()
      let compressor = BlockCompressor(compression, jobs: jobs) { bytes in
        output.hash?.update(bytes)
        output.size += UInt64(bytes.count)
        try blob.write(bytes)
      }
      let input = Input(hashes: compression.format != .none)
      self.output = output
      self.compressor = compressor
      self.input = input
      tar = TarWriter { bytes in
        input.hash?.update(bytes)
        try compressor.write(bytes)
        progress(bytes.count)
      }
    }
  }

  /// Writes a layer into `blob`.
  ///
  /// - Parameters:
  ///   - jobs: the number of compressing threads; the bytes don't depend on it.
  ///   - progress: takes the number of uncompressed bytes with each piece.
  public init(
    into blob: any BlobBytes, compression: CompressionSettings, jobs: Int,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.blob = blob
    self.compression = compression
    self.jobs = jobs
    self.progress = progress
    state = Run(blob, compression, jobs: jobs, progress: progress)
  }

  deinit { state.compressor.cancel() }

  /// Takes an entry.
  public func add(_ entry: Entry) throws {
    entries += 1
    newest = max(newest ?? entry.modified, entry.modified)
    isAtFileStart = entry.kind == .file
    try state.tar.add(entry)
  }

  /// Takes data of the entry that came last.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    if isAtFileStart {
      programs.see(bytes)
      isAtFileStart = false
    }
    try state.tar.write(bytes)
  }

  /// Begins again, and gives back what was written so far.
  ///
  /// The compressed blob serves as the spool: it moves aside into a file that vanishes.
  public func restart() throws -> any EntrySource {
    try state.tar.finish()
    try state.compressor.finish()
    let size = state.output.size
    let spool = try Spool(in: temporaryDirectory())
    try withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 4096) { buffer in
      var offset: UInt64 = 0
      while offset < size {
        let count = try blob.read(into: buffer, at: offset)
        if count == 0 { break }
        try spool.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        offset += UInt64(count)
      }
    }
    try spool.flush()
    try blob.reset()
    begin()
    return TarReader(try Decompressor(RangeSource(spool.raw, count: spool.size, of: spool)))
  }

  /// Begins again, and drops what was written so far.
  public func discard() throws {
    state.compressor.cancel()
    try blob.reset()
    begin()
  }

  private func begin() {
    entries = 0
    newest = nil
    programs = BinaryPlatform()
    state = Run(blob, compression, jobs: jobs, progress: { _ in })
  }

  /// Ends the layer.
  public func finish() throws -> WrittenLayer {
    try state.tar.finish()
    try state.compressor.finish()
    guard let digest = state.output.hash.take()?.finish() else {
      preconditionFailure("a layer is finished once")
    }
    let diffID = state.input.hash.take()?.finish() ?? digest
    return WrittenLayer(
      descriptor: OCI.Descriptor(compression.mediaType, digest: digest, size: state.output.size),
      diffID: diffID, uncompressedSize: state.tar.offset, entries: entries, newest: newest,
      platform: programs.platform)
  }
}

extension CompressionSettings {
  /// The media type of a layer that is compressed so; only gzip, zstd and none are in the image
  /// specification.
  public var mediaType: MediaType {
    switch format {
    case .gzip: .layerGzip
    case .zstd: .layerZstd
    default: .layer
    }
  }
}
