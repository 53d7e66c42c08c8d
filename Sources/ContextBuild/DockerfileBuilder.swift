import Archive
public import Cache
public import Digest
import Dockerfile
public import Image
public import OCI
import Posix
public import Rootfs
import SystemPackage

/// A layer of an image that was built.
public struct BuiltLayer: Sendable {
  /// Media type, digest and size of the stored bytes.
  public var descriptor: OCI.Descriptor
  /// The digest of the uncompressed tar.
  public var diffID: Digest
  /// The bytes of the uncompressed tar.
  public var uncompressedSize: UInt64
  /// Its entries.
  public var entries: UInt64
  /// What made it.
  public var createdBy: String
}

/// An image that was built; its layers are stored.
public struct BuiltImage: Sendable {
  /// Its documents.
  public var image: ImageToStore
  /// Its layers, the lowest first.
  public var layers: [BuiltLayer]
}

/// Builds the image that a Dockerfile describes.
///
/// Each instruction that changes files makes a layer, which is kept in the cache. Nothing is published: the
/// caller finishes the outputs when all is well.
public final class DockerfileBuilder {
  private let request: BuildRequest
  private let plan: BuildPlan
  private let cache: LayerCache
  private let context: ContextTree?
  private let images: BaseImages
  private var stages: [Int: StageState] = [:]
  private var outside: [String: any SourceTree] = [:]
  private let clock = ContinuousClock()
  /// Is told of each step when it is done.
  public var onStep: (BuildStep) -> Void = { _ in }

  /// Reads the Dockerfile, and refuses what can be refused before anything is done.
  ///
  /// - Throws: `BuildError`, `PosixError`.
  public init(_ request: BuildRequest, cache: Cache) throws {
    self.request = request
    plan = try BuildPlan(request)
    self.cache = LayerCache(
      cache: cache, isRead: request.usesCache, compression: request.compression, jobs: request.jobs)
    context = try request.context.map { try ContextTree($0, ignoring: request.ignored) }
    images = BaseImages(contexts: request.contexts, remote: request.remote)
    try plan.check(try plan.target(request.target))
  }

  /// What is deprecated in the Dockerfile, or likely a mistake.
  public var warnings: [String] {
    plan.dockerfile.warnings.map { "\(BuildError($0.text, in: request.file, at: $0.position))" }
      + plan.unusedArguments.map { "the build argument \($0) is used by no ARG" }
  }

  /// Builds the image and writes its layers.
  ///
  /// - Throws: `BuildError`, and what reading and writing images throws.
  public func build(to outputs: ImageOutputs, isPlain: Bool) throws -> BuiltImage {
    let state = try stage(try plan.target(request.target), [])
    let newest = state.newest
    var assembly = state.base.map { ImageAssembly(base: $0) } ?? ImageAssembly(platform: .host)
    let detected = state.tree.layers.compactMap(\.platform).first
    assembly.platform = state.platform ?? detected ?? .host
    assembly.created =
      request.created ?? newest.map { CreationTime(seconds: $0.seconds, nanoseconds: $0.nanoseconds) }
    assembly.author = state.author
    assembly.runtime = state.config
    assembly.changes = request.changes
    assembly.annotations = request.annotations
    var built: [BuiltLayer] = []
    var history = state.history
    let own = state.tree.layers.filter { !$0.isBase }
    if isPlain {
      built = [try join(state.tree.layers[...], from: 0, outputs, of: state)]
      Self.join(&history, from: 0)
    } else {
      let joins = request.joinsLayers && own.count > 1
      let base = state.tree.layers.count - own.count
      for index in state.tree.layers.indices where !joins || index < base {
        built.append(try store(state.tree.layers[index], index, outputs))
      }
      if joins {
        built.append(try join(state.tree.layers[...], from: base, outputs, of: state))
        Self.join(&history, from: state.base == nil ? 0 : Self.count(history, layers: base))
      }
    }
    let start = state.base?.config.content.history.count ?? 0
    for index in history.indices where index >= start || state.base == nil {
      history[index].created = assembly.created
    }
    assembly.history = history
    let below = isPlain ? 0 : state.tree.layers.count - own.count
    if isPlain, let base = state.base {
      assembly = Self.alone(assembly, base)
    }
    assembly.layers = built.dropFirst(below).map {
      NewLayer($0.descriptor, diffID: $0.diffID, history: History())
    }
    do {
      return BuiltImage(image: try assembly.assemble(), layers: built)
    } catch { throw BuildError(error, in: "--change") }
  }

