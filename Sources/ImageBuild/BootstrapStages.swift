import Bootstrap
import Digest
import OCI
import Posix
import Recipe
import SystemPackage

/// Debian systems, and packages on top of them.
extension StagePreparation {
  func bootstrap(_ work: Recipe.Bootstrap, _ stage: Stage, _ prepared: inout PreparedStage) throws {
    var line = CommandLine("bootstrap")
    line.option("variant", ifThere: work.variant)
    if work.isSlim { line.flag("slim", true) }
    for name in work.include { line.option("include", name) }
    for name in work.exclude { line.option("exclude", name) }
    if !work.components.isEmpty { line.option("components", work.components.joined(separator: ",")) }
    if work.leavesOutDependencies { line.flag("no-dependencies", true) }
    for rule in work.paths { line.option(rule.isExcluded ? "path-exclude" : "path-include", rule.pattern) }
    for text in work.aptOptions { line.option("aptopt", text) }
    for text in work.dpkgOptions { line.option("dpkgopt", text) }
    line.option("engine", ifThere: work.engine)
    if let name = work.engine, name != "native", let program = Command.find(name) {
      prepared.key.add(.machine, program.string, try context.fingerprint(program))
    }
    try finish(
      &line, suite: work.suite, mirrors: work.mirrors, keyrings: work.keyrings, hooks: work.hooks,
      lock: work.lock, components: work.components, takesLock: ["native", nil].contains(work.engine), stage,
      &prepared)
  }

  func packages(
    _ work: Recipe.Packages, _ stage: Stage, on base: StageResult, _ prepared: inout PreparedStage
  ) throws {
    let below = system(recipe.name)
    guard let suite = work.suite ?? below?.suite else {
      throw ImageBuildError("nobody knows the suite of the image below; add \"suite: …\" to the step")
    }
    var line = CommandLine("bootstrap")
    line.option("base", use(base, named: baseName, &prepared))
    // Whether they are configured or only unpacked, the base decides.
    for name in work.include { line.option("include", name) }
    let mirrors = work.mirrors.isEmpty ? below?.mirrors ?? [] : work.mirrors
    let components = below?.components ?? []
    if !components.isEmpty { line.option("components", components.joined(separator: ",")) }
    if work.leavesOutDependencies { line.flag("no-dependencies", true) }
    try finish(
      &line, suite: suite, mirrors: mirrors, keyrings: below?.keyrings ?? [], hooks: work.hooks, lock: nil,
      components: components, takesLock: true, stage, &prepared)
  }

  /// What both have in common: keys, mirrors, the plan, hooks.
  private func finish(
    _ line: inout CommandLine, suite: String, mirrors: [String], keyrings: [FilePath], hooks: Recipe.Hooks,
    lock: FilePath?, components: [String], takesLock: Bool, _ stage: Stage,
    _ prepared: inout PreparedStage
  ) throws {
    let platform = try Platform(build.platform)
    guard let architecture = platform.debianArchitecture else {
      throw ImageBuildError("Debian has no port for \(build.platform)")
    }
    if platform != .host { line.option("arch", architecture) }
    for path in keyrings {
      try read(path, .content, &prepared)
      line.option("keyring", word(path))
    }
    cacheOptions(&line)
    if context.settings.takesExpired { line.groups.append([Word("--no-check-valid-until", key: "")]) }
    if context.settings.isOffline { line.groups.append([Word("--offline", key: "")]) }
    let places = mirrors.map { mirror(of: $0) }
    for place in places where place.actual.hasPrefix("/") {
      try read(FilePath(place.actual), .content, &prepared)
    }

    var plan: PackagePlan?
    if let lock {
      try read(lock, .content, &prepared)
    } else {
      var request = PackagePlan.Request(
        line: line, suite: suite, mirrors: places, components: components, keyrings: keyrings,
        architecture: architecture)
      request.base = prepared.inputs.first
      let found = try context.plans.plan(request, in: folder, image: recipe.name, stage: stage.name)
      prepared.key.add(.packages, found.packages)
      prepared.key.add(.mirrors, found.mirrors)
      // The native engine's own measure for making a system in memory.
      prepared.memory = max(prepared.memory, found.installedSize * 3)
      plan = found
    }
    for (name, commands) in [
      ("setup-hook", hooks.setup), ("extract-hook", hooks.extract), ("essential-hook", hooks.essential),
      ("customize-hook", hooks.customize),
    ] {
      for command in commands { line.option(name, command) }
    }
    if hooks != Recipe.Hooks() { for path in recipe.inputs { try read(path, .modes, &prepared) } }
    imageOptions(stage, &line, platform: false)
    let base = line
    let lockPath = lock.map { absolute($0) }
    func complete(_ folder: FilePath) -> CommandLine {
      var line = base
      runOptions(&line)
      if let lockPath {
        line.option("locked", word(lockPath))
      } else if takesLock {
        line.groups.append([Word("--locked=\(folder.appending("packages.lock"))", key: "--locked")])
      }
      line.groups.append([Word(suite), Word("oci:\(folder.appending("out"))", key: "")] + places)
      return line
    }
    prepared.key.add(.arguments, complete("/").keyText)
    prepared.lines = { [complete($0)] }
    if lockPath == nil, takesLock, let plan {
      let plans = context.plans
      prepared.furnish = { folder in try plans.writeLock(plan, to: folder.appending("packages.lock")) }
    }
  }

  private func mirror(of text: String) -> Word {
    let isPath =
      !text.hasPrefix("deb ") && !text.hasPrefix("deb-src ")
      && (text.hasPrefix("/") || text.hasPrefix(".") || !text.contains(":/"))
    return isPath ? word(FilePath(text)) : Word(text)
  }
}
