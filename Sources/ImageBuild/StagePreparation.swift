import Bootstrap
import Cache
import Digest
import Glibc
import Image
import OCI
import Posix
import Recipe
import SystemPackage

/// A stage with all that decides its result, ready to be looked up or run.
struct PreparedStage {
  var key = StageKey()
  /// The images that it reads.
  var inputs: [StageResult] = []
  /// How many bytes of memory it may take.
  var memory: UInt64 = 256 << 20
  /// Its command lines in a folder of its own; the last writes an OCI layout to `out` there.
  var lines: (FilePath) throws -> [CommandLine] = { _ in [] }
  /// Puts what they read into the folder.
  var furnish: (FilePath) throws -> Void = { _ in }
}

/// Turns the stages of one recipe's build into command lines and keys.
struct StagePreparation {
  var recipe: Recipe
  var build: Recipe.Build
  var context: BuildContext
  /// Finds the finished image of another recipe, for this build's platform.
  var image: (String) throws -> StageResult
  /// Finds the Debian system that a recipe's image is made of; nil where it is none.
  var system: (String) -> Recipe.Bootstrap?

  /// The folder that the tools work in: the recipe's, where its hooks find their files.
  var folder: FilePath { absolute(recipe.location.file.removingLastComponent()) }

  /// - Parameters:
  ///   - base: the image that the stage begins with; nil for the first.
  ///   - source: what the build's source made, for `above-source`.
  func prepare(_ stage: Stage, on base: StageResult?, source: StageResult?) throws -> PreparedStage {
    var prepared = PreparedStage()
    let tool = try context.tools.path(stage.tool)
    prepared.key.add(.tool, "garboard-\(stage.tool)", try context.fingerprint(tool))
    prepared.key.add(.platform, build.platform)
    if let epoch = context.settings.epoch { prepared.key.add(.epoch, epoch) }
    switch stage.work {
    case .bootstrap(let work): try bootstrap(work, stage, &prepared)
    case .packages(let work): try packages(work, stage, on: try below(base), &prepared)
    case .scratch(let work): try scratch(work, stage, &prepared)
    case .dockerfile(let work): try dockerfile(work, stage, &prepared)
    case .files(let files): try self.files(files, stage, on: try below(base), &prepared)
    case .extras(let extras): try self.extras(extras, stage, on: try below(base), &prepared)
    case .importing(let work): try importing(work, stage, &prepared)
    case .image(let location): try copied(location, &prepared)
    case .squash(let work): try squash(work, stage, on: try below(base), source: source, &prepared)
    case .configure: try configure(stage, on: try below(base), &prepared)
    }
    return prepared
  }

  private func below(_ base: StageResult?) throws -> StageResult {
    guard let base else { throw ImageBuildError("there is no image that this could begin with") }
    return base
  }

  /// Notes an image that is read: by its digest in the key, by its layout on the command line.
  func use(_ result: StageResult, named name: String, _ prepared: inout PreparedStage) -> Word {
    if !prepared.inputs.contains(where: { $0.digest == result.digest }) { prepared.inputs.append(result) }
    prepared.key.add(.base, name, result.digest)
    return Word("oci:\(context.folder.layout(result.digest))", key: "oci:\(name)")
  }

  /// The name of the image that a build begins with, for reasons.
  var baseName: String {
    if case .recipe(let name) = build.source { return name }
    return recipe.name
  }

  // MARK: Options

  /// The options of every stage that writes layers, and for the last one the changes of the configuration.
  func imageOptions(_ stage: Stage, _ line: inout CommandLine, platform: Bool = true) {
    line.option("compression", ifThere: build.compression)
    if platform { line.option("platform", build.platform) }
    guard stage.isLast else { return }
    for change in build.changes { line.option("change", change) }
    for annotation in build.annotations { line.option("annotation", "\(annotation.key)=\(annotation.value)") }
  }

  /// The options of this run, which decide nothing.
  func runOptions(_ line: inout CommandLine) {
    line.groups.append([Word("--json", key: ""), Word("--jobs=\(context.settings.jobs)", key: "")])
  }

  func cacheOptions(_ line: inout CommandLine) {
    line.groups.append([
      Word("--cache=\(context.settings.cache)", key: ""),
      Word("--cache-limit=\(context.store.cache.limit)", key: ""),
    ])
  }

  func registryOptions(_ line: inout CommandLine) {
    line.groups += context.settings.registryOptions.map { [Word($0, key: "")] }
  }

  // MARK: Files

  /// Notes a file or folder that is read.
  func read(
    _ path: FilePath, _ detail: InputFingerprints.Detail, _ prepared: inout PreparedStage,
    isIgnored: @escaping ([UInt8]) -> Bool = { _ in false }
  ) throws {
    let place = absolute(path)
    let name = relative(place)
    if prepared.key.parts.contains(where: { $0.kind == .file && $0.name == name }) { return }
    prepared.key.add(
      .file, name, try context.fingerprints.digest(of: place, detail, isIgnored: isIgnored))
  }

  /// A path of this machine on a command line; the key has where it is in the recipe's folder.
  func word(_ path: FilePath, prefix: String = "", suffix: String = "") -> Word {
    let place = absolute(path)
    return Word(prefix + place.string + suffix, key: prefix + relative(place) + suffix)
  }

  /// A path as the recipe's author knows it.
  func relative(_ path: FilePath) -> String {
    var rest = path
    return rest.removePrefix(folder) && !rest.isEmpty ? rest.string : path.string
  }

  /// Notes a file of the machine that decides what is taken from it.
  func readMachine(_ path: FilePath, as name: String, _ prepared: inout PreparedStage) throws {
    guard exists(path) else { return }
    prepared.key.add(.machine, name, try context.fingerprints.digest(of: path, .content))
  }
}

/// The path as seen from `/`.
func absolute(_ path: FilePath) -> FilePath {
  if path.isAbsolute { return path.lexicallyNormalized() }
  guard let here = getcwd(nil, 0) else { return path }
  defer { free(here) }
  return FilePath(String(cString: here)).pushing(path).lexicallyNormalized()
}
