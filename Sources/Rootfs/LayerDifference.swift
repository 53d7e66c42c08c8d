extension LayerStack {
  /// What each path led to at one time.
  public struct State: Sendable {
    fileprivate var below: [Int32] = []
    /// How many files there were records of.
    public fileprivate(set) var fileCount = 0

    /// The state of a tree that is empty.
    public static let empty = State()

    fileprivate subscript(node: Int) -> Int32 {
      if node < below.count { return below[node] }
      return node == 0 ? LayerStack.implied : LayerStack.nothing
    }
  }

  /// The tree as it is now, to compare it with later.
  public var state: State {
    var state = State()
    state.below.reserveCapacity(tree.count)
    for node in 0..<tree.count { state.below.append(tree[node].below) }
    state.fileCount = files.count
    return state
  }
}

/// The entries of the one layer that makes a later state of a tree out of an earlier one.
///
/// These are in it: what leads to something else than before, with the directories that it is in; whiteouts
/// of what is gone; and all names of a file of which any name is new, because a hardlink can't lead out of its
/// layer. Whiteouts are explicit, as the image specification advises, but where their names would be longer
/// than a file system takes: there an opaque marker stands, and all that the directory holds.
public struct LayerDifference {
  /// An entry of the layer.
  public enum Step {
    /// What a path leads to.
    case entry(LayerStack.Node)
    /// A whiteout of a name in a directory.
    case whiteout(LayerStack.Node)
    /// A directory's opaque marker.
    case opaque(LayerStack.Node)
  }

  private struct Marks: OptionSet {
    var rawValue: UInt8
    /// It, or something below it, is in the layer.
    static let isTouched = Marks(rawValue: 1)
    /// It is left out, though it is in the tree.
    static let isOmitted = Marks(rawValue: 2)
    /// The layer hides all that was in this directory.
    static let isOpaque = Marks(rawValue: 4)
    /// It is in the layer though it leads to what it led to before.
    static let isRewritten = Marks(rawValue: 8)
  }

  private let stack: LayerStack
  private let base: LayerStack.State
  private var marks: [Marks]

  /// The files from before whose data the layer holds again, in the order of their records.
  public private(set) var oldFiles: [LayerStack.FileID] = []

  /// Compares the tree of `stack` with an earlier state of it.
  public init(of stack: LayerStack, since base: LayerStack.State) {
    self.stack = stack
    self.base = base
    marks = [Marks](repeating: [], count: stack.tree.count)
  }

  // MARK: Leaving out

  /// Whether a path leads to something else than before.
  public func isNew(_ node: LayerStack.Node) -> Bool {
    stack.tree[node.number].below != base[node.number]
  }

  /// Whether a file came since then, and not with a layer before.
  public func isNew(_ file: LayerStack.FileID) -> Bool { file >= base.fileCount }

  /// Whether a path was a directory before.
  public func wasDirectory(_ node: LayerStack.Node) -> Bool {
    isDirectory(base[node.number])
  }

  /// Leaves a path out of the layer, as if it were gone.
  public mutating func omit(_ node: LayerStack.Node) { marks[node.number].insert(.isOmitted) }

  /// Puts a path into the layer though it leads to what it led to before: because its content is replaced.
  public mutating func rewrite(_ node: LayerStack.Node) { marks[node.number].insert(.isRewritten) }

  /// Whether a path is left out.
  public func isOmitted(_ node: LayerStack.Node) -> Bool { marks[node.number].contains(.isOmitted) }

  // MARK: Finding

  private func isDirectory(_ file: Int32) -> Bool { stack.isDirectory(file) }

  private func now(_ node: Int) -> Int32 {
    marks[node].contains(.isOmitted) ? LayerStack.nothing : stack.tree[node].below
  }

  private mutating func touch(_ node: Int) {
    var current: Int? = node
    while let place = current, !marks[place].contains(.isTouched) {
      marks[place].insert(.isTouched)
      current = stack.tree.parent(of: place)
    }
  }

