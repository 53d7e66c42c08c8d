import Archive
import Posix
import Rootfs

/// The tree that becomes the layer: entries, and where the data of files are.
final class ImageTree {
  /// Where a file's data are.
  enum Content {
    case none
    case bytes([UInt8])
    case file(SourceTree, EntryPath)
    case stored(Spool, offset: UInt64)
    case below(ScratchBase, LayerStack.FileID)
  }

  /// An entry with its data.
  struct Piece {
    var entry: Entry
    var content = Content.none
    /// Whether the image below has it, and it is as it was there.
    var isBelow = false
  }

  private(set) var pieces: [EntryPath: Piece] = [:]

  private static let linkLimit = 40

  /// The tree of nothing, or of the image that it lies on.
  init(on base: ScratchBase? = nil) {
    base?.forEach { entry, file in
      pieces[entry.path] = Piece(
        entry: entry, content: file.flatMap { file in base.map { .below($0, file) } } ?? .none, isBelow: true)
    }
  }

  subscript(_ path: EntryPath) -> Piece? { pieces[path] }

  /// Whether a path leads to something that the image below has.
  func isBelow(_ path: EntryPath) -> Bool { resolve(path.bytes).flatMap { pieces[$0]?.isBelow } ?? false }

  /// Puts an entry at its path, following symlinks of the image above it, and makes the folders that are missing.
  ///
  /// What is there gives way, but a folder only to a folder.
  ///
  /// - Returns: where it is.
  @discardableResult
  func put(_ entry: Entry, _ content: Content = .none) throws -> EntryPath {
    var entry = entry
    guard let parent = entry.path.parent else { return .root }
    let folder = try makeFolder(parent)
    entry.path = try folder.appending(Array(entry.path.name))
    if let there = pieces[entry.path] {
      if entry.kind == .directory, there.entry.kind == .symlink {
        // A folder that is reached through a link is where the link leads to.
        entry.path = try makeFolder(entry.path)
      } else if (entry.kind == .directory) != (there.entry.kind == .directory) {
        throw ScratchError.conflict("/\(entry.path)", problem: "would be a folder and something else")
      }
    }
    pieces[entry.path] = Piece(entry: entry, content: content)
    return entry.path
  }

  /// A regular file with given data.
  func put(_ path: String, mode: UInt16 = 0o644, _ text: String) throws {
    let bytes = Array(text.utf8)
    try put(Entry(try EntryPath(path), .file, mode: mode, size: UInt64(bytes.count)), .bytes(bytes))
  }

  /// A symlink.
  func put(_ path: EntryPath, linkTo target: [UInt8]) throws {
    var entry = Entry(path, .symlink, mode: 0o777)
    entry.linkTarget = target
    try put(entry)
  }

  /// A file of a tree as it is there, with all symlinks on the way to it. What the image below has at its place
  /// stays.
  func put(_ found: SourceTree.Found, of tree: SourceTree) throws {
    if isBelow(found.path) { return }
    for link in found.links {
      guard let node = try tree.node(link) else { continue }
      if let there = pieces[link], there.entry.kind == .symlink, there.entry.linkTarget == node.target {
        continue
      }
      try put(link, linkTo: node.target)
    }
    try put(Self.entry(found.path, found.node), .file(tree, found.path))
  }

  /// An entry as a tree has it, owned by root; times in whole seconds.
  static func entry(_ path: EntryPath, _ node: SourceTree.Node) -> Entry {
    var entry = Entry(path, .file, mode: node.status.mode, size: node.status.size)
    entry.modified = Timestamp(seconds: node.status.modifiedSeconds)
    return entry
  }

  /// The folder that a path leads to in the image, made where it is missing.
  func makeFolder(_ path: EntryPath) throws -> EntryPath {
    var current = EntryPath.root
    var links = 0
    var rest = Array(path.parts.map { Array($0) }.reversed())
    while let part = rest.popLast() {
      if part == [0x2e] { continue }
      if part == [0x2e, 0x2e] {
        current = current.parent ?? .root
        continue
      }
      let child = try current.appending(part)
      switch pieces[child]?.entry.kind {
      case nil:
        pieces[child] = Piece(entry: Entry(child, .directory, mode: 0o755))
        current = child
      case .directory: current = child
      case .symlink:
        links += 1
        if links > Self.linkLimit { throw ScratchError.linkLoop("/\(child)") }
        let target = pieces[child]?.entry.linkTarget ?? []
        if target.first == 0x2f { current = .root }
        rest += target.split(separator: 0x2f).map { Array($0) }.reversed()
      default:
        throw ScratchError.conflict("/\(child)", problem: "is no folder, but something is to go into it")
      }
    }
    return current
  }

