import Archive
import Cache
import Codec
import Digest
import Dockerfile
import Image
import OCI
import Posix
import Rootfs

/// Carries out the instructions of one stage.
struct StageBuilder {
  let state: StageState
  let plan: BuildPlan
  let stage: Int
  let request: BuildRequest
  let cache: LayerCache
  /// The tree of the context; nil without one.
  let context: ContextTree?
  /// Builds another stage, or gives it where it is built.
  let other: (Int) throws -> StageState
  /// The tree of an image or directory that is no stage.
  let outside: (String) throws -> any SourceTree
  var arguments: BuildArguments

  /// What an instruction came to.
  struct Outcome {
    /// Whether its layer was found; nil when it makes none.
    var isCached: Bool?
  }

  private func variable(_ name: String) -> String? { arguments.value(name, state.config) }

  /// Carries out one instruction.
  mutating func execute(_ instruction: BuildInstruction) throws -> Outcome {
    let snapshot = self
    let lookup: (String) -> String? = { snapshot.variable($0) }
    switch instruction.kind {
    case .run: throw instruction.error(BuildPlan.runIsRefused)
    case .maintainer(let name):
      state.author = name
      note("MAINTAINER \(name)", isEmpty: true)
      return Outcome()
    case .argument(let declarations):
      try arguments.declare(declarations, of: instruction, state.config)
      note("ARG \(instruction.text)", isEmpty: true)
      return Outcome()
    case .change(let change):
      let resolved = try change.resolved(lookup)
      if case .workingDirectory(let path) = resolved { return try enter(path) }
      state.config.apply(resolved, commandIsSet: &state.commandIsSet)
      note("\(instruction.name) \(instruction.text)", isEmpty: true)
      return Outcome()
    case .transfer(let transfer): return try copy(transfer, instruction, lookup)
    }
  }

  private func note(_ text: String, isEmpty: Bool) {
    state.history.append(History(createdBy: text, emptyLayer: isEmpty))
  }

  /// The time of what has none of its own.
  private func time(newest: Timestamp?) -> Timestamp {
    if let created = request.created { return Timestamp(seconds: created.seconds) }
    return Timestamp(seconds: (newest ?? state.newest)?.seconds ?? 0)
  }

  /// Finds a layer in the cache, or makes and keeps it.
  private func layer(
    _ key: CacheKey, createdBy: String, _ make: () throws -> LayerPlan
  ) throws -> Outcome {
    var outcome = Outcome(isCached: true)
    let layer: StageLayer?
    switch try cache.find(key) {
    case .noLayer: layer = nil
    case .layer(let found): layer = found
    case nil:
      layer = try cache.make(key, try make())
      outcome.isCached = false
    }
    note(createdBy, isEmpty: layer == nil)
    if var layer {
      layer.createdBy = createdBy
      state.tree.append(layer)
    }
    return outcome
  }

  // MARK: WORKDIR

  private func absolute(_ path: String, keepsSlash: Bool) -> String {
    let isDirectory = path.hasSuffix("/") || ["", ".", ".."].contains(path.split(separator: "/").last ?? "")
    var parts: [Substring] = []
    let start = path.hasPrefix("/") ? "" : (state.config.workingDirectory ?? "/") + "/"
    for part in (start + path).split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    let joined = "/" + parts.joined(separator: "/")
    return keepsSlash && isDirectory && joined != "/" ? joined + "/" : joined
  }

  private func enter(_ path: String) throws -> Outcome {
    let path = absolute(path, keepsSlash: false)
    state.config.apply(.workingDirectory(path), commandIsSet: &state.commandIsSet)
    let createdBy = "WORKDIR \(path)"
    if path == "/" {
      note(createdBy, isEmpty: true)
      return Outcome()
    }
    let owner = state.config.user ?? ""
    let time = time(newest: nil)
    var key = cache.key("WORKDIR", on: state.tree.layers)
    key.add("path", path)
    key.add("owner", owner)
    key.add("time", time.seconds)
    return try layer(key.finish(), createdBy: createdBy) {
      let plan = LayerPlan(on: state.tree)
      let target = try plan.resolve(Array(path.utf8).split(separator: 0x2f), followsLast: true)
      if try plan.entry(at: target)?.entry.kind == .directory { return plan }
      let (user, group) = try Owners(tree: state.tree).numbers(of: owner)
      plan.defaults = LayerPlan.Defaults(user: user, group: group, time: time)
      try plan.makeDirectory(target)
      return plan
    }
  }

  // MARK: COPY and ADD

