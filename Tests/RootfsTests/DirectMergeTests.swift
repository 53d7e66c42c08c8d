import Archive
import Posix
import Rootfs
import SystemPackage
import TestSupport
import Testing

/// Numbers that are the same for the same seed.
private struct Dice {
  private var state: UInt64

  init(_ seed: Int) { state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1 }

  mutating func roll(_ sides: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int((state >> 11) % UInt64(sides))
  }

  mutating func pick<Element>(_ choices: [Element]) -> Element { choices[roll(choices.count)] }
}

/// Layers in tree order, as the tools write them that walk a directory.
private struct OrderedLayers {
  private var dice: Dice
  private var contents = 0

  init(seed: Int) { dice = Dice(seed) }

  private mutating func path() throws -> EntryPath {
    let names = ["a", "ab", "a.b", "b", ".x", "-y", "x.wh.y", "..data"]
    return try EntryPath(
      (0..<dice.pick([1, 1, 2, 2, 3])).map { _ in dice.pick(names) }.joined(separator: "/"))
  }

  /// The entries of one more layer, with their data.
  mutating func layer() throws -> [(entry: Entry, data: [UInt8])] {
    var kinds: [EntryPath: EntryKind] = [:]
    for _ in 0..<dice.roll(14) {
      let path = try path()
      let kind: EntryKind = dice.pick([
        .file, .file, .file, .directory, .directory, .symlink, .fifo, .hardlink,
      ])
      let isBelowFile = kinds.contains { $0.value != .directory && $0.key.contains(path) }
      let isAbove = kind != .directory && kinds.contains { path.contains($0.key) }
      if !isBelowFile, !isAbove, kinds[path] == nil { kinds[path] = kind }
    }
    var placed: [(key: EntryPath, order: Int, entry: Entry, data: [UInt8])] = []
    var files: [EntryPath] = []
    for (path, kind) in kinds.sorted(by: { $0.key < $1.key }) {
      contents += 1
      var entry = Entry(path, kind, mode: UInt16(dice.pick([0o644, 0o755, 0o4711])))
      entry.modified = Timestamp(seconds: Int64(contents))
      var data: [UInt8] = []
      if kind == .symlink { entry.linkTarget = Array("t\(contents)".utf8) }
      if kind == .hardlink {
        if files.isEmpty { continue }
        entry.hardlinkTarget = dice.pick(files)
      } else if kind != .directory {
        files.append(path)
      }
      if kind == .file {
        data = Array(repeating: UInt8(contents % 251), count: dice.pick([0, 1, contents, 5000]))
        entry.size = UInt64(data.count)
      }
      placed.append((path, 1, entry, data))
      if kind == .directory, dice.roll(5) == 0 {
        placed.append((path, 2, LayerName.opaque(in: path), []))
      }
    }
    for directory in [.root] + kinds.filter({ $0.value == .directory }).keys.sorted() where dice.roll(3) == 0
    {
      let hidden = try directory.appending(Array(dice.pick(["a", "ab", "a.b", "b", "-y"]).utf8))
      let entry = LayerName.whiteout(of: hidden)
      // Where the hidden name belongs, as docker writes it, or where its own does, as sorting does.
      placed.append((dice.roll(2) == 0 ? hidden : entry.path, 0, entry, []))
    }
    return placed.sorted { ($0.key, $0.order) < ($1.key, $1.order) }.map { ($0.entry, $0.data) }
  }

  mutating func tar() throws -> [UInt8] {
    let sink = TarSink()
    for (entry, data) in try layer() {
      try sink.add(entry)
      if !data.isEmpty { try data.withUnsafeBytes { try sink.write($0) } }
    }
    try sink.finish()
    return sink.contents.bytes
  }
}

@Suite struct DirectMergeTests {
  private func source(_ tar: [UInt8]) -> TarReader {
    let bytes = TarSink.Bytes()
    bytes.bytes = tar
    return TarReader(bytes)
  }

  /// What joining straight through gives; nil for a surprise.
  private func direct(_ layers: [[UInt8]]) throws -> [UInt8]? {
    let sink = TarSink()
    let merge = DirectMerge(layers.map(source), temporaryDirectory: "/tmp", memory: 10_000, to: sink)
    do { try merge.join() } catch is DirectMerge.Surprise { return nil }
    try sink.finish()
    return sink.contents.bytes
  }

  /// What joining by way of the whole tree gives, which the kernel's overlayfs agrees with (SquashTests).
  private func whole(_ layers: [[UInt8]]) throws -> [UInt8] {
    let sink = TarSink()
    let merge = LayerMerge(temporaryDirectory: "/tmp")
    merge.beginRun()
    for layer in layers { try merge.apply(source(layer), keepsData: true) }
    var difference = merge.difference()
    difference.find()
    try merge.send(difference, to: sink)
    try sink.finish()
    return sink.contents.bytes
  }

  @Test("Layers in tree order join straight through, to the same bytes as by way of the whole tree")
  func same() throws {
    var surprises = 0
    let count = 3000
    for seed in 0..<count {
      var random = OrderedLayers(seed: seed)
      let layers = try (0..<(1 + seed % 6)).map { _ in try random.tar() }
      guard let joined = try direct(layers) else {
        surprises += 1
        continue
      }
      if joined != (try whole(layers)) {
        let ours = try TreeListing.of(source(joined))
        let theirs = try TreeListing.of(source(whole(layers)))
        Issue.record("seed \(seed): \(theirs.differences(ours))")
      }
    }
    // Whiteouts that come behind what they might hide; most come before it.
    #expect(surprises < count / 3, "\(surprises)")
  }

  @Test("What is out of order is a surprise")
  func surprises() throws {
    for entries in [
      ["b", "a"], ["a", "a"], ["b => a", "a"], ["a/x", "a.b", "a/y"], ["d/x", "d/.wh..wh..opq"],
      ["c", ".wh.b"],
      ["a", "a/b"], ["x/y/.wh.z"],
    ] {
      #expect(
        try direct([HandmadeTar(["b", "c/d"]).finished, HandmadeTar(entries).finished]) == nil, "\(entries)")
    }
  }
}