  /// The same image without the layers that it stands on.
  private static func alone(_ assembly: ImageAssembly, _ base: Image) -> ImageAssembly {
    var alone = ImageAssembly(replacingLayersOf: base)
    alone.platform = assembly.platform
    alone.created = assembly.created
    alone.author = assembly.author
    alone.runtime = assembly.runtime
    alone.changes = assembly.changes
    alone.annotations = assembly.annotations
    alone.history = assembly.history
    return alone
  }

  /// How many entries of a history are about the first layers, and those without one between them.
  private static func count(_ history: [History], layers: Int) -> Int {
    var left = layers
    for (index, entry) in history.enumerated() {
      if left == 0, !entry.emptyLayer { return index }
      if !entry.emptyLayer { left -= 1 }
    }
    return history.count
  }

  /// The history after layers became one: the first of them stands for it.
  private static func join(_ history: inout [History], from start: Int) {
    for index in history.indices where index >= start { history[index].emptyLayer = true }
    history.append(History(createdBy: "garboard-scratch --single-layer"))
  }

  /// Gives the tree of the image that was built to a sink, in canonical order.
  public func sendTree(to sink: any EntrySink) throws {
    let layers = try stage(try plan.target(request.target), []).tree.layers
    let merge = LayerMerge(temporaryDirectory: temporaryDirectory(), memory: 16 << 20)
    merge.beginRun()
    for (index, layer) in layers.enumerated() {
      let reading = LayerReading(layer.descriptor, diffID: layer.diffID, number: index + 1)
      _ = try reading.read(try layer.open()) { try merge.apply($0, keepsData: true) }
    }
    var difference = merge.difference()
    difference.find()
    try merge.send(difference, to: sink)
  }

  // MARK: Stages

  private func stage(_ number: Int, _ path: [Int]) throws -> StageState {
    if let done = stages[number] { return done }
    let from = plan.dockerfile.stages[number]
    if path.contains(number) {
      throw plan.error(BuildPlan.circle, at: from.position)
    }
    let start = clock.now
    let (text, base) = try plan.base(of: number)
    let platform = try plan.platform(of: number) ?? request.platform
    let state: StageState
    do {
      if let base {
        state = StageState(on: try stage(base, path + [number]))
      } else if text == "scratch" {
        state = StageState(scratchFor: platform)
      } else {
        if plan.dockerfile.stages[number...].contains(where: { $0.name == text.lowercased() }) {
          throw StepProblem("the stage \"\(text)\" is not above this one")
        }
        guard case .image(let image) = try images.find(text, platform: platform) else {
          throw StepProblem("\"\(text)\" stands for a directory, and a stage needs an image")
        }
        state = StageState(on: image)
      }
    } catch { throw plan.located(error, "FROM", from.base.position) }
    let label = plan.label(number)
    let triggers = state.config.onBuild
    state.config.onBuild = []
    let count = from.instructions.count + 1 + triggers.count
    var step = BuildStep(
      stage: label, number: 1, count: count, text: "FROM \(text)", isCached: nil,
      duration: clock.now - start)
    onStep(step)
    var builder = StageBuilder(
      state: state, plan: plan, stage: number, request: request, cache: cache, context: context,
      other: { [self] in try stage($0, path + [number]) }, outside: { [self] in try tree(of: $0) },
      arguments: BuildArguments(given: request.arguments, globals: plan.globals))
    for text in triggers {
      let trigger: BuildInstruction
      do { trigger = try BuildInstruction.parse(trigger: text) } catch {
        throw plan.error("ONBUILD \(text): \(error.reason)", at: from.base.position)
      }
      try execute(trigger, &builder, &step, at: from.base.position)
    }
    for instruction in from.instructions { try execute(instruction, &builder, &step, at: nil) }
    stages[number] = state
    return state
  }

