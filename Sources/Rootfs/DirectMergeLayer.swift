import Archive

/// One of the layers that `DirectMerge` reads side by side: its current entry, what it hides, and its names so
/// far.
final class DirectMergeLayer {
  let number: Int
  let source: any EntrySource
  /// The entry that comes next; nil at the end. Whiteouts are taken in on the way to it.
  private(set) var current: Entry?
  /// The path of the last entry that was current.
  private(set) var path = EntryPath.root
  private(set) var entries: UInt64 = 0
  private var hasBegun = false
  private var isLastDirectory = true
  private var whiteouts: Set<EntryPath> = []
  private var opaques: Set<EntryPath> = []

  // What its names lead to: a record in `files`, or this.
  private static let directory: Int32 = -1
  private var names = NameTree<Int32>(directory)
  private var files = ChunkedArray<KeptFile>()
  private var lastDirectory: (path: [UInt8], node: Int) = ([], 0)
  private var lastNode = 0
  private let kept: KeptData

  /// - Parameter kept: keeps the data of files that were passed by; a later name may still need them.
  init(_ source: any EntrySource, number: Int, kept: KeptData) {
    self.source = source
    self.number = number
    self.kept = kept
  }

  func isBefore(_ other: DirectMergeLayer) -> Bool {
    path == other.path ? number < other.number : path < other.path
  }

  func hides(_ path: EntryPath) -> Bool { !whiteouts.isEmpty && whiteouts.contains(path) }

  func isOpaque(_ path: EntryPath) -> Bool { !opaques.isEmpty && opaques.contains(path) }

  /// Goes to the next entry that brings something.
  ///
  /// - Throws: `Surprise` for what comes too late: an entry out of order, a whiteout of what was passed.
  func advance() throws {
    while let entry = try source.next() {
      entries += 1
      switch try LayerName(entry.path) {
      case .metadata: continue
      case .whiteout(let hidden):
        guard !hasBegun || path < hidden, isEstablished(hidden.parent ?? .root) else {
          throw DirectMerge.Surprise()
        }
        whiteouts.insert(hidden)
      case .opaque(let directory):
        guard directory == path, isLastDirectory else { throw DirectMerge.Surprise() }
        opaques.insert(directory)
      case .ordinary:
        if entry.path.isRoot, entry.kind != .directory { throw LayerError.rootIsNoDirectory }
        if hasBegun, !(path < entry.path) || (!isLastDirectory && path.contains(entry.path)) {
          throw DirectMerge.Surprise()
        }
        hasBegun = true
        path = entry.path
        isLastDirectory = entry.kind == .directory
        current = entry
        return
      }
    }
    current = nil
  }

  /// Whether the layer has made a directory by what it named so far.
  private func isEstablished(_ directory: EntryPath) -> Bool {
    if directory.isRoot { return true }
    return directory == path ? isLastDirectory : directory.contains(path)
  }

  // MARK: Names and files

  /// The node of the current entry's path, which is `lastNode` from then on.
  private func node() -> Int {
    lastNode = findNode()
    return lastNode
  }

  private func findNode() -> Int {
    let bytes = path.bytes
    guard let slash = bytes.lastIndex(of: 0x2f) else { return names.insert(bytes[...], in: names.root) }
    if !bytes[..<slash].elementsEqual(lastDirectory.path) {
      var node = names.root
      for part in bytes[..<slash].split(separator: 0x2f) { node = names.insert(part, in: node) }
      lastDirectory = (Array(bytes[..<slash]), node)
    }
    return names.insert(bytes[(slash + 1)...], in: lastDirectory.node)
  }

  /// What the target of a hardlink leads to.
  private func target(_ path: EntryPath) throws -> Int {
    // What this layer does not have yet is in a lower one, or comes later.
    guard let found = names.find(path), names[found] != Self.directory else { throw DirectMerge.Surprise() }
    return Int(names[found])
  }

  /// Where the data of an entry are that is given on.
  enum Data {
    case none
    /// In the source.
    case current
    /// They were kept when another name of the file was passed by.
    case kept(KeptFile.Location)
  }

  /// The current entry as it is given on; for a further name of a file that was, a hardlink to the first name.
  func given() throws -> (Entry, Data)? {
    guard let entry = current else { return nil }
    if entry.kind == .directory { return (entry, .none) }
    let hasData = entry.size > 0 && entry.kind == .file
    guard let target = entry.hardlinkTarget else {
      files[record(entry)].holder = lastNode
      return (entry, hasData ? .current : .none)
    }
    let file = try self.target(target)
    names[node()] = Int32(file)
    var named = files[file].entry(at: entry.path)
    guard files[file].holder >= 0 else {
      files[file].holder = lastNode
      return (named, named.kind == .file && named.size > 0 ? .kept(files[file].data) : .none)
    }
    named.kind = .hardlink
    named.size = 0
    named.linkTarget = []
    named.hardlinkTarget = names.path(of: files[file].holder)
    return (named, .none)
  }

  /// Notes that the current entry is not in the joined layer under its name.
  func passBy() throws {
    guard let entry = current, entry.kind != .directory else { return }
    if let target = entry.hardlinkTarget {
      names[node()] = Int32(try self.target(target))
    } else {
      let file = record(entry)
      if entry.kind == .file, entry.size > 0 { files[file].data = try kept.keep(source, entry) }
    }
  }

  private func record(_ entry: Entry) -> Int {
    names[node()] = Int32(files.count)
    files.append(KeptFile(entry))
    return files.count - 1
  }
}
