public import Archive

/// The tree that layers make, laid on each other from the lowest up, without their data: a small record for
/// each name and for each file.
///
/// The rules are those of docs/layers.md, "Layers on layers", and they are here and in `LayerStackMerge.swift`
/// alone: what reports, joins or unpacks layers asks this tree which entries are left.
public struct LayerStack {
  /// A file, directory, link or device that some entry brought: the number of its record.
  public typealias FileID = Int

  /// What an entry brought. Several names can lead to it.
  public struct File: Sendable {
    /// The layer that stores it, from 0 for the lowest.
    public internal(set) var layer: Int32
    /// Which entry of that layer it is, from 0.
    public internal(set) var ordinal: UInt32
    /// The bytes of its data with holes; 0 when it is no regular file.
    public internal(set) var size: UInt64
    /// How many names of the tree lead to it; 0 when nothing does any more.
    public internal(set) var names: UInt32 = 0
    /// The name that it came with.
    var node: Int32
    /// What it is; never `.hardlink`.
    public internal(set) var kind: EntryKind
    /// Whether one of its names took the place of something below its layer.
    var isChange = false
    /// Whether its bytes were counted as removed.
    var isGone = false
  }

  /// What a name leads to.
  struct Place {
    /// In the tree so far, without the layer that is being applied.
    var below = nothing
    /// In the layer that is being applied.
    var own = nothing
    /// The layer hides what is below at this path.
    var isWhiteout = false
    /// The layer hides what is below in this directory.
    var isOpaque = false
    /// The layer has something to say here.
    var isTouched = false
    /// The layer has something in this directory.
    var hasOwnChildren = false
  }

  /// In a place: no such path.
  static let nothing: Int32 = -1
  /// In a place: a directory that no entry names.
  static let implied: Int32 = -2

  var tree: NameTree<Place>
  var files = ChunkedArray<File>()
  /// The nodes that the layer has something to say about, each after its directory.
  var touched: [NameTree<Place>.Node] = []
  private var waitingLinks: [(node: Int, placeholder: Int32, target: EntryPath)] = []
  private var lastDirectory: (path: [UInt8], node: Int)?

  /// What each layer changed, the lowest first.
  public internal(set) var layers: [LayerChanges] = []

  /// The empty tree.
  public init() {
    tree = NameTree(Place())
    tree[tree.root].below = Self.implied
  }

  /// Lays a layer on top.
  ///
  /// After an error the stack is of no use any more.
  ///
  /// - Parameters:
  ///   - source: the layer's entries in the order of its archive.
  ///   - visit: is called with each entry that brings something (no whiteouts, no hardlinks), the number of
  ///     its record, and the source, from which its data may be read then.
  /// - Returns: what it changed, which is also appended to `layers`.
  /// - Throws: `LayerError`, `TreeError`, and what the source and `visit` throw.
  @discardableResult
  public mutating func apply(
    _ source: any EntrySource, visit: (Entry, FileID, any EntrySource) throws -> Void = { _, _, _ in }
  ) throws -> LayerChanges {
    var changes = LayerChanges()
    let firstFile = files.count
    touched = []
    waitingLinks = []
    lastDirectory = nil
    while let entry = try source.next() {
      let ordinal = UInt32(truncatingIfNeeded: changes.entries)
      changes.entries += 1
      switch try LayerName(entry.path) {
      case .metadata:
        continue
      case .whiteout(let path):
        changes.whiteouts += 1
        let directory = try ownDirectory(path.parent ?? .root)
        // Without a node there is nothing below to hide, and what comes later in this layer stays.
        if let node = tree.child(of: directory, named: path.name) {
          tree[directory].hasOwnChildren = true
          tree[node].isWhiteout = true
          touch(node)
        }
      case .opaque(let path):
        changes.whiteouts += 1
        let node = try ownDirectory(path)
        tree[node].isOpaque = true
      case .ordinary:
        let node = try ownNode(entry.path)
        if entry.path.isRoot, entry.kind != .directory { throw LayerError.rootIsNoDirectory }
        let file = try newFile(entry, ordinal, node)
        if let target = entry.hardlinkTarget {
          try link(node, file, to: target)
          continue
        }
        put(file, at: node, isDirectory: entry.kind == .directory)
        if entry.kind == .file {
          changes.files += 1
          changes.bytes = saturating(changes.bytes, files[Int(file)].size)
        }
        try visit(entry, Int(file), source)
      }
    }
    try bindWaitingLinks()
    merge(&changes, firstFile: firstFile)
    layers.append(changes)
    return changes
  }

  // MARK: The layer's own tree

