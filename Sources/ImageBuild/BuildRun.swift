import Cache
import Digest
import Posix
import Recipe
import SystemPackage

/// One run: the graph of builds, and what became of each.
final class BuildRun: Sendable {
  /// One platform of one recipe.
  private struct BuildID: Hashable {
    var recipe: String
    var platform: String
  }

  private enum Outcome {
    case made(StageResult)
    /// A dry run can't tell what would come out.
    case unknown
    case failed
  }

  private struct State {
    var outcomes: [BuildID: Outcome] = [:]
    /// Whether nothing new is begun, since something failed.
    var isStopping = false
  }

  private let recipes: [String: Recipe]
  private let context: BuildContext
  private let layouts: Layouts
  private let state = Monitor(State())

  init(
    _ recipes: [Recipe], settings: BuildSettings, cache: Cache, tools: ToolSet, observer: BuildObserver
  ) throws {
    self.recipes = Dictionary(recipes.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let store = StageStore(cache: cache, folder: try BuildFolder(in: absolute(cache.directory)))
    let fingerprints = InputFingerprints(cache: cache)
    let archives = ArchiveStates(cache: cache, isOffline: settings.isOffline)
    let slots = BuildSlots(count: settings.jobs)
    let layouts = Layouts(store: store)
    let plans = PackagePlans(
      store: store, tools: tools, archives: archives, slots: slots, observer: observer,
      fingerprint: { try fingerprints.digest(of: $0, .content) }, materialise: { try layouts.ensure($0) })
    self.layouts = layouts
    context = BuildContext(
      settings: settings, tools: tools, store: store, fingerprints: fingerprints, archives: archives,
      sources: ImageSources(cache: cache, fingerprints: fingerprints, settings: settings),
      files: FileStates(cache: cache, isOffline: settings.isOffline), plans: plans, slots: slots,
      observer: observer)
  }

  /// Ends the run: what tools handed to one another goes.
  func close() {
    context.folder.remove()
    try? context.store.cache.trim()
  }

  // MARK: Images

  /// Makes the image of a recipe, and puts it where it goes.
  func make(_ recipe: Recipe, isWanted: Bool) -> BuildSummary.Image {
    var image = BuildSummary.Image(name: recipe.name, recipe: "\(recipe.location)", isWanted: isWanted)
    let platforms = Monitor<[Int: BuildSummary.Platform]>([:])
    let workers = recipe.builds.indices.map { index in
      Worker { [self] in
        let made = platform(recipe, recipe.builds[index])
        platforms.change { $0[index] = made }
      }
    }
    for worker in workers { try? worker.join() }
    let made = platforms.change { $0 }
    image.platforms = recipe.builds.indices.compactMap { made[$0] }
    image.status = image.platforms.map(\.status).max() ?? .failed
    guard isWanted, !context.settings.isDryRun, image.status <= .built else { return finished(image) }
    do {
      let results = image.platforms.compactMap(\.result)
      let publication = Publication(recipe: recipe, results: results, context: context, layouts: layouts)
      image.tags = recipe.tags
      image.top = try publication.top()
      image.budgets = try publication.budgets()
      let broken = image.budgets.filter { !$0.holds }
      if !broken.isEmpty {
        throw ImageBuildError("over budget: " + broken.map { "\($0)" }.joined(separator: "; "))
      }
      image.outputs = try publication.publish()
    } catch {
      image.status = .failed
      image.failures.append(located(error, recipe, stage: nil))
      stop()
    }
    return finished(image)
  }

  private func finished(_ image: BuildSummary.Image) -> BuildSummary.Image {
    context.observer.tell(image.status >= .skipped ? .failed(image: image.name) : .done(image: image.name))
    return image
  }

  private func stop() { if !context.settings.keepsGoing { state.change { $0.isStopping = true } } }

  private func located(_ error: any Error, _ recipe: Recipe, stage: String?) -> ImageBuildError {
    var located = error as? ImageBuildError ?? ImageBuildError("\(error)")
    located.location = located.location ?? recipe.location
    located.image = located.image ?? recipe.name
    located.stage = located.stage ?? stage
    return located
  }

  // MARK: Platforms

  private func platform(_ recipe: Recipe, _ build: Recipe.Build) -> BuildSummary.Platform {
    var platform = BuildSummary.Platform(platform: build.platform)
    let identifier = BuildID(recipe: recipe.name, platform: build.platform)
    var outcome = Outcome.failed
    var current: Stage?
    do {
      let result = try walk(recipe, build, &platform) { current = $0 }
      outcome = result.map { .made($0) } ?? .unknown
      platform.result = result
      platform.status = platform.stages.map(\.status).max() ?? .cached
    } catch is DependencyFailed {
      platform.status = .skipped
    } catch {
      platform.status = .failed
      platform.failure = located(error, recipe, stage: current?.name)
      if let current {
        platform.stages.append(.init(name: current.name, tool: current.tool, status: .failed))
      }
      stop()
    }
    let final = outcome
    state.change { $0.outcomes[identifier] = final }
    return platform
  }

  /// The finished image of another recipe; nil in a dry run that can't tell.
  private func image(_ name: String, _ platform: String) throws -> StageResult? {
    let identifier = BuildID(recipe: name, platform: platform)
    guard recipes[name]?.builds.contains(where: { $0.platform == platform }) == true else {
      throw ImageBuildError("there is no recipe \"\(name)\" for \(platform)")
    }
    let outcome: Outcome = state.wait { $0.outcomes[identifier] }
    switch outcome {
    case .made(let result): return result
    case .unknown: return nil
    case .failed: throw DependencyFailed(name: name)
    }
  }

  /// All that a build needs of other recipes, by name; nil where a dry run can't tell.
  private func needs(_ recipe: Recipe, _ build: Recipe.Build) throws -> [String: StageResult]? {
    var names: [String] = []
    switch build.source {
    case .recipe(let name): names = [name]
    case .scratch(let work): if case .recipe(let name) = work.root { names = [name] }
    case .dockerfile(let work): names = work.recipes.map(\.recipe)
    default: break
    }
    var found: [String: StageResult] = [:]
    var isUnknown = false
    for name in names {
      if let result = try image(name, build.platform) { found[name] = result } else { isUnknown = true }
    }
    return isUnknown ? nil : found
  }

  private func walk(
    _ recipe: Recipe, _ build: Recipe.Build, _ platform: inout BuildSummary.Platform,
    entering: (Stage) -> Void
  ) throws -> StageResult? {
    let needs = try needs(recipe, build)
    var isUnknown = needs == nil
    var current: StageResult?
    if case .recipe(let name) = build.source { current = needs?[name] }
    var source = current
    let preparation = StagePreparation(
      recipe: recipe, build: build, context: context,
      image: { name in
        guard let result = needs?[name] else { throw DependencyFailed(name: name) }
        return result
      }, system: { self.system(of: $0, build.platform) })
    for (index, stage) in Stage.all(of: build).enumerated() {
      entering(stage)
      if state.change({ $0.isStopping }) { throw DependencyFailed(name: recipe.name) }
      if isUnknown {
        let reason = BuildReason(sentences: ["what it begins with is built anew"])
        context.observer.tell(
          .wouldBuild(image: recipe.name, stage: stage.name, reason: reason, lines: []))
        platform.stages.append(.init(name: stage.name, tool: stage.tool, status: .wouldBuild, reason: reason))
        continue
      }
      let prepared = try preparation.prepare(stage, on: current, source: source)
      let run = StageRun(
        recipe: recipe, build: build, stage: stage, prepared: prepared, context: context, layouts: layouts)
      let (result, report) = try run.resolve()
      platform.stages.append(report)
      isUnknown = result == nil
      current = result
      if index == 0, source == nil { source = result }
    }
    if let current, current.platform != build.platform {
      throw ImageBuildError("the image is for \(current.platform) and not for \(build.platform)")
    }
    return isUnknown ? nil : current
  }

  /// The Debian system at the bottom of a recipe's image.
  private func system(of name: String, _ platform: String) -> Recipe.Bootstrap? {
    var name = name
    // Recipes have no cycles; the count is for those that somebody made by hand.
    for _ in 0...recipes.count {
      guard let build = recipes[name]?.builds.first(where: { $0.platform == platform }) else { return nil }
      switch build.source {
      case .bootstrap(let work): return work
      case .recipe(let below): name = below
      default: return nil
      }
    }
    return nil
  }
}
