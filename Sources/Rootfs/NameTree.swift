public import Archive

/// A tree of names, each with a payload: a small record and its name's bytes, however deep it is.
///
/// Nodes are numbers. Removed ones keep their number, but can't be reached any more.
public struct NameTree<Payload> {
  /// A node of the tree.
  public typealias Node = Int

  private struct Record {
    var nameStart: Int
    var parent: Int32
    var firstChild: Int32 = -1
    var nextSibling: Int32 = -1
    var nameCount: Int32
    var payload: Payload
    var isRemoved = false
  }

  private var records = ChunkedArray<Record>()
  private var names: [UInt8] = []
  /// Open addressing over (parent, name); -1 is free. Removed nodes stay in it until it grows.
  private var table: [Int32]
  private let missing: Payload

  /// The root, which always exists.
  public let root: Node = 0

  /// A tree of a root alone. New nodes start with `payload`.
  public init(_ payload: Payload) {
    missing = payload
    table = [Int32](repeating: -1, count: 1024)
    records.append(Record(nameStart: 0, parent: -1, nameCount: 0, payload: payload))
  }

  /// The number of nodes ever made.
  public var count: Int { records.count }

  /// What a node holds.
  public subscript(node: Node) -> Payload {
    get { records[node].payload }
    set { records[node].payload = newValue }
    _modify { yield &records[node].payload }
  }

  /// The directory that a node is in; nil for the root.
  public func parent(of node: Node) -> Node? {
    let parent = records[node].parent
    return parent < 0 ? nil : Node(parent)
  }

  /// The name of a node in its directory.
  public func name(of node: Node) -> ArraySlice<UInt8> {
    let record = records[node]
    return names[record.nameStart..<(record.nameStart + Int(record.nameCount))]
  }

  /// The path of a node.
  public func path(of node: Node) -> EntryPath {
    var parts: [ArraySlice<UInt8>] = []
    var current = node
    while let parent = parent(of: current) {
      parts.append(name(of: current))
      current = parent
    }
    return EntryPath(parts: parts.reversed())
  }

  private static func hash(_ parent: Int32, _ name: ArraySlice<UInt8>) -> UInt64 {
    var hash = 0xcbf2_9ce4_8422_2325 ^ UInt64(UInt32(bitPattern: parent)) &* 0x9e37_79b9_7f4a_7c15
    name.withUnsafeBufferPointer { bytes in
      for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    }
    return hash ^ (hash >> 29)
  }

  /// The child of that name, or nil.
  public func child(of parent: Node, named name: ArraySlice<UInt8>) -> Node? {
    let mask = table.count - 1
    var slot = Int(truncatingIfNeeded: Self.hash(Int32(parent), name)) & mask
    while table[slot] >= 0 {
      let node = Node(table[slot])
      let record = records[node]
      if record.parent == Int32(parent), !record.isRemoved, Int(record.nameCount) == name.count,
        names[record.nameStart..<(record.nameStart + name.count)].elementsEqual(name)
      {
        return node
      }
      slot = (slot + 1) & mask
    }
    return nil
  }

  /// The node at a path, or nil.
  public func find(_ path: EntryPath) -> Node? {
    var node = root
    for part in path.parts {
      guard let next = child(of: node, named: part) else { return nil }
      node = next
    }
    return node
  }

  /// The child of that name, made when missing.
  public mutating func insert(_ name: ArraySlice<UInt8>, in parent: Node) -> Node {
    if let node = child(of: parent, named: name) { return node }
    if records.count * 2 >= table.count { grow() }
    let node = Int32(records.count)
    records.append(
      Record(
        nameStart: names.count, parent: Int32(parent), nextSibling: records[parent].firstChild,
        nameCount: Int32(name.count), payload: missing))
    names.append(contentsOf: name)
    records[parent].firstChild = node
    place(node)
    return Node(node)
  }

  private mutating func place(_ node: Int32) {
    let mask = table.count - 1
    var slot = Int(truncatingIfNeeded: Self.hash(records[Int(node)].parent, name(of: Node(node)))) & mask
    while table[slot] >= 0 { slot = (slot + 1) & mask }
    table[slot] = node
  }

  private mutating func grow() {
    table = [Int32](repeating: -1, count: table.count * 2)
    for node in 1..<max(1, records.count) where !records[node].isRemoved { place(Int32(node)) }
  }

  /// Removes all that is below a node.
  public mutating func removeChildren(of node: Node) {
    var stack = [Int(records[node].firstChild)]
    records[node].firstChild = -1
    while let next = stack.popLast() {
      var child = next
      while child >= 0 {
        records[child].isRemoved = true
        stack.append(Int(records[child].firstChild))
        child = Int(records[child].nextSibling)
      }
    }
  }

  /// Removes a node with all that is below it.
  public mutating func remove(_ node: Node) {
    removeChildren(of: node)
    records[node].isRemoved = true
    guard let parent = parent(of: node) else { return }
    var previous = -1
    var child = Int(records[parent].firstChild)
    while child >= 0, child != node {
      previous = child
      child = Int(records[child].nextSibling)
    }
    if previous < 0 {
      records[parent].firstChild = records[node].nextSibling
    } else {
      records[previous].nextSibling = records[node].nextSibling
    }
  }

  /// The children of a node in bytewise order of their names.
  public func children(of node: Node) -> [Node] {
    var result: [Node] = []
    var child = Int(records[node].firstChild)
    while child >= 0 {
      result.append(child)
      child = Int(records[child].nextSibling)
    }
    names.withUnsafeBufferPointer { names in
      result.sort { one, other in
        let left = records[one]
        let right = records[other]
        return UnsafeBufferPointer(rebasing: names[left.nameStart..<(left.nameStart + Int(left.nameCount))])
          .lexicographicallyPrecedes(
            UnsafeBufferPointer(rebasing: names[right.nameStart..<(right.nameStart + Int(right.nameCount))]))
      }
    }
    return result
  }

  /// Visits every node in tree order, the root first.
  public func walk(_ body: (Node) throws -> Void) rethrows {
    var stack: [Node] = [root]
    while let node = stack.popLast() {
      try body(node)
      stack.append(contentsOf: children(of: node).reversed())
    }
  }
}
