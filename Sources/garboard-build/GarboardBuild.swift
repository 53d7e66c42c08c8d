import ArgumentParser
import Cache
import CommandSupport
import Glibc
import ImageBuild
import OCI
import Posix
import Recipe
import SystemPackage

/// Images from recipes.
@main
struct GarboardBuild: GarboardTool {
  static let name = "garboard-build"
  static let abstract = "Make the images of recipes, and only those that have changed"
  static let explanation = """
    A recipe is a YAML file that says what an image begins with and what is done to it; with a matrix it gives several \
    images. RECIPE is the name of an image, a pattern of names, or a recipe's file. What a recipe needs is made \
    before it. Each stage is a run of another tool of this suite, kept in the cache under all that went into it: \
    what is there is not made again.
    """
  static let examples = [
    Example("One image, and all that it needs", "garboard-build debian-trixie-slim"),
    Example("All images of a folder, several at once", "garboard-build --recipes recipes --all -o output"),
    Example(
      "What would be made, and why, with the command lines", "garboard-build --all --dry-run --explain -v"),
    Example("With another value of a variable", "garboard-build --set greeting=hello greeting"),
    Example("All that can be made, for a program to read", "garboard-build --all --keep-going --json"),
  ]

  @OptionGroup var common: CommonOptions
  @OptionGroup(title: "Cache") var cache: CacheOptions
  @OptionGroup(title: "Registries") var registries: RegistryOptions

  @Option(
    help: ArgumentHelp(
      "A recipe, or a folder of them (*.yaml); may be repeated (default: recipes).", valueName: "path"),
    completion: .file())
  var recipes: [String] = []

  @Flag(help: "Make all images.")
  var all = false

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("The value of a recipe's variable; may be repeated.", valueName: "name=value"))
  var settings: [String] = []

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Where NAME.oci.tar go.", valueName: "dir"),
    completion: .directory)
  var output = "output"

  @Flag(help: "Say of each stage why it is made.")
  var explain = false

  @Flag(help: "Make nothing; say what would be made. With -v the command lines too.")
  var dryRun = false

  @Flag(help: "Go on with all that doesn't need what failed.")
  var keepGoing = false

  @Flag(help: "Ask no network: take what the cache has, or fail.")
  var offline = false

  @Flag(
    name: .customLong("no-check-valid-until"),
    help: "Take archives that have expired: from mirrors that lag, or of days gone by.")
  var takesExpired = false

  @Argument(help: ArgumentHelp("Images, patterns of images, or recipes' files.", valueName: "recipe"))
  var names: [String] = []

  func validate() throws {
    if all == !names.isEmpty { throw ValidationError("Name recipes, or say --all.") }
    _ = try values()
  }

  func run() throws {
    let set = try RecipeSet(loading: try files(), settings: try values())
    var wanted: [Recipe] = []
    if all {
      wanted = set.recipes
    } else {
      for word in names {
        wanted += try set.recipes(matching: word).filter { new in !wanted.contains { $0.name == new.name } }
      }
    }
    var settings = BuildSettings(
      cache: cache.directory, output: FilePath(output), jobs: common.jobs)
    settings.cache = absolutePath(settings.cache)
    settings.isOffline = offline
    settings.takesExpired = takesExpired
    settings.isDryRun = dryRun
    settings.keepsGoing = keepGoing
    settings.epoch = environmentValue("SOURCE_DATE_EPOCH")
    settings.remote = registries.stores(common)
    settings.registryOptions = try registries.words()
    let kept = try Cache(settings.cache, limit: cache.limit ?? Cache.defaultLimit)
    let finder = ToolFinder()
    let tools = ToolSet(environment: wholeEnvironment(), verbosity: max(0, common.verbose - 1)) { name in
      finder.path(of: name).map { FilePath($0) }
    }
    let talk = BuildTalk(total: set.ordered(wanted).count, explains: explain || dryRun)
    let builder = try ImageBuilder(
      set.ordered(wanted), wanted: Set(wanted.map(\.name)), settings: settings, cache: kept, tools: tools,
      observer: BuildObserver { talk.hear($0) })
    let summary = builder.build()
    talk.finish()
    try BuildText.present(summary, common, isDryRun: dryRun)
    for failure in summary.failures { Console.shared.error("\(failure)") }
    if !summary.isComplete { throw ExitCode.failure }
  }

  /// Where recipes are: as said, else the files that are named as such, else `recipes`.
  private func files() throws -> [FilePath] {
    if !recipes.isEmpty { return recipes.map { FilePath($0) } }
    let folder: FilePath = "recipes"
    let named = names.filter { $0.hasSuffix(".yaml") }.map { FilePath($0) }
    let hasFolder = folder.withPlatformString { access($0, F_OK) } == 0
    if !named.isEmpty { return hasFolder ? [folder] + named : named }
    return [folder]
  }

  private func values() throws -> [String: String] {
    var values: [String: String] = [:]
    for text in settings {
      guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
        throw ValidationError("--set takes NAME=VALUE, not \"\(text)\".")
      }
      values[String(text[..<equals])] = String(text[text.index(after: equals)...])
    }
    return values
  }

  /// The tools are the user's own programs, and get what the user would give them.
  private func wholeEnvironment() -> [String] {
    var list: [String] = []
    var next = environ
    while let text = next.pointee {
      list.append(String(cString: text))
      next += 1
    }
    return list
  }

  private func environmentValue(_ name: String) -> String? {
    guard let text = getenv(name), text.pointee != 0 else { return nil }
    return String(cString: text)
  }

  private func absolutePath(_ path: FilePath) -> FilePath {
    guard !path.isAbsolute, let here = getcwd(nil, 0) else { return path }
    defer { free(here) }
    return FilePath(String(cString: here)).pushing(path)
  }
}
