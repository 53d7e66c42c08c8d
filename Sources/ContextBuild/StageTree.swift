import Archive
import Digest
import Image
import OCI
import Posix
import Rootfs

/// A layer of a stage: one of its base image, or one that was made or found in the cache.
struct StageLayer: Sendable {
  var descriptor: OCI.Descriptor
  var diffID: Digest
  var uncompressedSize: UInt64?
  var entries: UInt64?
  var newest: Timestamp?
  var platform: Platform?
  /// What made it.
  var createdBy: String?
  /// Whether it belongs to the image that the stage stands on.
  var isBase = false
  /// Reads the stored bytes.
  var open: @Sendable () throws -> any ByteSource
}

/// The tree that the layers of a stage make. They are read when something asks for it, and only what was
/// added since.
final class StageTree: SourceTree {
  private(set) var layers: [StageLayer] = []
  private var stack = LayerStack()
  private var applied = 0
  private var records: [Entry] = []

  init(_ layers: [StageLayer] = []) { self.layers = layers }

  func append(_ layer: StageLayer) { layers.append(layer) }

  private func reading(_ index: Int) -> LayerReading {
    LayerReading(layers[index].descriptor, diffID: layers[index].diffID, number: index + 1)
  }

  private func catchUp() throws {
    while applied < layers.count {
      _ = try reading(applied).read(try layers[applied].open()) { source in
        _ = try stack.apply(source) { entry, file, _ in
          // Hardlinks have numbers too, and no record of their own.
          while records.count < file { records.append(Entry(.root, .hardlink)) }
          records.append(entry)
        }
      }
      while records.count < stack.fileCount { records.append(Entry(.root, .hardlink)) }
      applied += 1
    }
  }

  func entry(at path: EntryPath) throws -> SourceEntry? {
    try catchUp()
    guard let node = stack.find(path) else { return nil }
    guard let file = stack.file(at: node) else {
      return SourceEntry(entry: Entry(path, .directory, mode: 0o755), origin: .none)
    }
    var entry = records[file]
    let isShared = entry.kind != .directory && stack[file].names > 1
    let record = entry
    entry = Entry(path, record.kind, mode: record.mode, size: record.size)
    entry.user = record.user
    entry.group = record.group
    entry.userName = record.userName
    entry.groupName = record.groupName
    entry.modified = record.modified
    entry.linkTarget = record.linkTarget
    entry.deviceMajor = record.deviceMajor
    entry.deviceMinor = record.deviceMinor
    entry.attributes = record.attributes
    return SourceEntry(
      entry: entry, origin: entry.kind == .file && entry.size > 0 ? .layer(self, file) : .none,
      link: isShared ? .layer(ObjectIdentifier(self), file) : nil)
  }

  func names(in path: EntryPath) throws -> [[UInt8]] {
    try catchUp()
    guard let node = stack.find(path) else { return [] }
    return stack.children(of: node).map { Array(stack.name(of: $0)) }
  }

  /// Keeps the data of files in a spool, reading each layer that has some once.
  ///
  /// - Returns: where each starts.
  func keep(_ files: Set<LayerStack.FileID>, in spool: Spool) throws -> [LayerStack.FileID: UInt64] {
    var wanted: [Int: [UInt32: LayerStack.FileID]] = [:]
    for file in files { wanted[Int(stack[file].layer), default: [:]][stack[file].ordinal] = file }
    var places: [LayerStack.FileID: UInt64] = [:]
    for index in wanted.keys.sorted() {
      guard let ordinals = wanted[index] else { continue }
      var ordinal: UInt32 = 0
      _ = try reading(index).read(try layers[index].open()) { source in
        try withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 4096) { buffer in
          while try source.next() != nil {
            if let file = ordinals[ordinal] {
              places[file] = spool.size
              while case let count = try source.read(into: buffer), count > 0 {
                try spool.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
              }
            }
            ordinal += 1
          }
        }
      }
    }
    return places
  }

  /// The whole text of a small file, symlinks followed; nil where there is none.
  func text(of path: String, limit: UInt64 = 4 << 20) throws -> String? {
    let found = try resolve(Array(path.utf8).split(separator: 0x2f), followsLast: true)
    guard let source = try entry(at: found), source.entry.kind == .file else { return nil }
    guard case .layer(_, let file) = source.origin else { return "" }
    if source.entry.size > limit { throw StepProblem("/\(path) has more than \(limit) bytes") }
    let spool = try Spool(in: temporaryDirectory())
    guard let offset = try keep([file], in: spool)[file] else { return nil }
    try spool.flush()
    var bytes = [UInt8](repeating: 0, count: Int(source.entry.size))
    let count = try bytes.withUnsafeMutableBytes { try readFull(spool.raw, into: $0, at: offset) }
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }
}
