import Archive
import Codec
import Digest
import Glibc
import OCI
import Posix
import Synchronization
import SystemPackage

/// Blobs and files in a tar that is an image archive, read in place.
///
/// A tar that can't be read by position (compressed, or from a stream) is first spooled to a file that
/// vanishes.
final class ArchiveStore: BlobStore {
  /// Where a file's data is in the tar.
  struct Slot: Hashable {
    var offset: UInt64
    var size: UInt64
  }

  private enum Node {
    case file(Slot)
    /// A path in the archive that this is another name of.
    case link([UInt8])
  }

  let place: String
  private let file: Posix.Descriptor
  private let nodes: [EntryPath: Node]

  /// Opens the file at `path`.
  convenience init(_ path: FilePath) throws {
    let raw = try Self.openPlain(path)
    try self.init(raw, place: path.string)
  }

  /// Takes what comes from a descriptor, as standard input.
  init(_ descriptor: consuming Posix.Descriptor, place: String) throws {
    self.place = place
    let status = try descriptor.status(shown: place)
    if status.kind == .file, try Self.compression(descriptor.raw) == .none, Self.isAtStart(descriptor.raw) {
      file = descriptor
    } else {
      file = try Self.spool(descriptor, place: place)
    }
    nodes = try Self.index(file.raw, place: place)
  }

  private static func openPlain(_ path: FilePath) throws -> Posix.Descriptor {
    let descriptor = try openFile(path, .read)
    if try descriptor.status(shown: path.string).kind == .directory {
      throw ImageError(.notAnImage("this is a directory, not an archive"), at: path.string)
    }
    return descriptor
  }

  private static func isAtStart(_ raw: Int32) -> Bool { lseek(raw, 0, SEEK_CUR) == 0 }

  private static func compression(_ raw: Int32) throws -> Compression {
    let prefix = try [UInt8](unsafeUninitializedCapacity: Compression.detectionLength) { buffer, count in
      count = try readFull(raw, into: UnsafeMutableRawBufferPointer(buffer), at: 0)
    }
    return Compression.detect(prefix)
  }

  private static func spool(_ descriptor: consuming Posix.Descriptor, place: String) throws
    -> Posix.Descriptor
  {
    let file = try makeTemporaryFile(in: temporaryDirectory())
    let source = try Decompressor(DescriptorSource(descriptor, name: place))
    while case let bytes = try source.next(), !bytes.isEmpty { try file.write(bytes) }
    return file
  }

  /// Image archives have a few hundred entries; more than this is something else.
  private static let entryLimit: UInt64 = 1_000_000

  private static func index(_ raw: Int32, place: String) throws -> [EntryPath: Node] {
    var status = stat()
    fstat(raw, &status)
    var limits = ArchiveLimits()
    limits.entries = entryLimit
    let reader = TarReader(
      RangeSource(raw, offset: 0, count: UInt64(clamping: status.st_size)), limits: limits)
    var nodes: [EntryPath: Node] = [:]
    do {
      while let entry = try reader.next() {
        let node: Node
        switch entry.kind {
        case .file:
          let isWhole = entry.size == 0 || reader.extents == [DataExtent(offset: 0, count: entry.size)]
          if !isWhole {
            throw ImageError(.file("\(entry.path)", problem: "is stored as a sparse file"), at: place)
          }
          node = .file(Slot(offset: reader.dataOffset, size: entry.size))
        case .hardlink: node = .link(entry.hardlinkTarget?.bytes ?? [])
        case .symlink: node = .link(try target(of: entry, place: place))
        case .directory: continue
        case .characterDevice, .blockDevice, .fifo:
          throw ImageError(
            .file("\(entry.path)", problem: "is a device or pipe, in an image archive"), at: place)
        }
        // Blobs may come again, their bytes are verified; for all else readers would differ in which counts.
        if nodes.updateValue(node, forKey: entry.path) != nil, !entry.path.bytes.starts(with: "blobs/".utf8) {
          throw ImageError(.file("\(entry.path)", problem: "is there twice"), at: place)
        }
      }
    } catch let error as ArchiveError where nodes.isEmpty {
      throw ImageError(.notAnImage("this is no image archive: \(error)"), at: place)
    }
    return nodes
  }

  /// Resolves a symlink inside the archive by its text alone.
  private static func target(of entry: Entry, place: String) throws -> [UInt8] {
    var parts = entry.path.parts.dropLast().map(Array.init)
    func leaves() -> ImageError {
      ImageError(
        .file(
          "\(entry.path)", problem: "is a link to outside of the archive: \(displayed(entry.linkTarget))"),
        at: place)
    }
    if entry.linkTarget.first == 0x2f { throw leaves() }
    for part in entry.linkTarget.split(separator: 0x2f) where !part.elementsEqual([0x2e]) {
      if part.elementsEqual([0x2e, 0x2e]) {
        if parts.popLast() == nil { throw leaves() }
      } else {
        parts.append(Array(part))
      }
    }
    return Array(parts.joined(separator: [0x2f]))
  }

  /// Whether a file is there.
  func has(_ name: String) -> Bool { (try? slot(Array(name.utf8))) != nil }

  private func slot(_ name: [UInt8]) throws -> Slot? {
    var name = name
    // As many steps as Linux follows symlinks.
    for _ in 0..<40 {
      guard let path = try? EntryPath(normalising: name), !path.isRoot, let node = nodes[path] else {
        return nil
      }
      switch node {
      case .file(let slot): return slot
      case .link(let target): name = target
      }
    }
    throw ImageError(.file(displayed(name), problem: "is a link that leads in a circle"), at: place)
  }

  func open(_ digest: Digest) throws -> StoredBytes? { try open(file: "blobs/sha256/" + digest.hex) }

  func open(file name: String) throws -> StoredBytes? {
    guard let slot = try slot(Array(name.utf8)) else { return nil }
    return StoredBytes(source: SlotSource(self, slot), size: slot.size)
  }

  private final class SlotSource: ByteSource {
    private let store: ArchiveStore
    private let range: RangeSource

    init(_ store: ArchiveStore, _ slot: Slot) {
      self.store = store
      range = RangeSource(store.file.raw, offset: slot.offset, count: slot.size)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try range.read(into: buffer) }
  }
}
