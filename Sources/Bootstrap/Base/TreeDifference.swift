import Archive
import Glibc
import Posix
import Rootfs
import SystemPackage

/// How each name of a tree was at one time.
struct TreeSnapshot {
  /// What tells a change.
  struct Mark: Equatable {
    var inode: UInt64
    var mode: UInt32
    var links: UInt64
    var user: UInt32
    var group: UInt32
    var size: Int64
    var modified: [Int]
    /// When anything of it was last changed, which nobody can set.
    var changed: [Int]
    var attributes: [ExtendedAttribute]

    var isDirectory: Bool { mode & S_IFMT == S_IFDIR }

    /// Whether all is the same but the time of the last change: what was moved away and back, or was given the
    /// owner or mode that it had.
    func isLike(_ other: Mark) -> Bool {
      var one = self
      one.changed = other.changed
      return one == other
    }

    /// Whether a directory is the same, whatever came and went in it.
    func isSameDirectory(_ other: Mark) -> Bool {
      mode == other.mode && user == other.user && group == other.group && attributes == other.attributes
    }
  }

  private(set) var marks: [EntryPath: Mark] = [:]

  /// The tree as it is now.
  init(_ root: FilePath) throws {
    let directory = try openFile(root, .directory)
    let scan = try TreeDifference.scan(root)
    while let entry = try scan.next() { marks[entry.path] = try Self.mark(entry, in: directory.raw) }
  }

  static func mark(_ entry: Entry, in root: Int32) throws -> Mark {
    var status = stat()
    let path = entry.path.isRoot ? [0x2e, 0] : entry.path.bytes + [0]
    let result = path.withUnsafeBufferPointer { path in
      path.withMemoryRebound(to: CChar.self) { fstatat(root, $0.baseAddress!, &status, AT_SYMLINK_NOFOLLOW) }
    }
    if result != 0 { throw PosixError("stat", "/\(entry.path)", Errno(rawValue: errno)) }
    let isDirectory = status.st_mode & S_IFMT == S_IFDIR
    return Mark(
      inode: UInt64(status.st_ino), mode: status.st_mode, links: isDirectory ? 0 : UInt64(status.st_nlink),
      user: status.st_uid, group: status.st_gid, size: isDirectory ? 0 : Int64(status.st_size),
      modified: [status.st_mtim.tv_sec, status.st_mtim.tv_nsec],
      changed: [status.st_ctim.tv_sec, status.st_ctim.tv_nsec], attributes: entry.attributes)
  }
}

/// What has changed in a tree since a snapshot, as the entries of a layer: whole files, whiteouts of what is
/// gone, and the directories that they are in.
struct TreeDifference {
  private let root: FilePath
  private let epoch: Int64
  /// What is in the layer; whiteouts apart.
  private var changed: Set<EntryPath> = []
  private var gone: [EntryPath] = []

  /// The tree but for what is in `/dev`, which belongs to who runs it.
  static func scan(_ root: FilePath) throws -> DirectoryScan {
    var options = DirectoryScan.Options()
    options.oneFileSystem = true
    let dev = try EntryPath("dev")
    options.enters = { $0 != dev }
    return try DirectoryScan(root, options: options)
  }

  /// Compares the tree.
  init(root: FilePath, since before: TreeSnapshot, epoch: Int64) throws {
    self.root = root
    self.epoch = epoch
    let normaliser = Normaliser.native(epoch: epoch)
    let directory = try openFile(root, .directory)
    let scan = try Self.scan(root)
    let kernel = try ["dev", "proc", "sys"].map { try EntryPath($0) }
    var seen: Set<EntryPath> = []
    var directories: Set<EntryPath> = []
    var dropped: EntryPath?
    while var entry = try scan.next() {
      if entry.path.parts.contains(where: { $0.starts(with: Array(".wh.".utf8)) }) {
        throw BootstrapError.unsuitableBase("/\(entry.path) has a name that a layer can't have")
      }
      seen.insert(entry.path)
      if entry.kind == .directory { directories.insert(entry.path) }
      let mark = try TreeSnapshot.mark(entry, in: directory.raw)
      let old = before.marks[entry.path]
      if let old {
        if mark.isDirectory, old.isDirectory, mark.isSameDirectory(old) { continue }
        if !mark.isDirectory, mark.inode == old.inode, mark.isLike(old) { continue }
      } else if kernel.contains(entry.path) {
        // A place to mount on.
        continue
      }
      if let dropped, dropped.contains(entry.path) { continue }
      switch normaliser.normalise(&entry) {
      case .drop:
        dropped = entry.path
        continue
      case .emptyContent where old != nil: continue
      case .keep, .emptyContent: break
      }
      var path: EntryPath? = entry.path
      while let next = path, changed.insert(next).inserted { path = next.parent }
    }
    for (path, _) in before.marks where !seen.contains(path) {
      guard let parent = path.parent, directories.contains(parent), before.marks[parent]?.isDirectory == true
      else { continue }
      if path.name.count > LayerName.longestHidden {
        throw BootstrapError.unsuitableBase("/\(path) is gone, but its name is too long to be hidden")
      }
      gone.append(path)
      var way: EntryPath? = parent
      while let next = way, changed.insert(next).inserted { way = next.parent }
    }
    gone.sort()
  }

  /// Writes a tar of the layer's entries, in no order that matters.
  func write(to raw: Int32) throws {
    let output = BufferedOutput(raw)
    let writer = TarWriter { try output.add($0) }
    let entries = NormalisedEntries(try Self.scan(root), Normaliser.native(epoch: epoch))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
    defer { buffer.deallocate() }
    while let entry = try entries.next() {
      if !changed.contains(entry.path) { continue }
      try writer.add(entry, dataOf: entries, buffer)
    }
    for path in gone { try writer.add(LayerName.whiteout(of: path)) }
    try writer.finish()
    try output.flush()
  }
}
