public import Archive
public import Codec
public import Digest
public import Dockerfile
public import Image
public import OCI
import Posix
public import Rootfs

/// What a squash does to each image.
public struct SquashOptions: Sendable {
  /// Which layers become one.
  public var selection = SquashSelection.all
  /// How the metadata of the joined layers is changed; its rules are not looked at.
  public var filter = EntryFilter()
  /// What the joined layers leave out.
  public var removals: [Removal] = []
  /// Where files with the same content become one; nil for nowhere.
  public var dedupe: Dedupe?
  /// Whether the history keeps the entries of the joined layers.
  public var keepsHistory = false
  /// A remark for the history.
  public var message: String?
  /// Instructions that change the configuration.
  public var changes: [Instruction] = []
  /// Annotations of the manifest, besides those that it has.
  public var annotations: [String: String] = [:]
  /// When the image was made; as the image says when nil, and else by the newest time in the joined layers.
  public var created: CreationTime?
  /// How joined layers are compressed.
  public var compression = CompressionSettings.default
  /// How many bytes of files stay in memory.
  public var spoolMemory: UInt64 = 16 << 20
  /// Bounds on the archives of layers.
  public var archiveLimits = ArchiveLimits()
  /// Bounds on their decompression.
  public var expansionLimits = ExpansionLimits.default

  /// Joins all layers, and changes nothing.
  public init() { filter.keepsMachineAttributes = true }
}

/// A layer before or after, for people.
public struct SquashedLayer: Sendable {
  /// Media type, digest and size of the stored bytes.
  public var descriptor: OCI.Descriptor
  /// The digest of the uncompressed tar.
  public var diffID: Digest
  /// The bytes of the uncompressed tar.
  public var uncompressedSize: UInt64
  /// Its entries.
  public var entries: UInt64
  /// What made it, where that is known.
  public var createdBy: String?
}

/// What became of an image.
public struct SquashedImage: Sendable {
  /// The image, whose layers are stored.
  public var image: ImageToStore
  /// Its layers before.
  public var before: [SquashedLayer]
  /// Its layers now.
  public var after: [SquashedLayer]
  /// What each removal and the search for duplicates saved; nil when no layers were joined.
  public var savings: [SquashSaving]?
  /// How many paths are in the tree that were to be left out: from layers that stay above joined ones.
  public var leftovers = 0
}

/// Joins layers of images, reading each stored byte once.
public struct Squasher {
  /// What is done.
  public var options: SquashOptions
  /// Takes the number of stored bytes with each piece that was read.
  public var read: @Sendable (Int) -> Void = { _ in }
  /// Watches the entries of each joined layer: what it gives back stands before the layer's writer.
  public var joining: (any EntrySink) -> any EntrySink = { $0 }
  /// Hears that what the last `joining` watched was given up, and comes again from its start.
  public var discarding: () -> Void = {}
  /// Hears of each layer that stays as it is, with its number from 1, in order with `joining`.
  public var keeping: (Layer, Int) throws -> Void = { _, _ in }
  private let outputs: ImageOutputs

  /// Writes layers to `outputs`, which the caller finishes.
  public init(_ options: SquashOptions, to outputs: ImageOutputs) {
    self.options = options
    self.outputs = outputs
  }

