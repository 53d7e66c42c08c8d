public import Archive
import Posix
public import SystemPackage

/// Where entries go to, in canonical order: each after its directory and after all that sort before it.
public protocol EntrySink: AnyObject {
  /// Takes an entry. A file's data follows: exactly as many bytes as its size.
  func add(_ entry: Entry) throws

  /// Takes data of the entry that came last.
  func write(_ bytes: UnsafeRawBufferPointer) throws

  /// Forgets all that it took, and gives it back as a source: entries in order, data included.
  func restart() throws -> any EntrySource
}

/// Brings the entries of one archive into canonical order: the tree that extracting it would give, each
/// name once, depth first, names bytewise, the first name of a file with its data and later ones as
/// hardlinks.
///
/// Entries that come in that order go straight through. At the first that does not, the sink starts over:
/// what it has is read back as one sorted run, the rest is kept in a spool (or found by its place where
/// the source has one for it), and both are merged. So a sorted stream of any size needs no second
/// copy, and an unsorted one needs one of what is left.
public final class CanonicalOrder {
  /// How an entry is changed on its way; false leaves it out.
  public typealias Shape = (inout Entry) throws -> Bool

  private let sink: any EntrySink
  private let shape: Shape
  private let kept: KeptData
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)

  /// What a name in the tree leads to.
  private struct Name {
    private var number: Int32 = -1
    var isVisible = false
    var isEmitted = false

    init(file: Int = -1, isVisible: Bool = false) {
      number = Int32(file)
      self.isVisible = isVisible
    }

    /// The number of the file; -1 when no entry named it.
    var file: Int {
      get { Int(number) }
      set { number = Int32(newValue) }
    }
  }

  private var tree = NameTree(Name())
  private var files = ChunkedArray<KeptFile>()
  private var waitingLinks: [(node: Int, target: EntryPath)] = []
  private var last: EntryPath?
  private var emittedFiles = 0
  private var run: SortedRun?
  private var isStreaming: Bool

  /// - Parameters:
  ///   - sink: takes the entries.
  ///   - temporaryDirectory: where a spool is made when one is needed.
  ///   - shape: filters and changes entries as they come.
  public init(into sink: any EntrySink, temporaryDirectory: FilePath, shape: @escaping Shape = { _ in true })
  {
    self.sink = sink
    self.shape = shape
    kept = KeptData(in: temporaryDirectory)
    isStreaming = true
  }

  deinit { buffer.deallocate() }

  /// Takes all entries of `source`, and gives the whole tree to the sink.
  ///
  /// - Throws: `TreeError`, and what the source and the sink throw.
  public func order(_ source: any EntrySource) throws {
    if let placed = source as? any PlacedSource, placed.isPlaced { isStreaming = false }
    while var entry = try source.next() {
      let isVisible = try shape(&entry)
      try place(entry, isVisible: isVisible, from: source)
    }
    try bindWaitingLinks()
    if !isStreaming { try emitAll() }
  }

  // MARK: Taking entries

  private func place(_ entry: Entry, isVisible: Bool, from source: any EntrySource) throws {
    let node = try makeNode(entry.path)
    if let target = entry.hardlinkTarget {
      guard let found = tree.find(target), tree[found].file >= 0 else {
        // Only GNU tar's own order is sure to name the target first.
        try fallBack()
        tree.removeChildren(of: node)
        tree[node] = Name(isVisible: isVisible)
        waitingLinks.append((node, target))
        return
      }
      let file = tree[found].file
      if files[file].kind == .directory { throw TreeError.hardlinkToDirectory(entry.path, target) }
      // GNU tar writes such a link for a file with several names that it is given twice.
      if found == node { return }
      if entry.size > 0 {
        // cpio stores the data with the last name.
        try fallBack()
        files[file].size = entry.size
        files[file].data = try keep(source, entry)
      }
      if isStreaming, tree[node].isEmitted { try fallBack() }
      tree.removeChildren(of: node)
      tree[node] = Name(file: file, isVisible: isVisible)
      if isStreaming, isVisible {
        if mayFollow(entry.path), files[file].holder >= 0 || !hasData(file) {
          try emit(node)
          return
        }
        try fallBack()
      }
      return
    }
    let isDirectory = entry.kind == .directory
    if isStreaming, tree[node].isEmitted { try fallBack() }
    // What was a directory and is none now takes its content with it.
    if !isDirectory { tree.removeChildren(of: node) }
    if isDirectory, tree[node].file >= 0, files[tree[node].file].kind == .directory {
      files[tree[node].file] = KeptFile(entry)
    } else {
      files.append(KeptFile(entry))
      tree[node].file = files.count - 1
    }
    tree[node].isVisible = isVisible
    let file = tree[node].file
    if isStreaming, isVisible, !mayFollow(entry.path) { try fallBack() }
    if isStreaming, isVisible {
      try emit(node) { try self.copy(source) }
    } else if entry.kind == .file, entry.size > 0 {
      files[file].data = try keep(source, entry)
    }
  }

  /// Resolves the hardlinks whose targets came after them, which may be such links themselves.
  private func bindWaitingLinks() throws {
    while !waitingLinks.isEmpty {
      var unresolved: [(node: Int, target: EntryPath)] = []
      for (node, target) in waitingLinks where tree[node].file < 0 {
        guard let found = tree.find(target), case let file = tree[found].file, file >= 0 else {
          unresolved.append((node, target))
          continue
        }
        if files[file].kind == .directory {
          throw TreeError.hardlinkToDirectory(tree.path(of: node), target)
        }
        tree[node].file = file
      }
      if let first = unresolved.first, unresolved.count == waitingLinks.count {
        throw TreeError.hardlinkWithoutTarget(tree.path(of: first.node), first.target)
      }
      waitingLinks = unresolved
    }
  }

  private func hasData(_ file: Int) -> Bool { files[file].kind == .file && files[file].size > 0 }

  /// The node of a path; its directories are made, and none of them may be something else.
  private func makeNode(_ path: EntryPath) throws -> Int {
    var node = tree.root
    for part in path.parts {
      let file = tree[node].file
      if file >= 0, files[file].kind != .directory {
        throw TreeError.belowNonDirectory(path, tree.path(of: node))
      }
      node = tree.insert(part, in: node)
    }
    return node
  }

  private func mayFollow(_ path: EntryPath) -> Bool {
    guard let last else { return true }
    return last < path
  }

  /// Ends the straight way through: the sink gives back what it has.
  private func fallBack() throws {
    guard isStreaming else { return }
    isStreaming = false
    run = SortedRun(try sink.restart())
    for file in files.indices { files[file].holder = -1 }
  }

  /// Keeps a file's data for later; where the archive can be read again, only their place.
  private func keep(_ source: any EntrySource, _ entry: Entry) throws -> KeptFile.Location {
    if let place = (source as? any PlacedSource)?.place {
      return .stored(raw: place.raw, offset: place.offset, extents: place.extents.holes(in: entry.size))
    }
    return try kept.keep(source, entry)
  }

  // MARK: Giving entries

  private func emitAll() throws {
    var visible = [Bool](repeating: false, count: tree.count)
    tree.walk { node in
      guard tree[node].isVisible, tree[node].file >= 0 else { return }
      var current: Int? = node
      while let place = current, !visible[place] {
        visible[place] = true
        current = tree.parent(of: place)
      }
    }
    // The root stands in the output only when something said what it is like.
    if tree[tree.root].file < 0 { visible[tree.root] = false }
    tree.walk { tree[$0].isEmitted = false }
    try tree.walk { node in
      guard visible[node] else { return }
      try emitOne(node) { try self.copyKept(self.tree[node].file) }
    }
  }

  /// Emits a node after those of its directories that are not there yet.
  private func emit(_ node: Int, data: () throws -> Void = {}) throws {
    var missing: [Int] = []
    var current = tree.parent(of: node)
    while let directory = current, !tree[directory].isEmitted {
      if directory != tree.root || tree[directory].file >= 0 { missing.append(directory) }
      current = tree.parent(of: directory)
    }
    let time = files[tree[node].file].modified
    for directory in missing.reversed() { try emitOne(directory, impliedTime: time) {} }
    try emitOne(node, data: data)
    last = tree.path(of: node)
  }

  private func emitOne(_ node: Int, impliedTime: Timestamp? = nil, data: () throws -> Void) throws {
    tree[node].isEmitted = true
    let path = tree.path(of: node)
    let index = tree[node].file
    guard index >= 0 else {
      // A directory that no entry names: docs/layers.md.
      var entry = Entry(path, .directory, mode: 0o755)
      entry.modified = impliedTime ?? firstTime(below: node)
      try sink.add(entry)
      return
    }
    var entry = files[index].entry(at: path)
    if files[index].holder >= 0 {
      entry.kind = .hardlink
      entry.size = 0
      entry.linkTarget = []
      entry.hardlinkTarget = tree.path(of: files[index].holder)
      try sink.add(entry)
      return
    }
    if entry.kind != .directory { files[index].holder = node }
    try sink.add(entry)
    guard entry.kind == .file, entry.size > 0 else { return }
    if isStreaming {
      files[index].data = .run(emittedFiles)
      emittedFiles += 1
    }
    try data()
  }

  /// The time of the first entry in tree order below a directory that nothing names.
  private func firstTime(below node: Int) -> Timestamp {
    var current = node
    while !isNamed(current), let child = tree.children(of: current).first(where: { holdsNamed($0) }) {
      current = child
    }
    return isNamed(current) ? files[tree[current].file].modified : Timestamp(seconds: 0)
  }

  private func isNamed(_ node: Int) -> Bool { tree[node].isVisible && tree[node].file >= 0 }

  private func holdsNamed(_ node: Int) -> Bool {
    isNamed(node) || tree.children(of: node).contains { holdsNamed($0) }
  }

  private func copy(_ source: any EntrySource) throws {
    while case let count = try source.read(into: buffer), count > 0 {
      try sink.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }

  private func copyKept(_ file: Int) throws {
    switch files[file].data {
    case .none:
      break
    case .run(let number):
      guard let run else { preconditionFailure("a run is there after falling back") }
      try run.copy(number, into: sink, buffer: buffer, keepingOthersIn: kept)
    case .stored(let raw, let offset, let extents):
      try kept.copy(raw, offset, extents, size: files[file].size, into: sink)
    }
  }
}