  /// Finds what the layer has to hold; what is left out must be known.
  public mutating func find() {
    var old: Set<Int32> = []
    var tooLong: [Int] = []
    for node in 0..<stack.tree.count {
      let (was, now) = (base[node], now(node))
      if was == now, !marks[node].contains(.isRewritten) || now < 0 { continue }
      if now == LayerStack.nothing, let parent = stack.tree.parent(of: node) {
        // Below what is no directory any more, or is new, nothing has to be hidden.
        guard isDirectory(self.now(parent)), isDirectory(base[parent]) else { continue }
        if stack.tree.name(of: node).count > LayerName.longestHidden { tooLong.append(parent) }
      }
      touch(node)
      if now >= 0, Int(now) < base.fileCount { old.insert(now) }
    }
    while let directory = tooLong.popLast() {
      if marks[directory].contains(.isOpaque) { continue }
      touch(directory)
      var waiting = [directory]
      while let node = waiting.popLast() {
        if isDirectory(now(node)), isDirectory(base[node]) { marks[node].insert(.isOpaque) }
        for child in stack.tree.children(of: node) where now(child) != LayerStack.nothing {
          touch(child)
          let file = now(child)
          if isDirectory(file) {
            waiting.append(child)
          } else if Int(file) < base.fileCount {
            old.insert(file)
          }
        }
      }
    }
    old = old.filter { !isDirectory($0) }
    if !old.isEmpty {
      for node in 0..<stack.tree.count where old.contains(now(node)) { touch(node) }
    }
    oldFiles = old.map { LayerStack.FileID($0) }.sorted()
  }

  // MARK: The layer

  /// Visits the layer's entries in canonical order.
  ///
  /// The root is among them only when an entry names it since then.
  public func walk(_ body: (Step) throws -> Void) rethrows {
    let root = stack.tree.root
    guard marks[root].contains(.isTouched) else { return }
    if now(root) != base[root] { try body(.entry(stack.root)) }
    var waiting: [(node: Int, isWhiteout: Bool)] = []
    func push(_ directory: Int) throws {
      let isOpaque = marks[directory].contains(.isOpaque)
      var steps: [(node: Int, isWhiteout: Bool)] = []
      var hasWhiteouts = isOpaque
      for child in stack.tree.children(of: directory) where marks[child].contains(.isTouched) {
        let isWhiteout = now(child) == LayerStack.nothing
        if isWhiteout, isOpaque { continue }
        steps.append((child, isWhiteout))
        hasWhiteouts = hasWhiteouts || isWhiteout
      }
      // What is below an opaque directory is hidden with it.
      let parent = stack.tree.parent(of: directory)
      if isOpaque, !(parent.map { marks[$0].contains(.isOpaque) } ?? false) {
        steps.append((directory, true))
      }
      if hasWhiteouts {
        func name(_ step: (node: Int, isWhiteout: Bool)) -> [UInt8] {
          if step.node == directory { return LayerName.opaqueMarker }
          let name = Array(stack.tree.name(of: step.node))
          return step.isWhiteout ? LayerName.prefix + name : name
        }
        steps = steps.map { ($0, name($0)) }.sorted { $0.1.lexicographicallyPrecedes($1.1) }.map(\.0)
      }
      waiting.append(contentsOf: steps.reversed())
    }
    try push(root)
    while let (node, isWhiteout) = waiting.popLast() {
      let place = LayerStack.Node(number: node)
      if isWhiteout {
        try body(now(node) == LayerStack.nothing ? .whiteout(place) : .opaque(place))
        continue
      }
      try body(.entry(place))
      if isDirectory(now(node)) { try push(node) }
    }
  }

  /// The file with the time of a directory that no entry names: the first named one below it, in tree order,
  /// that isn't left out.
  public func firstFile(below node: LayerStack.Node) -> LayerStack.FileID? {
    for child in stack.tree.children(of: node.number) {
      let file = now(child)
      if file >= 0 { return LayerStack.FileID(file) }
      if file == LayerStack.implied, let found = firstFile(below: LayerStack.Node(number: child)) {
        return found
      }
    }
    return nil
  }
}