  /// Joins layers of one image.
  ///
  /// - Throws: `SquashSelectionError`, `LayerReadingError`, `ImageError`, `DockerfileError` and `PosixError`.
  public func squash(_ image: Image) throws -> SquashedImage {
    let runs = try options.selection.runs(of: image.layers)
    let merge = LayerMerge(temporaryDirectory: temporaryDirectory(), memory: options.spoolMemory)
    var before: [SquashedLayer] = []
    var after: [SquashedLayer] = []
    var newest: Timestamp?
    var entries: [History?] = []
    var savings: [SquashSaving]?
    for run in runs {
      if run.isJoined {
        let (layers, written, saved) = try join(run, of: image, merge)
        before += layers
        if var sum = savings {
          for index in sum.indices { sum[index].add(saved[index]) }
          savings = sum
        } else {
          savings = saved
        }
        if let time = written.newest { newest = max(newest ?? time, time) }
        var history = History(createdBy: Self.words(run, image), comment: options.message)
        // Nothing was done to a layer that is as it was.
        if run.layers.count == 1, let own = image.layers[run.layers.lowerBound].history,
          image.layers[run.layers.lowerBound].diffID == written.diffID, options.message == nil
        {
          history = own
        }
        entries.append(history)
        after.append(
          SquashedLayer(
            descriptor: written.descriptor, diffID: written.diffID,
            uncompressedSize: written.uncompressedSize, entries: written.entries, createdBy: history.createdBy
          ))
      } else {
        entries.append(nil)
        for index in run.layers { before.append(try read(image, index, onto: merge, isJoined: false)) }
        after += before.suffix(run.layers.count)
      }
    }
    let created =
      options.created ?? image.config.content.created
      ?? newest.map { CreationTime(seconds: $0.seconds, nanoseconds: $0.nanoseconds) }
    for index in entries.indices where entries[index]?.created == nil { entries[index]?.created = created }
    var assembly = ImageAssembly(replacingLayersOf: image)
    assembly.created = created
    assembly.changes = options.changes
    assembly.annotations.merge(options.annotations) { _, new in new }
    assembly.history = SquashHistory(of: image).after(runs, joined: entries, keeps: options.keepsHistory)
    assembly.layers = after.map { NewLayer($0.descriptor, diffID: $0.diffID, history: History()) }
    var squashed = SquashedImage(
      image: try assembly.assemble(), before: before, after: after, savings: savings)
    if savings != nil, runs.last?.isJoined == false, !options.removals.isEmpty {
      squashed.leftovers = LeftOut(options.removals, of: merge.difference(), in: merge.stack).nodes.count
    }
    return squashed
  }

  /// What is said to have made a layer: the diff IDs of those that were joined.
  private static func words(_ run: LayerRun, _ image: Image) -> String {
    (["garboard-squash"] + run.layers.map { image.layers[$0].diffID.short }).joined(separator: " ")
  }

  private func reading(_ layer: Layer, _ index: Int) -> LayerReading {
    var reading = LayerReading(layer.descriptor, diffID: layer.diffID, number: index + 1)
    reading.archiveLimits = options.archiveLimits
    reading.expansionLimits = options.expansionLimits
    return reading
  }

  /// Reads a layer, and stores it as it is unless it is to be joined.
  private func read(
    _ image: Image, _ index: Int, onto merge: LayerMerge, isJoined: Bool
  ) throws -> SquashedLayer {
    let layer = image.layers[index]
    let digest = layer.descriptor.digest
    var copy: BlobSink?
    if !isJoined, let writer = outputs.writer, !writer.has(digest) { copy = try writer.beginBlob() }
    let read = read
    let size = try reading(layer, index).read(
      try layer.open(),
      tap: { [copy] bytes in
        try copy?.write(bytes)
        read(bytes.count)
      }
    ) { source in try merge.apply(source, keepsData: isJoined) }
    if let copy { try outputs.writer?.endBlob(copy, digest: digest) }
    if !isJoined { try keeping(layer, index + 1) }
    return SquashedLayer(
      descriptor: layer.descriptor, diffID: layer.diffID, uncompressedSize: size,
      entries: merge.stack.layers[index].entries, createdBy: layer.history?.createdBy)
  }

  /// Reads the layers of a run and writes the one that they become.
  private func join(
    _ run: LayerRun, of image: Image, _ merge: LayerMerge
  ) throws -> (before: [SquashedLayer], layer: WrittenLayer, savings: [SquashSaving]) {
    var before: [SquashedLayer] = []
    var plan: JoinPlan?
    let layer = try outputs.writeLayer(options.compression) { sink in
      let watched = joining(sink)
      if run.layers == image.layers.indices, let read = try joinDirectly(image, into: sink, watched) {
        before = read
        return
      }
      merge.beginRun()
      for index in run.layers { before.append(try read(image, index, onto: merge, isJoined: true)) }
      let made = try self.plan(merge, of: image)
      plan = made
      try merge.send(made.difference, shape: made.shape, to: watched)
    }
    // For layers that follow it matters what was left out.
    if let plan, run.layers.upperBound < image.layers.count { merge.remove(plan.leftOut.nodes) }
    return (before, layer, plan?.savings ?? [])
  }