  private mutating func newFile(_ entry: Entry, _ ordinal: UInt32, _ node: Int) throws -> Int32 {
    guard let file = Int32(exactly: files.count), let place = Int32(exactly: node), file < .max else {
      throw LayerError.tooManyEntries
    }
    files.append(
      File(
        layer: Int32(truncatingIfNeeded: layers.count), ordinal: ordinal,
        size: entry.kind == .file ? entry.size : 0, node: place, kind: entry.kind))
    return file
  }

  private mutating func touch(_ node: Int) {
    if tree[node].isTouched { return }
    tree[node].isTouched = true
    touched.append(node)
  }

  func isDirectory(_ file: Int32) -> Bool {
    file == Self.implied || (file >= 0 && files[Int(file)].kind == .directory)
  }

  /// The node of a path, in a directory of this layer.
  private mutating func ownNode(_ path: EntryPath) throws -> Int {
    guard let parent = path.parent else {
      touch(tree.root)
      return tree.root
    }
    let directory = try ownDirectory(parent)
    let node = tree.insert(path.name, in: directory)
    tree[directory].hasOwnChildren = true
    touch(node)
    return node
  }

  /// The node of a directory, made in this layer where no entry has named it.
  private mutating func ownDirectory(_ path: EntryPath) throws -> Int {
    // Most entries are in the directory of the one before, if that is a directory still.
    if let lastDirectory, isDirectory(tree[lastDirectory.node].own), lastDirectory.path == path.bytes {
      return lastDirectory.node
    }
    var node = tree.root
    try makeOwnDirectory(node, path)
    for part in path.parts {
      tree[node].hasOwnChildren = true
      node = tree.insert(part, in: node)
      try makeOwnDirectory(node, path)
    }
    lastDirectory = (path.bytes, node)
    return node
  }

  private mutating func makeOwnDirectory(_ node: Int, _ path: EntryPath) throws {
    let own = tree[node].own
    if own == Self.nothing {
      tree[node].own = Self.implied
    } else if !isDirectory(own) {
      throw TreeError.belowNonDirectory(path, tree.path(of: node))
    }
    touch(node)
  }

  /// Puts something at a node in place of what this layer had there.
  private mutating func put(_ file: Int32, at node: Int, isDirectory: Bool) {
    let own = tree[node].own
    if own >= 0 { files[Int(own)].names -= 1 }
    files[Int(file)].names += 1
    tree[node].own = file
    if !isDirectory { removeOwn(below: node) }
  }

  /// Takes away what this layer has in a directory, its whiteouts too.
  private mutating func removeOwn(below top: Int) {
    var stack = [top]
    while let node = stack.popLast() {
      tree[node].isOpaque = false
      guard tree[node].hasOwnChildren else { continue }
      tree[node].hasOwnChildren = false
      for child in tree.children(of: node) where tree[child].isTouched {
        if tree[child].own >= 0 { files[Int(tree[child].own)].names -= 1 }
        tree[child].own = Self.nothing
        tree[child].isWhiteout = false
        stack.append(child)
      }
    }
  }

  // MARK: Hardlinks

  /// Makes a node a further name of what the target leads to just now; where this layer has no target
  /// yet, when all its entries are known.
  private mutating func link(_ node: Int, _ placeholder: Int32, to target: EntryPath) throws {
    if let found = tree.find(target), tree[found].own != Self.nothing {
      let file = tree[found].own
      if isDirectory(file) { throw TreeError.hardlinkToDirectory(tree.path(of: node), target) }
      put(file, at: node, isDirectory: false)
    } else {
      put(placeholder, at: node, isDirectory: false)
      waitingLinks.append((node, placeholder, target))
    }
  }

  private mutating func bindWaitingLinks() throws {
    if waitingLinks.isEmpty { return }
    var bound: [Int32: Int32] = [:]
    for link in waitingLinks {
      guard let found = laterTarget(link.target) else {
        throw TreeError.hardlinkWithoutTarget(tree.path(of: link.node), link.target)
      }
      if isDirectory(found) {
        throw TreeError.hardlinkToDirectory(tree.path(of: link.node), link.target)
      }
      bound[link.placeholder] = found
    }
    for node in touched {
      var file = tree[node].own
      var steps = 0
      while let next = bound[file] {
        file = next
        steps += 1
        // Links that lead only to each other.
        if steps > bound.count {
          throw TreeError.hardlinkWithoutTarget(tree.path(of: node), tree.path(of: node))
        }
      }
      if steps > 0 { put(file, at: node, isDirectory: false) }
    }
  }

  /// What a hardlink leads to whose target this layer did not have before it: the file of a lower layer,
  /// even where this layer hides it; where there is none, one that came later.
  private func laterTarget(_ path: EntryPath) -> Int32? {
    guard let node = tree.find(path) else { return nil }
    let place = tree[node]
    if place.below != Self.nothing, place.own == Self.nothing || !isDirectory(place.below) {
      return place.below
    }
    return place.own == Self.nothing ? nil : place.own
  }
}
