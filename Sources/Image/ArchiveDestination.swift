import Archive
import Digest
import Glibc
import OCI
import Posix
import Synchronization
import SystemPackage

/// Writes an OCI archive or a docker archive.
///
/// Blobs are written at their final place in the tar; a header is put before them when digest and size
/// are known. A docker archive is an OCI layout too, with `manifest.json` beside it, as `docker save`
/// writes since version 25.
final class ArchiveDestination: ImageDestination, @unchecked Sendable {
  // One thread at a time, but for `store(_:)`, which takes its place in the tar under the lock.
  let location: ImageLocation
  private let place: String
  private let file: Output
  private var offset: UInt64 = 0
  private var headerOffset: UInt64 = 0
  private let placing = Mutex(())
  /// Where blobs go that were announced.
  private var places: [Digest: UInt64] = [:]

  /// Where the tar is put together.
  private final class Output {
    /// The file that gets its name at the end; nil when all goes to standard output.
    var target: AtomicFile?
    private let spool: Posix.Descriptor?
    /// The descriptor of either.
    let raw: Int32

    init(_ path: FilePath?) throws(PosixError) {
      if let path {
        let file = try AtomicFile(path)
        raw = file.descriptor.raw
        target = consume file
        spool = nil
      } else {
        let file = try makeTemporaryFile(in: temporaryDirectory())
        raw = file.raw
        spool = consume file
      }
    }
  }

  /// Starts an archive.
  ///
  /// - Parameter target: the file; nil for standard output, which gets all at the end.
  init(_ location: ImageLocation, target: FilePath?) throws {
    self.location = location
    place = target?.string ?? "standard output"
    if let target, target.withPlatformString({ Self.isDirectory($0) }) {
      throw ImageError(
        .location(problem: "this is a directory, the archive is to be a file"), at: "\(location)")
    }
    if target == nil, isatty(STDOUT_FILENO) == 1 {
      throw ImageError(.location(problem: "an archive is not written to a terminal"), at: "-")
    }
    file = try Output(target)
    try add(LayoutVersion.fileName, LayoutVersion.bytes)
    for directory in ["blobs", "blobs/sha256"] {
      try append(TarWriter.header(Entry(try EntryPath(directory), .directory, mode: 0o755)))
    }
  }

  private static func isDirectory(_ path: UnsafePointer<CInterop.PlatformChar>) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  // MARK: Blobs

  func beginBlob() throws -> BlobSink {
    headerOffset = offset
    return BlobSink(file.raw, start: offset + 512, place: place, owner: file)
  }

  func endBlob(_ sink: BlobSink, digest: Digest) throws {
    let header = try Self.header("blobs/sha256/" + digest.hex, size: sink.size)
    try header.withUnsafeBytes { try writeAll(file.raw, $0, at: headerOffset, place: place) }
    // What is left of the last block is a hole, which reads as zeros.
    offset = headerOffset + 512 + (sink.size + 511) / 512 * 512
  }

  func holds(_ blob: OCI.Descriptor) -> Bool { false }

  // Whichever of them comes first: the archive is the same.
  func expect(_ blobs: [OCI.Descriptor]) throws {
    for blob in blobs where places[blob.digest] == nil { places[blob.digest] = try reserve(blob) }
  }

  /// The size is known, so others can have the places behind it at once.
  private func reserve(_ blob: OCI.Descriptor) throws -> UInt64 {
    guard blob.size < 1 << 60 else {
      throw ImageError(.blob(blob.digest, problem: "is too large for an archive"), at: place)
    }
    let start = offset
    offset += 512 + (blob.size + 511) / 512 * 512
    return start
  }

  func store(_ blob: BlobToCopy) throws -> BlobOutcome {
    let size = blob.descriptor.size
    let start = try placing.withLock { _ in
      try places[blob.descriptor.digest] ?? reserve(blob.descriptor)
    }
    let header = try Self.header("blobs/sha256/" + blob.descriptor.digest.hex, size: size)
    try header.withUnsafeBytes { try writeAll(file.raw, $0, at: start, place: place) }
    let sink = BlobSink(file.raw, start: start + 512, place: place, owner: file)
    try blob.copy(into: sink)
    return .moved { BlobSource(sink) }
  }

  func dropBlob(_ sink: BlobSink) throws { try truncate(file.raw, to: headerOffset, place: place) }

  /// One header block of a file. Sizes of 8 GiB and more are in base 256, as GNU and POSIX readers know
  /// them: the extended header of pax would take more than the place that was left.
  static func header(_ name: String, size: UInt64) throws -> [UInt8] {
    let fits = size < 1 << 33
    var header = TarWriter.header(Entry(try EntryPath(name), .file, mode: 0o644, size: fits ? size : 0))
    if !fits {
      header[124] = 0x80
      for index in 1..<12 {
        header[124 + index] = index < 4 ? 0 : UInt8(truncatingIfNeeded: size >> (8 * (11 - index)))
      }
      // The checksum counts its own field as spaces.
      for index in 148..<156 { header[index] = 0x20 }
      let digits = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
      let text = String(repeating: "0", count: 6 - digits.count) + digits
      header.replaceSubrange(148..<156, with: Array(text.utf8) + [0, 0x20])
    }
    return header
  }

  private func append(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try writeAll(file.raw, $0, at: offset, place: place) }
    offset += UInt64(bytes.count)
  }

  private func add(_ name: String, _ bytes: [UInt8]) throws {
    try append(Self.header(name, size: UInt64(bytes.count)))
    try append(bytes + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512))
  }

  // MARK: The end

  func finish(_ contents: ImageContents) throws {
    var index = ImageIndex(manifests: contents.entries(for: location))
    index.add(contents.referrers)
    try add("index.json", Document(index).bytes)
    switch location {
    case .dockerArchive, .stream: try add(DockerManifest.fileName, dockerManifest(contents))
    default: break
    }
    try append([UInt8](repeating: 0, count: 1024))
    if file.target == nil {
      try copyToStandardOutput()
    } else {
      try file.target?.commit()
    }
  }

  /// The file that docker before 25 and podman read.
  private func dockerManifest(_ contents: ImageContents) -> [UInt8] {
    let tags = contents.references(for: location).map(\.familiar)
    let named = contents.named
    let entries = contents.images.enumerated().map { position, image in
      var entry = JSONObject()
      entry["Config"] = .string("blobs/sha256/" + image.config.digest.hex)
      entry["Layers"] = .array(image.manifest.content.layers.map { .string("blobs/sha256/" + $0.digest.hex) })
      entry["RepoTags"] = position == named && !tags.isEmpty ? .array(tags.map { .string($0) }) : .null
      return JSONValue.object(entry)
    }
    return JSONWriter.bytes(of: .array(entries))
  }

  private func copyToStandardOutput() throws {
    let source = RangeSource(file.raw, offset: 0, count: offset)
    try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 4096) { buffer in
      while case let count = try source.read(into: buffer), count > 0 {
        do throws(PosixError) {
          try writeAll(STDOUT_FILENO, UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        } catch {
          throw PosixError("write to", place, error.errno)
        }
      }
    }
  }
}