  /// Joins all layers straight through.
  ///
  /// - Returns: what was read; nil, with nothing in the sink, where the layers need to be looked at as a whole.
  private func joinDirectly(
    _ image: Image, into sink: LayerWriter, _ watched: any EntrySink
  ) throws -> [SquashedLayer]? {
    let count = image.layers.count
    guard options.removals.isEmpty, options.dedupe == nil, count <= Self.mostLayersAtOnce else { return nil }
    let read = read
    let ahead = Self.mostAhead / max(1, count)
    var open: [OpenLayer] = []
    defer { for layer in open { layer.close() } }
    for (index, layer) in image.layers.enumerated() {
      open.append(
        try OpenLayer(
          reading(layer, index), try layer.open(), ahead: ahead, tap: { read($0.count) }))
    }
    let merge = DirectMerge(
      open, temporaryDirectory: temporaryDirectory(), memory: options.spoolMemory, metadata: metadata,
      to: watched)
    do {
      try merge.join()
    } catch is DirectMerge.Surprise {
      try sink.discard()
      discarding()
      return nil
    }
    return zip(image.layers, zip(open, merge.entries)).map { layer, read in
      SquashedLayer(
        descriptor: layer.descriptor, diffID: layer.diffID, uncompressedSize: read.0.size, entries: read.1,
        createdBy: layer.history?.createdBy)
    }
  }

  /// The most layers that are read side by side: each has threads and buffers of its own.
  private static let mostLayersAtOnce = 32
  /// How many bytes are decompressed ahead of the merge, in all layers together: while the data of one layer
  /// go through, the others' threads work ahead.
  private static let mostAhead = 16 << 20

  /// How metadata is changed on the way out.
  private var metadata: (inout Entry) -> Void {
    var filter = options.filter
    filter.rules = []
    return { [filter] entry in _ = filter.judge(&entry) }
  }

  /// What the layer of a run will hold.
  private struct JoinPlan {
    var difference: LayerDifference
    var shape = LayerMerge.Shape()
    var leftOut: LeftOut
    var savings: [SquashSaving] = []
  }

  private func plan(_ merge: LayerMerge, of image: Image) throws -> JoinPlan {
    var difference = merge.difference()
    var shape = LayerMerge.Shape()
    shape.metadata = metadata
    let leftOut = LeftOut(options.removals, of: difference, in: merge.stack)
    for node in leftOut.nodes { difference.omit(node) }
    var kept: Set<LayerStack.FileID> = []
    if !leftOut.nodes.isEmpty {
      let database = DpkgDatabase(merge.stack, difference)
      try keepAgain(database.needed.filter { !difference.isNew($0) }, &kept, merge, image)
      for edit in try database.edited(difference, in: merge) {
        difference.rewrite(edit.node)
        shape.contents[edit.file] = edit.content
      }
    }
    difference.find()
    try keepAgain(difference.oldFiles, &kept, merge, image)
    var plan = JoinPlan(difference: difference, shape: shape, leftOut: leftOut, savings: leftOut.savings)
    if let dedupe = options.dedupe {
      let found = try dedupe.find(difference, in: merge, shape: shape)
      plan.shape.duplicates = found.duplicates
      plan.savings.append(found.saving)
    }
    return plan
  }

  /// Reads files from layers below the run, those that weren't yet.
  private func keepAgain(
    _ files: [LayerStack.FileID], _ kept: inout Set<LayerStack.FileID>, _ merge: LayerMerge, _ image: Image
  ) throws {
    let wanted = files.filter { !kept.contains($0) }
    for index in Set(wanted.map { Int(merge.stack[$0].layer) }).sorted() {
      let layer = image.layers[index]
      _ = try reading(layer, index).read(try layer.open()) { source in
        try merge.keepAgain(source, layer: index, files: wanted)
      }
    }
    kept.formUnion(wanted)
  }
}
