public import Archive
import Posix
public import SystemPackage

/// Layers laid on each other with what their entries say and hold, so that runs of them can be given as one.
///
/// Each layer is read once, in order, the lowest first. A record for each entry stays in memory; the data of
/// files go to a spool, from where they are taken in the order of the joined layer.
public final class LayerMerge {
  /// The tree that the layers make so far.
  public private(set) var stack = LayerStack()
  private var records = ChunkedArray<KeptFile>()
  private let kept: KeptData
  private var base = LayerStack.State.empty

  /// - Parameters:
  ///   - temporaryDirectory: where the spool is made when one is needed.
  ///   - memory: how many bytes of data stay in memory.
  public init(temporaryDirectory: FilePath, memory: UInt64 = 0) {
    kept = KeptData(in: temporaryDirectory, memory: memory)
  }

  /// Lays a layer on top.
  ///
  /// - Parameter keepsData: whether it is part of a run that is to be joined.
  /// - Throws: `LayerError`, `TreeError`, and what the source throws.
  @discardableResult
  public func apply(_ source: any EntrySource, keepsData: Bool) throws -> LayerChanges {
    let changes = try stack.apply(source) { entry, file, source in
      // Hardlinks have numbers too, and no record of their own.
      while records.count < file { records.append(KeptFile.nothing) }
      records.append(KeptFile(entry))
      if keepsData { try keep(file, entry, source) }
    }
    while records.count < stack.fileCount { records.append(KeptFile.nothing) }
    return changes
  }

  private func keep(_ file: LayerStack.FileID, _ entry: Entry, _ source: any EntrySource) throws {
    guard entry.kind == .file, entry.size > 0 else { return }
    records[file].data = try kept.keep(source, entry)
  }

  /// Begins a run: what follows is to be joined into one layer.
  public func beginRun() {
    kept.clear()
    base = stack.state
  }

  /// What the run since `beginRun` changed. Leave out what shall not be in its layer, then `find`.
  public func difference() -> LayerDifference { LayerDifference(of: stack, since: base) }

  /// Takes what a run left out away from the tree that later layers are laid on.
  public func remove(_ nodes: [LayerStack.Node]) { stack.remove(nodes) }

  /// Keeps the data of files that a layer below the run has.
  ///
  /// - Parameters:
  ///   - source: the entries of that layer, again.
  ///   - layer: its number, from 0 for the lowest.
  ///   - files: which records' data are wanted.
  public func keepAgain(_ source: any EntrySource, layer: Int, files: [LayerStack.FileID]) throws {
    var wanted: [UInt32: LayerStack.FileID] = [:]
    for file in files where Int(stack[file].layer) == layer { wanted[stack[file].ordinal] = file }
    var ordinal: UInt32 = 0
    while !wanted.isEmpty, let entry = try source.next() {
      if let file = wanted.removeValue(forKey: ordinal) { try keep(file, entry, source) }
      ordinal += 1
    }
    if !wanted.isEmpty { throw TreeError.lostData }
  }

  /// The entry that a record stands for, at a path.
  public func entry(_ file: LayerStack.FileID, at path: EntryPath) -> Entry { records[file].entry(at: path) }

  /// Reads the data of a file of the run, holes as zeros.
  public func read(_ file: LayerStack.FileID, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    if records[file].size == 0 { return }
    try kept.read(records[file].data, size: records[file].size, body)
  }

  /// How the layer of a run is changed on its way out.
  public struct Shape {
    /// Files that become further names of others, which have the same content.
    public var duplicates: [LayerStack.FileID: LayerStack.FileID] = [:]
    /// What files hold instead of what they held.
    public var contents: [LayerStack.FileID: [UInt8]] = [:]
    /// Changes the metadata of an entry.
    public var metadata: (inout Entry) -> Void = { _ in }
    /// Changes nothing.
    public init() {}
  }

  /// Gives the one layer that does what the run did, in canonical order.
  ///
  /// - Parameter difference: what it holds; `find` was called, and `keepAgain` for its old files.
  public func send(
    _ difference: LayerDifference, shape: Shape = Shape(), to sink: any EntrySink
  ) throws {
    var holders: [LayerStack.FileID: EntryPath] = [:]
    let originals = Set(shape.duplicates.values)
    try difference.walk { step in
      switch step {
      case .whiteout(let node): try sink.add(LayerName.whiteout(of: stack.path(of: node)))
      case .opaque(let node): try sink.add(LayerName.opaque(in: stack.path(of: node)))
      case .entry(let node):
        let path = stack.path(of: node)
        guard let named = stack.file(at: node) else {
          var entry = Entry(path, .directory, mode: 0o755)
          if let first = difference.firstFile(below: node) { entry.modified = records[first].modified }
          shape.metadata(&entry)
          try sink.add(entry)
          return
        }
        let file = shape.duplicates[named] ?? named
        var entry = records[file].entry(at: path)
        shape.metadata(&entry)
        if entry.kind == .directory {
          try sink.add(entry)
          return
        }
        if let holder = holders[file] {
          entry.kind = .hardlink
          entry.size = 0
          entry.linkTarget = []
          entry.hardlinkTarget = holder
          try sink.add(entry)
          return
        }
        if stack[file].names > 1 || originals.contains(file) { holders[file] = path }
        if let bytes = shape.contents[file] {
          entry.size = UInt64(bytes.count)
          try sink.add(entry)
          try bytes.withUnsafeBytes { try sink.write($0) }
          return
        }
        try sink.add(entry)
        if entry.kind == .file, entry.size > 0 { try read(file) { try sink.write($0) } }
      }
    }
  }
}
