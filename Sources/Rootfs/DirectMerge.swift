public import Archive
public import SystemPackage

/// Lays whole layers on each other straight through: all are read side by side, in tree order, and what is
/// left of them is given on at once. Only files that are passed by are kept aside: a later hardlink may lead
/// to them.
///
/// The rules are those of `LayerStack`, and the result is the same to the byte. It works as long as each layer
/// is in tree order (whiteouts may stand where their own name or the hidden one belongs) and hardlinks lead to
/// what stands before them in their layer; at the first surprise it gives up with `Surprise`, and
/// `LayerMerge`, which takes layers in any order, has to begin anew. Memory holds a small record for each entry.
public final class DirectMerge {
  /// What can't be joined straight through.
  public struct Surprise: Error {}

  /// What a directory on the way to the current path means for what is in it.
  private struct Directory {
    var path: EntryPath
    /// The lowest layer whose entries in it can be seen.
    var floor: Int
  }

  private enum Winner {
    case nothing
    /// A directory that no entry names.
    case implied
    /// The entry of this layer.
    case entry(Int)
  }

  private let layers: [DirectMergeLayer]
  private let metadata: (inout Entry) -> Void
  private let sink: any EntrySink
  private let kept: KeptData
  private var heap: [DirectMergeLayer] = []
  private var directories: [Directory] = []
  private var waitingDirectories: [EntryPath] = []
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)

  /// - Parameters:
  ///   - sources: the entries of the layers, the lowest first.
  ///   - temporaryDirectory: where a spool is made when one is needed.
  ///   - memory: how many bytes of data stay in memory.
  ///   - metadata: changes the metadata of entries on their way out.
  ///   - sink: takes the joined layer in canonical order.
  public init(
    _ sources: [any EntrySource], temporaryDirectory: FilePath, memory: UInt64 = 0,
    metadata: @escaping (inout Entry) -> Void = { _ in }, to sink: any EntrySink
  ) {
    let kept = KeptData(in: temporaryDirectory, memory: memory)
    layers = sources.enumerated().map { DirectMergeLayer($0.element, number: $0.offset, kept: kept) }
    self.kept = kept
    self.metadata = metadata
    self.sink = sink
  }

  deinit { buffer.deallocate() }

  /// How many entries each layer has, whiteouts included; complete after `join`.
  public var entries: [UInt64] { layers.map(\.entries) }

  /// Reads all layers to their ends.
  ///
  /// - Throws: `Surprise`, `LayerError`, and what the sources and the sink throw.
  public func join() throws {
    for layer in layers { try advance(layer) }
    try settle(.root)
    for layer in layers where layer.isOpaque(.root) {
      directories[0].floor = max(directories[0].floor, layer.number)
    }
    while let next = heap.first?.current?.path {
      while let top = directories.last, !top.path.contains(next) { directories.removeLast() }
      // Directories that no entry names come before what is in them.
      while let top = directories.last, let below = next.firstStep(below: top.path), below != next {
        try settle(below)
      }
      try settle(next)
    }
    try giveWaitingDirectories(before: nil)
  }

  // MARK: One path

  /// Decides what a path leads to, gives it on, and moves the layers that name it on.
  private func settle(_ path: EntryPath) throws {
    let floor = directories.last?.floor ?? 0
    var here: [DirectMergeLayer] = []
    while let first = heap.first, first.current?.path == path { here.append(removeFirst()) }
    // What is below a path comes right behind it.
    let mayBeImplied = heap.first.map { path.contains($0.path) } ?? false
    var winner = path.isRoot ? Winner.implied : .nothing
    var childFloor = floor
    var next = 0
    for layer in layers {
      let isExplicit = next < here.count && here[next] === layer
      if isExplicit { next += 1 }
      if layer.number < floor { continue }
      if layer.hides(path) {
        winner = path.isRoot ? .implied : .nothing
        childFloor = layer.number
      }
      if isExplicit {
        if layer.current?.kind != .directory || !isDirectory(winner) { childFloor = layer.number }
        winner = .entry(layer.number)
      } else if mayBeImplied, layer.current != nil, path.contains(layer.path), !isDirectory(winner) {
        childFloor = layer.number
        winner = .implied
      }
    }
    switch winner {
    case .nothing: break
    case .implied: if !path.isRoot { waitingDirectories.append(path) }
    case .entry(let number): try give(layers[number])
    }
    for layer in here {
      if case .entry(layer.number) = winner {} else { try layer.passBy() }
      try advance(layer)
      // The marker comes behind the directory that it is about.
      if layer.isOpaque(path) { childFloor = max(childFloor, layer.number) }
    }
    directories.append(Directory(path: path, floor: childFloor))
  }

  private func isDirectory(_ winner: Winner) -> Bool {
    switch winner {
    case .nothing: false
    case .implied: true
    case .entry(let number): layers[number].current?.kind == .directory
    }
  }

  // MARK: Giving on

  private func give(_ layer: DirectMergeLayer) throws {
    guard case (var entry, let data)? = try layer.given() else { return }
    try giveWaitingDirectories(before: entry)
    metadata(&entry)
    try sink.add(entry)
    switch data {
    case .none: break
    case .current:
      while case let count = try layer.source.read(into: buffer), count > 0 {
        try sink.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    case .kept(let place): try kept.read(place, size: entry.size) { try sink.write($0) }
    }
  }

  /// Gives the directories that nobody names; their time is that of the first entry in them.
  private func giveWaitingDirectories(before entry: Entry?) throws {
    for path in waitingDirectories {
      var directory = Entry(path, .directory, mode: 0o755)
      if let entry, path.contains(entry.path) { directory.modified = entry.modified }
      metadata(&directory)
      try sink.add(directory)
    }
    waitingDirectories.removeAll(keepingCapacity: true)
  }

  // MARK: The layers, by what they have next

  private func advance(_ layer: DirectMergeLayer) throws {
    try layer.advance()
    if layer.current == nil { return }
    heap.append(layer)
    var index = heap.count - 1
    while index > 0, case let parent = (index - 1) / 2, heap[index].isBefore(heap[parent]) {
      heap.swapAt(index, parent)
      index = parent
    }
  }

  private func removeFirst() -> DirectMergeLayer {
    heap.swapAt(0, heap.count - 1)
    let first = heap.removeLast()
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < heap.count {
        if heap[child].isBefore(heap[least]) { least = child }
      }
      if least == index { return first }
      heap.swapAt(index, least)
      index = least
    }
  }
}
