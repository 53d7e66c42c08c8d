import Archive
public import Rootfs

/// Something that joined layers leave out, and is counted on its own.
public struct Removal: Sendable {
  /// Who wants it.
  public enum Origin: String, Sendable {
    /// A pattern of the user's.
    case exclude
    /// A named rule; see `ShrinkRule`.
    case shrink
  }

  /// Who wants it.
  public var origin: Origin
  /// The pattern, or the name of the rule.
  public var name: String
  /// What goes.
  var filter = EntryFilter()
  /// Directories, links and devices stay.
  var takesFilesOnly = false
  /// Directories that stay though they are matched; what is in them is judged by itself.
  var staying: [Glob] = []
  /// Compiled Python goes only where its source is.
  var needsSource = false

  init(_ origin: Origin, _ name: String) {
    self.origin = origin
    self.name = name
  }

  /// Leaves out what a pattern matches, but for what is included after all.
  public static func exclude(_ glob: Glob, including included: [Glob]) -> Removal {
    var removal = Removal(.exclude, String(decoding: glob.pattern, as: UTF8.self))
    removal.filter.rules = [.init(.exclude, glob)] + included.map { .init(.include, $0) }
    return removal
  }

  /// What becomes of a path of a tree.
  func verdict(
    _ node: LayerStack.Node, _ path: EntryPath, _ kind: EntryKind, in stack: LayerStack
  ) -> EntryFilter.Verdict {
    if takesFilesOnly, kind != .file { return .keep }
    let verdict = filter.verdict(path, kind)
    if verdict == .keep { return .keep }
    if kind == .directory, staying.contains(where: { $0.matches(path, isDirectory: true) }) { return .keep }
    if needsSource, kind == .file, !hasSource(node, path, in: stack) { return .keep }
    return verdict
  }

  /// Whether the source of a compiled file is there, without which it is a program and no cache.
  private func hasSource(_ node: LayerStack.Node, _ path: EntryPath, in stack: LayerStack) -> Bool {
    guard let directory = stack.parent(of: node) else { return false }
    // What is in here can't be imported without its source.
    if stack.name(of: directory).elementsEqual("__pycache__".utf8) { return true }
    let name = path.name
    guard let dot = name.lastIndex(of: 0x2e) else { return false }
    return stack.child(of: directory, named: Array(name[..<dot] + Array(".py".utf8))[...]) != nil
  }
}

/// What something saved.
public struct SquashSaving: Sendable, Equatable {
  /// What did it: `exclude`, `shrink` or `dedupe`.
  public var kind: String
  /// The pattern or the rule; empty for `dedupe`.
  public var name: String
  /// The paths that are gone from the tree, or became further names of other files.
  public var paths: UInt64 = 0
  /// The bytes of files that the layer would have stored.
  public var bytes: UInt64 = 0

  /// Nothing saved yet.
  public init(kind: String, name: String) {
    self.kind = kind
    self.name = name
  }

  /// Adds what the same thing saved elsewhere.
  mutating func add(_ other: SquashSaving) {
    paths += other.paths
    bytes = bytes.addingReportingOverflow(other.bytes).partialValue
  }
}

/// The paths of a tree that are left out, and what each removal saves.
struct LeftOut {
  /// All of them.
  private(set) var nodes: [LayerStack.Node] = []
  /// For each removal.
  private(set) var savings: [SquashSaving]

  /// Judges all paths of the tree. The first removal that takes a path is the one that counts it.
  init(_ removals: [Removal], of difference: LayerDifference, in stack: LayerStack) {
    savings = removals.map { SquashSaving(kind: $0.origin.rawValue, name: $0.name) }
    if removals.isEmpty { return }
    var lost: [LayerStack.FileID: (names: UInt32, cause: Int)] = [:]
    // Directories that go unless something below them stays.
    var doubtful: [LayerStack.Node: Int] = [:]
    var waiting: [(node: LayerStack.Node, active: [Int], cause: Int?)] = [
      (stack.root, Array(removals.indices), nil)
    ]
    func leaveOut(_ node: LayerStack.Node, _ cause: Int) {
      nodes.append(node)
      savings[cause].paths += 1
      if let file = stack.file(at: node) { lost[file, default: (0, cause)].names += 1 }
    }
    while let (node, active, above) = waiting.popLast() {
      let isDirectory = stack.isDirectory(node)
      if let above {
        leaveOut(node, above)
        if isDirectory { waiting += stack.children(of: node).map { ($0, [], above) } }
        continue
      }
      let path = stack.path(of: node)
      let kind = stack.file(at: node).map { stack[$0].kind } ?? .directory
      var cause: Int?
      var doubt: Int?
      for index in active where cause == nil {
        switch removals[index].verdict(node, path, kind, in: stack) {
        case .keep: break
        case .drop: cause = index
        case .keepForChildren: doubt = doubt ?? index
        }
      }
      if let cause {
        leaveOut(node, cause)
        if isDirectory { waiting += stack.children(of: node).map { ($0, [], cause) } }
        continue
      }
      if let doubt {
        doubtful[node] = doubt
      } else {
        var parent = stack.parent(of: node)
        while let directory = parent, doubtful.removeValue(forKey: directory) != nil {
          parent = stack.parent(of: directory)
        }
      }
      if isDirectory {
        let below = active.filter { removals[$0].filter.mayDrop(below: path) }
        if !below.isEmpty || doubt != nil {
          waiting += stack.children(of: node).reversed().map { ($0, below, nil) }
        }
      }
    }
    for (node, cause) in doubtful { leaveOut(node, cause) }
    for (file, lost) in lost {
      guard difference.isNew(file), lost.names == stack[file].names else { continue }
      savings[lost.cause].bytes =
        savings[lost.cause].bytes.addingReportingOverflow(stack[file].size).partialValue
    }
  }
}
