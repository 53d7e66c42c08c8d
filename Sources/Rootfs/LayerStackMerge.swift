public import Archive

extension LayerStack {
  /// Lays the own tree of a layer on what is below it, and counts what changes.
  ///
  /// Only the nodes are visited that the layer has something to say about, and what it hides.
  ///
  /// - Parameter firstFile: the first of the layer's own records.
  mutating func merge(_ changes: inout LayerChanges, firstFile: Int) {
    var vanished: [Int32] = []
    for node in touched {
      let place = tree[node]
      let below = place.below
      if place.own == Self.nothing {
        // A whiteout alone; or what the layer had here was taken away again by the layer itself.
        if place.isWhiteout { vanish(node, &changes, &vanished) }
        continue
      }
      let mergesDirectories = isDirectory(below) && isDirectory(place.own)
      if mergesDirectories, place.isWhiteout || place.isOpaque {
        hideChildren(of: node, &changes, &vanished)
      } else if isDirectory(below), !mergesDirectories {
        hideChildren(of: node, &changes, &vanished)
      }
      if place.own == Self.implied, mergesDirectories {
        // Nobody named it: it stays as it was. Hidden ones begin anew.
        if place.isWhiteout {
          if below >= 0 { files[Int(below)].names -= 1 }
          tree[node].below = Self.implied
        }
        continue
      }
      if below >= 0 { files[Int(below)].names -= 1 }
      tree[node].below = place.own
      if node == tree.root { continue }
      if below == Self.nothing {
        changes.added.paths += 1
      } else {
        changes.changed.paths += 1
        if place.own >= 0 { files[Int(place.own)].isChange = true }
      }
    }
    for node in touched {
      tree[node].own = Self.nothing
      tree[node].isWhiteout = false
      tree[node].isOpaque = false
      tree[node].isTouched = false
      tree[node].hasOwnChildren = false
    }
    for number in firstFile..<files.count where files[number].names > 0 {
      let file = files[number]
      if file.isChange { changes.changed.add(bytes: file.size) } else { changes.added.add(bytes: file.size) }
    }
    for file in vanished where files[Int(file)].names == 0 {
      // Its bytes are gone once, whatever the number of its names.
      if files[Int(file)].isGone { continue }
      files[Int(file)].isGone = true
      changes.removed.add(bytes: files[Int(file)].size)
    }
    touched = []
  }

  /// Hides what is below in a directory; where the layer has entries of its own in there, what is below
  /// those too.
  private mutating func hideChildren(
    of node: Int, _ changes: inout LayerChanges, _ vanished: inout [Int32]
  ) {
    for child in tree.children(of: node) {
      if tree[child].own == Self.nothing {
        vanish(child, &changes, &vanished)
      } else {
        // It comes later in `touched`, as everything does after its directory.
        tree[child].isWhiteout = true
      }
    }
  }

  /// Takes a path and all below it out of the tree.
  private mutating func vanish(_ top: Int, _ changes: inout LayerChanges, _ vanished: inout [Int32]) {
    var stack = [top]
    while let node = stack.popLast() {
      let below = tree[node].below
      if below == Self.nothing { continue }
      if isDirectory(below) { stack.append(contentsOf: tree.children(of: node)) }
      if below >= 0 {
        files[Int(below)].names -= 1
        vanished.append(below)
      }
      tree[node].below = Self.nothing
      changes.removed.paths += 1
    }
  }
}

// MARK: The result

extension LayerStack {
  /// Takes paths out of the tree, each with all that is below it. No layer is said to have done it.
  public mutating func remove(_ nodes: [Node]) {
    var changes = LayerChanges()
    var vanished: [Int32] = []
    for node in nodes where node != root { vanish(node.number, &changes, &vanished) }
  }

  /// A path of the tree.
  public struct Node: Sendable, Hashable {
    let number: Int
  }

  /// The root of the tree.
  public var root: Node { Node(number: tree.root) }

  /// How many files there are records of, those without names included.
  public var fileCount: Int { files.count }

  /// The record of what an entry brought.
  public subscript(file: FileID) -> File { files[file] }

  /// What a path leads to; nil for a directory that no entry names.
  public func file(at node: Node) -> FileID? {
    let file = tree[node.number].below
    return file < 0 ? nil : FileID(file)
  }

  /// Whether a path is a directory.
  public func isDirectory(_ node: Node) -> Bool { isDirectory(tree[node.number].below) }

  /// The directory that a path is in; nil for the root.
  public func parent(of node: Node) -> Node? { tree.parent(of: node.number).map(Node.init(number:)) }

  /// The last part of a path; empty for the root.
  public func name(of node: Node) -> ArraySlice<UInt8> { tree.name(of: node.number) }

  /// The whole path.
  public func path(of node: Node) -> EntryPath { tree.path(of: node.number) }

  /// The name that an entry had in its layer.
  public func path(of file: FileID) -> EntryPath { tree.path(of: Int(files[file].node)) }

  /// The child of that name, or nil where there is none.
  public func child(of node: Node, named name: ArraySlice<UInt8>) -> Node? {
    guard let child = tree.child(of: node.number, named: name), tree[child].below != Self.nothing else {
      return nil
    }
    return Node(number: child)
  }

  /// The path as it is, symlinks not followed; nil where there is nothing.
  public func find(_ path: EntryPath) -> Node? {
    guard let node = tree.find(path), tree[node].below != Self.nothing else { return nil }
    return Node(number: node)
  }

  /// What is in a directory, names in bytewise order.
  public func children(of node: Node) -> [Node] {
    tree.children(of: node.number).filter { tree[$0].below != Self.nothing }.map(Node.init(number:))
  }

  /// Visits every path in tree order, the root first.
  public func walk(_ body: (Node) throws -> Void) rethrows {
    var stack = [root]
    while let node = stack.popLast() {
      try body(node)
      if isDirectory(node) { stack.append(contentsOf: children(of: node).reversed()) }
    }
  }

  /// The bytes that each layer stores and that no name of the tree leads to: replaced or hidden by later
  /// layers, or replaced within the layer itself. Each byte once.
  public func wastedBytes() -> [UInt64] {
    var wasted = [UInt64](repeating: 0, count: layers.count)
    for number in files.indices where files[number].names == 0 && files[number].size > 0 {
      let file = files[number]
      wasted[Int(file.layer)] = saturating(wasted[Int(file.layer)], file.size)
    }
    return wasted
  }
}
