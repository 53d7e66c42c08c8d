import ContextBuild
import Digest
import Dockerfile
import Image
import OCI
import Posix
import Recipe
import SystemPackage

/// Builds from Dockerfiles.
extension StagePreparation {
  func dockerfile(
    _ work: Recipe.DockerfileBuild, _ stage: Stage, _ prepared: inout PreparedStage
  ) throws {
    var line = CommandLine("scratch")
    line.option("target", ifThere: work.target)
    for argument in work.arguments { line.option("build-arg", "\(argument.key)=\(argument.value)") }
    var given: [String: StageResult] = [:]
    for named in work.recipes {
      let result = try image(named.recipe)
      given[named.name] = result
      let location = use(result, named: named.recipe, &prepared)
      line.option(
        "build-context",
        Word("\(named.name)=\(location.actual)", key: "\(named.name)=\(location.key)"))
    }
    try read(work.file, .content, &prepared)
    var ignored = IgnorePatterns()
    for name in [work.file.string + ".dockerignore", work.context.appending(".dockerignore").string] {
      guard exists(FilePath(name)) else { continue }
      ignored = (try? IgnorePatterns(parsing: try readSmallFile(FilePath(name)))) ?? ignored
      prepared.key.add(
        .file, relative(absolute(FilePath(name))),
        try context.fingerprints.digest(
          of: FilePath(name), .content))
      break
    }
    try read(work.context, .modes, &prepared) { path in !ignored.hasExceptions && ignored.ignores(path) }
    try readOutside(work, given, &line, &prepared)
    imageOptions(stage, &line)
    cacheOptions(&line)
    registryOptions(&line)
    line.option("file", word(work.file))
    close(line, last: [word(work.context)], &prepared)
  }

  /// Notes what the Dockerfile takes from registries, layouts and servers, as it is just now, and has the tool
  /// take exactly that.
  private func readOutside(
    _ work: Recipe.DockerfileBuild, _ given: [String: StageResult], _ line: inout CommandLine,
    _ prepared: inout PreparedStage
  ) throws {
    var request = BuildRequest(
      file: relative(absolute(work.file)), text: try readSmallFile(work.file), context: nil)
    request.target = work.target
    request.arguments = Dictionary(uniqueKeysWithValues: work.arguments.map { ($0.key, $0.value) })
    request.platform = try Platform(build.platform)
    request.contexts = given.mapValues(\.digest)
    request.remote = context.settings.remote
    let results = Dictionary(given.values.map { ($0.digest, $0) }, uniquingKeysWith: { first, _ in first })
    var found: [String: ImageSources.Found] = [:]
    func find(_ image: DockerfileInputs.OutsideImage) throws -> ImageSources.Found {
      if let known = found[image.name] { return known }
      let new = try context.sources.find(image.location, in: folder)
      found[image.name] = new
      return new
    }
    let inputs = try DockerfileInputs(request) { image, platform in
      if image.isGiven, let result = results[image.location] {
        return try context.store.configuration(of: result).runtime
      }
      return try context.sources.configuration(of: try find(image), platform: platform).runtime
    }
    for image in inputs.images where !image.isGiven {
      let source = try find(image)
      prepared.key.add(.source, image.name, source.digest)
      // Paths mean the same to the tool, which works in the same folder.
      guard case .registry = source.location else { continue }
      line.option("build-context", Word("\(image.name)=\(source.location)", key: ""))
    }
    for file in inputs.files where !file.isChecked {
      let state = try context.files.state(of: file.url)
      prepared.key.add(
        .source, file.url, "\(state.digest)" + (state.modified.map { " \($0)" } ?? ""))
      line.option("url-digest", Word("\(file.url)=\(state.digest)", key: ""))
    }
  }
}