  private func copy(
    _ transfer: Transfer, _ instruction: BuildInstruction, _ lookup: @escaping (String) -> String?
  ) throws -> Outcome {
    let words = try TransferWords(transfer, instruction, lookup)
    let destination = absolute(words.destination, keepsSlash: true)
    var key = cache.key(instruction.name, on: state.tree.layers)
    key.add("destination", destination)
    words.add(to: &key)

    var gathered: [GatheredSource] = []
    var late: [(text: String, position: SourcePosition, tree: any SourceTree, name: String)] = []
    var downloads: [Int: Download] = [:]
    for source in words.sources {
      switch source {
      case .text(let name, let content):
        var entry = Entry(.root, .file, size: UInt64(content.count))
        // Its time is that of the instruction; see below.
        entry.modified = Timestamp(seconds: .min)
        gathered.append(
          GatheredSource(
            name: Array(name.utf8),
            entries: [(.root, SourceEntry(entry: entry, origin: .bytes(content)))]))
        key.add("text", content)
      case .path(let text, let position) where transfer.isAdd && text.contains("://"):
        let download = try fetch(text, position, words.checksum, instruction)
        guard let name = download.name ?? (destination.hasSuffix("/") ? nil : Array("file".utf8)) else {
          throw StepProblem("\(text) says no file name: give the destination one", at: position)
        }
        downloads[gathered.count] = download
        let origin = DataOrigin.blob(download.file.blob)
        gathered.append(
          GatheredSource(
            name: name, entries: [(.root, SourceEntry(entry: download.entry, origin: origin))]))
        key.add("url", download.file.state.digest.bytes)
        key.add("modified", download.entry.modified.seconds)
      case .path(let text, let position):
        if transfer.isAdd, text.hasPrefix("git@") {
          throw StepProblem("repositories are not fetched", at: position)
        }
        if let from = transfer.from {
          let (tree, name) = try self.tree(from, instruction)
          if let stage = tree as? StageTree {
            // Its layers say all about it, so it need not be read to look the step up.
            for layer in stage.layers { key.add("from", layer.diffID.bytes) }
            late.append((text, position, stage, name))
            continue
          }
          gathered += try gathering(tree, name, words).gather(text, at: position)
        } else {
          guard let context else { throw StepProblem("there is no build context", at: position) }
          gathered += try gathering(context, "the build context", words).gather(text, at: position)
        }
      }
    }
    for source in gathered { source.add(to: &key) }
    let newest = gathered.flatMap(\.entries).map(\.source.entry.modified).max()
      .flatMap { $0.seconds == .min ? nil : $0 }
    let instructionTime = time(newest: newest)
    key.add("time", instructionTime.seconds)

    let createdBy = words.description(instruction.name)
    return try layer(key.finish(), createdBy: createdBy) {
      for source in late {
        gathered += try gathering(source.tree, source.name, words).gather(source.text, at: source.position)
      }
      let plan = LayerPlan(on: state.tree)
      plan.replacesLinks = transfer.isLinked
      var placing = Placing(
        plan: plan, destination: destination, isLinked: transfer.isLinked,
        keepsParents: transfer.keepsParents)
      if let owner = words.owner {
        (placing.user, placing.group) = try Owners(tree: state.tree).numbers(of: owner)
      }
      placing.mode = words.mode
      let latest =
        late.isEmpty
        ? instructionTime : time(newest: gathered.flatMap(\.entries).map(\.source.entry.modified).max())
      plan.defaults = LayerPlan.Defaults(user: placing.user, group: placing.group, time: latest)
      let isSeveral = words.sources.count > 1 || gathered.count > 1
      if isSeveral, !transfer.keepsParents, try !placing.destinationIsDirectory(),
        words.sources.count > 1 || !gathered.contains(where: \.isDirectory)
      {
        throw StepProblem(
          "several sources go into a directory: end the destination with a slash",
          at: transfer.destination.position)
      }
      for (index, var source) in gathered.enumerated() {
        if transfer.isAdd, try unpack(source, downloads[index], transfer.unpacks, placing) { continue }
        for place in source.entries.indices where source.entries[place].source.entry.modified.seconds == .min
        {
          source.entries[place].source.entry.modified = latest
        }
        try placing.place(source)
      }
      return plan
    }
  }

  private func gathering(_ tree: any SourceTree, _ name: String, _ words: TransferWords) -> Gathering {
    Gathering(tree: tree, name: name, excludes: words.excludes, keepsParents: words.keepsParents)
  }

  private func tree(
    _ from: Word, _ instruction: BuildInstruction
  ) throws -> (any SourceTree, name: String) {
    if from.text.contains("$") {
      throw instruction.error(
        .refused("--from takes no variables: give a stage that name with FROM $… AS NAME"), at: from.position)
    }
    if let number = try plan.stage(from: from.text, in: stage) {
      return (try other(number).tree, "the stage \"\(plan.label(number))\"")
    }
    do { return (try outside(from.text), "\"\(from.text)\"") } catch let error as StepProblem {
      throw StepProblem(error.description, at: from.position)
    }
  }

  private func fetch(
    _ url: String, _ position: SourcePosition, _ checksum: Digest?, _ instruction: BuildInstruction
  ) throws -> Download {
    guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
      throw StepProblem("\"\(url)\": only http and https URLs are fetched", at: position)
    }
    if url.hasSuffix(".git") || url.contains(".git#") {
      throw StepProblem("\(url): repositories are not fetched", at: position)
    }
    let digest = checksum ?? request.digests[url]
    let files = RemoteFiles(cache.cache, usesCache: request.usesCache)
    do { return try Download(url, expecting: digest, from: files) } catch let error as RemoteFileError {
      let who = checksum == nil ? "--url-digest" : "--checksum"
      throw StepProblem("\(error.url) has the digest \(error.digest), but \(who) says \(error.expected)")
    }
  }

  /// Unpacks a source that is an archive; false for one that isn't.
  private func unpack(
    _ source: GatheredSource, _ download: Download?, _ asked: Bool?, _ placing: Placing
  ) throws -> Bool {
    // What was fetched is only unpacked when that is asked for.
    guard asked ?? (download == nil), let file = source.entries.first?.source, file.entry.kind == .file else {
      return false
    }
    let bytes: any ByteSource
    switch file.origin {
    case .context(let tree, let entry, _): bytes = try tree.open(entry)
    case .blob(let blob): bytes = blob.open()
    case .spool(let spool, let offset): bytes = RangeSource(spool.raw, offset: offset, count: file.entry.size)
    default: return false
    }
    guard let archive = try openAddedArchive(bytes) else { return false }
    try placing.unpack(archive, into: try Spool(in: temporaryDirectory()))
    return true
  }
}
