import Archive
import Cache
import Dockerfile
import Posix
import Rootfs

/// The layer that one instruction makes, as it grows: what it changes in the tree of a stage.
final class LayerPlan: SourceTree {
  private struct Item {
    var source: SourceEntry
    /// It is as in the layers below, and named only because something below it changes.
    var isCarried = false
    /// It hides what the layers below have in it.
    var isOpaque = false
  }

  /// The owner and time of directories that are made on the way.
  struct Defaults {
    var user: UInt32 = 0
    var group: UInt32 = 0
    var time = Timestamp(seconds: 0)
  }

  private let below: StageTree
  private var items: [EntryPath: Item] = [:]
  var defaults = Defaults()
  /// Whether what stands in the way of a directory is replaced by it, as `--link` does.
  var replacesLinks = false

  init(on below: StageTree) { self.below = below }

  /// Whether the instruction changes anything.
  var hasChanges: Bool { items.values.contains { !$0.isCarried } }

  func entry(at path: EntryPath) throws -> SourceEntry? {
    if let item = items[path] { return item.source }
    var above = path.parent
    while let directory = above {
      if let item = items[directory], item.isOpaque || item.source.entry.kind != .directory { return nil }
      above = directory.parent
    }
    return try below.entry(at: path)
  }

  func names(in path: EntryPath) throws -> [[UInt8]] { [] }

  /// Puts something at a path, over what was there.
  ///
  /// - Parameter replacesDirectories: whether something else takes the place of a whole directory.
  func put(_ source: SourceEntry, at path: EntryPath, replacesDirectories: Bool = false) throws {
    if path.name.starts(with: Array(".wh.".utf8)) {
      throw StepProblem("\"\(path)\": names that begin with .wh. mean something else in layers")
    }
    if !path.isRoot { try makeDirectory(path.parent ?? .root) }
    let existing = try entry(at: path)?.entry.kind
    let isDirectory = source.entry.kind == .directory
    var item = Item(source: source)
    item.source.entry = Self.renamed(source.entry, path)
    if existing == .directory, !isDirectory {
      if !replacesDirectories { throw StepProblem("\"/\(path)\" is a directory, and can't become a file") }
      for other in items.keys where other != path && path.contains(other) { items[other] = nil }
    }
    if isDirectory {
      if let existing, existing != .directory, !replacesDirectories, !replacesLinks {
        throw StepProblem("\"/\(path)\" is no directory, and can't become one")
      }
      // Something else was there in between: what is in the directory below must not come back.
      item.isOpaque = items[path].map { $0.isOpaque || $0.source.entry.kind != .directory } ?? false
    }
    items[path] = item
  }

  /// Makes a directory with those above it, where they are missing.
  ///
  /// - Returns: whether it was there before.
  @discardableResult
  func makeDirectory(_ path: EntryPath) throws -> Bool {
    if let item = items[path], item.source.entry.kind == .directory { return true }
    if path.isRoot { return true }
    try makeDirectory(path.parent ?? .root)
    if let found = try entry(at: path) {
      if found.entry.kind == .directory {
        items[path] = Item(source: found, isCarried: true)
        return true
      }
      if !replacesLinks { throw StepProblem("\"/\(path)\" is no directory") }
    }
    var entry = Entry(path, .directory, mode: 0o755)
    entry.user = defaults.user
    entry.group = defaults.group
    entry.modified = defaults.time
    items[path] = Item(source: SourceEntry(entry: entry, origin: .none))
    return false
  }

  /// What the plan itself puts at a path.
  func ownEntry(at path: EntryPath) -> SourceEntry? { items[path].flatMap { $0.isCarried ? nil : $0.source } }

  static func renamed(_ entry: Entry, _ path: EntryPath) -> Entry {
    var renamed = Entry(path, entry.kind, mode: entry.mode, size: entry.size)
    renamed.user = entry.user
    renamed.group = entry.group
    renamed.userName = entry.userName
    renamed.groupName = entry.groupName
    renamed.modified = entry.modified
    renamed.linkTarget = entry.linkTarget
    renamed.deviceMajor = entry.deviceMajor
    renamed.deviceMinor = entry.deviceMinor
    renamed.attributes = entry.attributes
    return renamed
  }

  // MARK: The way out

  /// Gives the layer's entries in canonical order.
  func send(to sink: any EntrySink) throws {
    let spool = try Spool(in: temporaryDirectory())
    var wanted: [ObjectIdentifier: (tree: StageTree, files: Set<LayerStack.FileID>)] = [:]
    for item in items.values {
      guard case .layer(let tree, let file) = item.source.origin else { continue }
      wanted[ObjectIdentifier(tree), default: (tree, [])].files.insert(file)
    }
    var places: [ObjectIdentifier: [LayerStack.FileID: UInt64]] = [:]
    for (id, part) in wanted { places[id] = try part.tree.keep(part.files, in: spool) }
    try spool.flush()

    var paths = Array(items.keys)
    paths += items.filter { $0.value.isOpaque }.map { LayerName.opaque(in: $0.key).path }
    var holders: [LinkKey: EntryPath] = [:]
    for path in paths.sorted() {
      guard let item = items[path] else {
        try sink.add(LayerName.opaque(in: path.parent ?? .root))
        continue
      }
      var entry = item.source.entry
      if let link = item.source.link {
        if let holder = holders[link] {
          entry.kind = .hardlink
          entry.size = 0
          entry.linkTarget = []
          entry.hardlinkTarget = holder
          try sink.add(entry)
          continue
        }
        holders[link] = path
      }
      try sink.add(entry)
      if entry.kind != .file || entry.size == 0 { continue }
      try read(item.source, places, spool) { try sink.write($0) }
    }
  }

  private func read(
    _ source: SourceEntry, _ places: [ObjectIdentifier: [LayerStack.FileID: UInt64]], _ spool: Spool,
    _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    switch source.origin {
    case .none: break
    case .bytes(let bytes): try bytes.withUnsafeBytes(body)
    case .context(let tree, let original, let digest): try tree.read(original, digest: digest, body)
    case .layer(let tree, let file):
      guard let offset = places[ObjectIdentifier(tree)]?[file] else { throw TreeError.lostData }
      try copy(spool, offset, source.entry.size, body)
    case .blob(let blob): try copy(blob.open(), body)
    case .spool(let other, let offset): try copy(other, offset, source.entry.size, body)
    }
  }

  private func copy(
    _ spool: Spool, _ offset: UInt64, _ count: UInt64, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    try spool.flush()
    try copy(RangeSource(spool.raw, offset: offset, count: count), body)
  }

  private func copy(_ source: any ByteSource, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    try withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 4096) { buffer in
      while case let got = try source.read(into: buffer), got > 0 {
        try body(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
      }
    }
  }
}
