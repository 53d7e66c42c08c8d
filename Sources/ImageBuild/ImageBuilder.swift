public import Cache
import Posix
public import Recipe

/// Makes the images of recipes: each after those that it needs, several at once, and only what has changed.
public struct ImageBuilder: Sendable {
  private let recipes: [Recipe]
  private let wanted: Set<String>
  private let run: BuildRun

  /// Prepares a run.
  ///
  /// - Parameters:
  ///   - recipes: recipes with all that they need, each after what it needs itself (`RecipeSet.ordered`).
  ///   - wanted: the names of those whose images go to the output directory; the others are made for them.
  ///   - cache: what was made before.
  ///   - tools: the executables that do the work.
  ///   - observer: who is told what happens.
  /// - Throws: `ImageBuildError`, `PosixError`.
  public init(
    _ recipes: [Recipe], wanted: Set<String>, settings: BuildSettings, cache: Cache, tools: ToolSet,
    observer: BuildObserver
  ) throws {
    self.recipes = recipes
    self.wanted = wanted
    run = try BuildRun(recipes, settings: settings, cache: cache, tools: tools, observer: observer)
  }

  /// Makes the images, and puts them where they go.
  ///
  /// - Returns: what was made, in the recipes' order, failures included.
  public func build() -> BuildSummary {
    let results = Monitor<[String: BuildSummary.Image]>([:])
    let workers = recipes.map { recipe in
      Worker {
        let image = run.make(recipe, isWanted: wanted.contains(recipe.name))
        results.change { $0[recipe.name] = image }
      }
    }
    for worker in workers { try? worker.join() }
    run.close()
    let images = results.change { $0 }
    return BuildSummary(images: recipes.compactMap { images[$0.name] })
  }
}
