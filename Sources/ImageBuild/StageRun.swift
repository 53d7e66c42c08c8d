import Cache
import Digest
import Posix
import Recipe
import SystemPackage

/// Finds the result of one stage, or makes it.
struct StageRun: Sendable {
  var recipe: Recipe
  var build: Recipe.Build
  var stage: Stage
  nonisolated(unsafe) var prepared: PreparedStage
  var context: BuildContext
  var layouts: Layouts

  private var folder: FilePath { absolute(recipe.location.file.removingLastComponent()) }
  /// What the image is called where several are spoken of.
  private var label: String { recipe.builds.count > 1 ? "\(recipe.name) \(build.platform)" : recipe.name }

  private var historyName: String {
    "\(absolute(recipe.location.file)) \(recipe.name) \(build.platform) \(stage.name)"
  }

  /// - Returns: the image, nil in a dry run that would make it; and what became of the stage.
  func resolve() throws -> (StageResult?, BuildSummary.Stage) {
    let key = prepared.key.cacheKey()
    var report = BuildSummary.Stage(name: stage.name, tool: stage.tool, status: .cached)
    if case .result(let result) = try context.store.find(key) { return try found(result, report) }
    if context.settings.isDryRun {
      report.status = .wouldBuild
      let reason = try reason(key)
      report.reason = reason
      let lines = try commandLines("STAGE")
      report.commands = lines
      context.observer.tell(
        .wouldBuild(image: label, stage: stage.name, reason: reason, lines: lines))
      return (nil, report)
    }
    let lock = try KeyLock("stage-\(key.digest.hex)", in: context.store.cache.directory) {
      context.observer.tell(.waiting(image: label, stage: stage.name))
    }
    defer { withExtendedLifetime(lock) {} }
    // Somebody else may have made it meanwhile.
    if case .result(let result) = try context.store.find(key) { return try found(result, report) }
    let reason = try reason(key)
    let start = ContinuousClock.now
    let (result, lines) = try make(key, reason)
    try context.store.setHistory(prepared.key, historyName)
    report.status = .built
    report.reason = reason
    report.commands = lines
    report.duration = ContinuousClock.now - start
    report.digest = result.digest
    report.isKept = !result.marks.isEmpty
    context.observer.tell(.finished(image: label, stage: stage.name, duration: report.duration))
    return (result, report)
  }

  private func found(
    _ result: StageResult, _ report: BuildSummary.Stage
  ) throws -> (StageResult?, BuildSummary.Stage) {
    var report = report
    report.digest = result.digest
    try context.store.setHistory(prepared.key, historyName)
    layouts.note(result) { [self] in
      // Its blobs were removed after they were found: it is made again.
      let lock = try KeyLock("stage-\(prepared.key.cacheKey().digest.hex)", in: context.store.cache.directory) {}
      defer { withExtendedLifetime(lock) {} }
      return try make(prepared.key.cacheKey(), .evicted(1)).0
    }
    context.observer.tell(.cached(image: label, stage: stage.name))
    return (result, report)
  }

  private func reason(_ key: CacheKey) throws -> BuildReason {
    guard let history = try context.store.history(historyName) else {
      if case .evicted(let count) = try context.store.find(key) { return .evicted(count) }
      return .neverBuilt
    }
    if history == prepared.key {
      if case .evicted(let count) = try context.store.find(key) { return .evicted(count) }
      return BuildReason(sentences: ["evicted: its record is no longer in the cache"])
    }
    return BuildReason(from: history, to: prepared.key) { context.fingerprints.listing($0) }
  }

  private func make(_ key: CacheKey, _ reason: BuildReason) throws -> (StageResult, [String]) {
    for input in prepared.inputs { try layouts.ensure(input) }
    return try context.slots.run(memory: prepared.memory) {
      let work = try context.folder.makeStageFolder()
      defer { if !Ending.isUnderway { try? removeTree(work) } }
      let shown = try commandLines(work)
      context.observer.tell(
        .started(image: label, stage: stage.name, reason: reason, lines: shown))
      try prepared.furnish(work)
      var output: [UInt8] = []
      for line in try prepared.lines(work) {
        output = try context.tools.run(line, in: folder) {
          context.observer.tell(.line(image: label, $0))
        }
      }
      var known: [String: BuiltLayer] = [:]
      for layer in prepared.inputs.flatMap(\.layers) { known[layer.digest] = layer }
      let result = try context.store.take(work.appending("out"), told: output, known: known)
      if !result.marks.isEmpty { try context.store.keep(result, under: key) }
      return (result, shown)
    }
  }

  /// The command lines as somebody would type them.
  private func commandLines(_ work: FilePath) throws -> [String] {
    try prepared.lines(work).map { line in
      (["garboard-\(line.tool)"] + line.words).map(Self.quoted).joined(separator: " ")
    }
  }

  private static func quoted(_ word: String) -> String {
    let isPlain = !word.isEmpty && word.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
        || "-_=./:,@%+".utf8.contains($0)
    }
    return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
  }
}

/// The layouts through which images are handed to tools.
final class Layouts: Sendable {
  let store: StageStore
  /// Makes an image again, by digest.
  private let makers = Monitor<[String: @Sendable () throws -> StageResult]>([:])
  private let busy = Monitor<Set<String>>([])

  init(store: StageStore) { self.store = store }

  /// Notes how an image that was found is made again, should the cache lose it.
  func note(_ result: StageResult, _ make: @escaping @Sendable () throws -> StageResult) {
    makers.change { if $0[result.digest] == nil { $0[result.digest] = make } }
  }

  /// Makes sure that the layout of an image is there.
  func ensure(_ result: StageResult) throws {
    // One at a time for each image.
    busy.wait { $0.insert(result.digest).inserted ? () : nil }
    defer { busy.change { _ = $0.remove(result.digest) } }
    if store.hasLayout(result) { return }
    if try store.materialise(result) { return }
    guard let make = makers.change({ $0[result.digest] }) else {
      throw ImageBuildError("\(result.digest) was removed from the cache meanwhile; build again")
    }
    let made = try make()
    if made.digest != result.digest {
      throw ImageBuildError(
        "\(result.digest) was removed from the cache and came out otherwise; build again")
    }
  }
}
