public import Archive
public import Codec
import Glibc
public import Posix
public import Rootfs
public import SystemPackage

/// A whole root file system from outside, as one thing: what becomes a layer.
public enum RootfsInput {
  /// A directory of this machine.
  case directory(FilePath)
  /// An archive in a file.
  case file(FilePath)
  /// An archive that comes as a stream; the name is for messages.
  case stream(any ByteSource, name: String)

  /// A path of this machine: a directory, or an archive in a file.
  public init(_ path: FilePath) {
    var status = stat()
    let isDirectory = path.withPlatformString { stat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFDIR
    self = isDirectory ? .directory(path) : .file(path)
  }

  /// What bounds the reading of archives from outside.
  public struct Limits: Sendable {
    /// Bounds on the archive itself.
    public var archive = ArchiveLimits()
    /// Bounds on its decompression.
    public var expansion = ExpansionLimits.default
    /// The defaults.
    public init() {}
  }

  /// Gives all entries in canonical order to `sink`.
  ///
  /// An uncompressed tar in a regular file is read twice: for its headers, and then for the data in the
  /// order in which it is needed. Everything else is read once, as it comes.
  ///
  /// - Parameters:
  ///   - shape: filters and changes entries; see `CanonicalOrder`.
  ///   - notice: takes remarks on what is left out or odd.
  public func send(
    to sink: any EntrySink, limits: Limits = Limits(), shape: @escaping CanonicalOrder.Shape = { _ in true },
    notice: @escaping (String) -> Void = { _ in }
  ) throws {
    let order = CanonicalOrder(into: sink, temporaryDirectory: temporaryDirectory(), shape: shape)
    switch self {
    case .directory(let path):
      var options = DirectoryScan.Options()
      options.notice = { notice($0.description) }
      let scan = try DirectoryScan(path, options: options)
      try order.order(WholeSeconds(scan))
    case .file(let path):
      let file = try openFile(path, .read)
      guard try file.isRegularFile() else {
        try stream(DescriptorSource(file, name: path.string), into: order, limits, notice)
        return
      }
      let size = try file.size()
      var start = [UInt8](repeating: 0, count: 512)
      let count = try start.withUnsafeMutableBytes { try readFull(file.raw, into: $0, at: 0) }
      if isTar(start[..<count]) {
        let reader = TarReader(
          RangeSource(file.raw, offset: 0, count: size), limits: limits.archive, notice: notice)
        try order.order(PlacedTar(reader, in: file.raw))
      } else {
        try stream(DescriptorSource(file, name: path.string), into: order, limits, notice)
      }
    case .stream(let source, _):
      try stream(source, into: order, limits, notice)
    }
  }

  private func stream(
    _ source: any ByteSource, into order: CanonicalOrder, _ limits: Limits,
    _ notice: @escaping (String) -> Void
  ) throws {
    let decompressor = try Decompressor(source, limits: limits.expansion)
    defer { decompressor.close() }
    let archive = try openArchive(decompressor, limits: limits.archive, notice: notice)
    try order.order(archive)
    // What follows the archive still has to be whole: checksums stand at the end.
    try decompressor.drain()
  }
}

/// A directory's entries with times in whole seconds; docs/layers.md says why.
private final class WholeSeconds: EntrySource {
  private let source: any EntrySource

  init(_ source: any EntrySource) { self.source = source }

  func next() throws -> Entry? {
    guard var entry = try source.next() else { return nil }
    entry.modified.nanoseconds = 0
    return entry
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try source.read(into: buffer) }
}