  private func execute(
    _ instruction: BuildInstruction, _ builder: inout StageBuilder, _ step: inout BuildStep,
    at trigger: SourcePosition?
  ) throws {
    let start = clock.now
    do {
      step.isCached = try builder.execute(instruction).isCached
    } catch {
      if let trigger {
        let problem =
          (error as? StepProblem)?.description ?? (error as? DockerfileError).map { "\($0.reason)" }
        throw plan.located(StepProblem(problem ?? "\(error)"), "ONBUILD \(instruction.name)", trigger)
      }
      throw plan.located(error, instruction.name, instruction.position)
    }
    step.number += 1
    step.text = "\(instruction.name) \(instruction.text)"
    step.duration = clock.now - start
    onStep(step)
  }

  private func tree(of name: String) throws -> any SourceTree {
    if let known = outside[name] { return known }
    let tree: any SourceTree
    switch try images.find(name, platform: request.platform) {
    case .image(let image): tree = StageTree(layers(of: image))
    case .directory(let path): tree = try ContextTree(path, ignoring: IgnorePatterns())
    }
    outside[name] = tree
    return tree
  }

  // MARK: Storing

  /// Copies a layer to where the image goes.
  private func store(_ layer: StageLayer, _ index: Int, _ outputs: ImageOutputs) throws -> BuiltLayer {
    let digest = layer.descriptor.digest
    var sink: BlobSink?
    if let writer = outputs.writer, !writer.has(digest) { sink = try writer.beginBlob() }
    var size = layer.uncompressedSize
    var entries = layer.entries
    if sink != nil || size == nil || entries == nil {
      let tap: @Sendable (UnsafeRawBufferPointer) throws -> Void = { [sink] in try sink?.write($0) }
      if size != nil, entries != nil {
        // It was verified when it was found or made.
        let source = try layer.open()
        try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 4096) { buffer in
          while case let count = try source.read(into: buffer), count > 0 {
            try tap(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
          }
        }
      } else {
        let reading = LayerReading(layer.descriptor, diffID: layer.diffID, number: index + 1)
        var count: UInt64 = 0
        size = try reading.read(try layer.open(), tap: tap) { source in
          while try source.next() != nil { count += 1 }
        }
        entries = count
      }
    }
    if let sink { try outputs.writer?.endBlob(sink, digest: digest) }
    return BuiltLayer(
      descriptor: layer.descriptor, diffID: layer.diffID, uncompressedSize: size ?? 0, entries: entries ?? 0,
      createdBy: layer.createdBy ?? "")
  }

  /// Writes the one layer that several make.
  private func join(
    _ layers: ArraySlice<StageLayer>, from start: Int, _ outputs: ImageOutputs, of state: StageState
  ) throws -> BuiltLayer {
    let merge = LayerMerge(temporaryDirectory: temporaryDirectory(), memory: 16 << 20)
    for (index, layer) in layers.enumerated() {
      if index == start { merge.beginRun() }
      let reading = LayerReading(layer.descriptor, diffID: layer.diffID, number: index + 1)
      _ = try reading.read(try layer.open()) { try merge.apply($0, keepsData: index >= start) }
    }
    if start >= layers.count { merge.beginRun() }
    var difference = merge.difference()
    difference.find()
    for index in Set(difference.oldFiles.map({ Int(merge.stack[$0].layer) })).sorted() {
      let layer = layers[index]
      let reading = LayerReading(layer.descriptor, diffID: layer.diffID, number: index + 1)
      _ = try reading.read(try layer.open()) {
        try merge.keepAgain($0, layer: index, files: difference.oldFiles)
      }
    }
    let written = try outputs.writeLayer(request.compression) { try merge.send(difference, to: $0) }
    return BuiltLayer(
      descriptor: written.descriptor, diffID: written.diffID, uncompressedSize: written.uncompressedSize,
      entries: written.entries, createdBy: "garboard-scratch --single-layer")
  }
}