  /// Where a path leads to in the image; nil when there is nothing.
  func resolve(_ path: some Collection<UInt8>) -> EntryPath? {
    var current = EntryPath.root
    var links = 0
    var rest = Array(path.split(separator: 0x2f).map { Array($0) }.reversed())
    while let part = rest.popLast() {
      if part == [0x2e] { continue }
      if part == [0x2e, 0x2e] {
        current = current.parent ?? .root
        continue
      }
      guard let child = try? current.appending(part), let piece = pieces[child] else { return nil }
      if piece.entry.kind == .symlink {
        links += 1
        if links > Self.linkLimit { return nil }
        if piece.entry.linkTarget.first == 0x2f { current = .root }
        rest += piece.entry.linkTarget.split(separator: 0x2f).map { Array($0) }.reversed()
      } else {
        current = child
      }
    }
    return current
  }

  /// Changes an entry that is there.
  func change(_ path: EntryPath, _ body: (inout Entry) -> Void) {
    guard var piece = pieces[path] else { return }
    body(&piece.entry)
    piece.isBelow = false
    pieces[path] = piece
  }

  /// All entries that are not below, with the folders that they are in, in tree order.
  func source() -> any EntrySource {
    var folders: Set<EntryPath> = []
    for (path, piece) in pieces where !piece.isBelow {
      var parent = path.parent
      while let folder = parent, folders.insert(folder).inserted { parent = folder.parent }
    }
    let own = pieces.filter { !$0.value.isBelow || folders.contains($0.key) }
    return Source(own.values.sorted { $0.entry.path < $1.entry.path })
  }

  /// The bytes of a small file of the image; nil when there is no file.
  func read(_ path: EntryPath, limit: Int = 1 << 20) throws -> [UInt8]? {
    guard let place = resolve(path.bytes), let piece = pieces[place], piece.entry.kind == .file else {
      return nil
    }
    if piece.entry.size > UInt64(limit) {
      throw ScratchError.conflict("/\(path)", problem: "has more than \(limit) bytes")
    }
    let reader = Source([piece])
    _ = try reader.next()
    var bytes = [UInt8](repeating: 0, count: Int(piece.entry.size))
    var done = 0
    while done < bytes.count {
      let count = try bytes.withUnsafeMutableBytes { buffer in
        try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
      }
      if count == 0 { break }
      done += count
    }
    return bytes
  }
}

/// The entries of an image's tree, one after the other.
private final class Source: EntrySource {
  private let pieces: [ImageTree.Piece]
  private var position = 0
  private var offset: UInt64 = 0
  private var open: Descriptor?
  /// The bytes of a file of the image below; only small ones are read.
  private var below: [UInt8]?

  init(_ pieces: [ImageTree.Piece]) { self.pieces = pieces }

  func next() throws -> Entry? {
    guard position < pieces.count else { return nil }
    position += 1
    offset = 0
    open = nil
    below = nil
    return pieces[position - 1].entry
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let piece = pieces[position - 1]
    let count = Int(min(UInt64(buffer.count), piece.entry.size - offset))
    if count == 0 { return 0 }
    let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
    let got: Int
    switch piece.content {
    case .none: return 0
    case .bytes(let bytes):
      bytes.withUnsafeBytes {
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[Int(offset)..<Int(offset) + count]))
      }
      got = count
    case .file(let tree, let path):
      if open == nil { open = .some(try tree.open(path)) }
      got = try open?.read(into: target, at: offset) ?? 0
      if got == 0 {
        throw ScratchError.unsuitable(tree.shown(path), problem: "became shorter while it was read")
      }
    case .below(let base, let file):
      if below == nil { below = try base.read(file) }
      let bytes = below ?? []
      got = min(count, max(0, bytes.count - Int(offset)))
      bytes.withUnsafeBytes {
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[Int(offset)..<Int(offset) + got]))
      }
    case .stored(let spool, let start): got = try readFull(spool.raw, into: target, at: start + offset)
    }
    offset += UInt64(got)
    return got
  }
}
