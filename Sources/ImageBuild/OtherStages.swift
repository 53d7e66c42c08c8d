import Cache
import Digest
import Fetch
import Image
import OCI
import Posix
import Recipe
import SystemPackage

/// Root file systems and images from elsewhere, and joining layers.
extension StagePreparation {
  func importing(_ work: Recipe.Import, _ stage: Stage, _ prepared: inout PreparedStage) throws {
    var line = CommandLine("import")
    for pattern in work.exclude { line.option("exclude", pattern) }
    imageOptions(stage, &line)
    let isFetched = work.from.hasPrefix("http://") || work.from.hasPrefix("https://")
    if isFetched {
      guard let sha256 = work.sha256 else { throw ImageBuildError("\(work.from) needs a sha256") }
      let digest = try Digest("sha256:\(sha256)")
      prepared.key.add(.source, work.from, "\(digest)")
      let (context, from) = (context, work.from)
      prepared.furnish = { try context.fetch(from, digest, to: $0.appending("fetched")) }
    } else {
      try read(FilePath(work.from), .everything, &prepared)
      if let sha256 = work.sha256 {
        let found = try SHA256.ofFile(FilePath(work.from))
        if found.hex != sha256 {
          throw ImageBuildError("\(work.from) has the SHA-256 \(found.hex) and not \(sha256)")
        }
      }
    }
    let base = line
    func complete(_ folder: FilePath) -> CommandLine {
      var line = base
      runOptions(&line)
      line.option("output", Word("oci:\(folder.appending("out"))", key: ""))
      line.groups.append([
        isFetched ? Word(folder.appending("fetched").string, key: "fetched") : word(FilePath(work.from))
      ])
      return line
    }
    prepared.key.add(.arguments, complete("/").keyText)
    prepared.lines = { [complete($0)] }
  }

  func copied(_ location: String, _ prepared: inout PreparedStage) throws {
    let found = try context.sources.find(location)
    prepared.key.add(.source, location, found.digest)
    let actual = "\(found.location)"
    let platform = build.platform
    func complete(_ folder: FilePath) -> CommandLine {
      var line = CommandLine("copy")
      line.option("platform", platform)
      runOptions(&line)
      registryOptions(&line)
      line.groups.append([Word(actual, key: ""), Word("oci:\(folder.appending("out"))", key: "")])
      return line
    }
    prepared.key.add(.arguments, complete("/").keyText)
    prepared.lines = { [complete($0)] }
  }

  func squash(
    _ work: Recipe.Squash, _ stage: Stage, on base: StageResult, source: StageResult?,
    _ prepared: inout PreparedStage
  ) throws {
    var line = CommandLine("squash")
    switch work.layers {
    case .all: break
    case .last(let count): line.option("last", "\(count)")
    case .aboveSource:
      guard let source else { throw ImageBuildError("there is no source whose layers could stay") }
      let name = baseName == recipe.name ? "source" : baseName
      line.option("onto", use(source, named: name, &prepared))
    }
    for pattern in work.exclude { line.option("exclude", pattern) }
    for pattern in work.include { line.option("include", pattern) }
    if !work.shrink.isEmpty { line.option("shrink", work.shrink.joined(separator: ",")) }
    for locale in work.keepLocales { line.option("keep-locale", locale) }
    line.flag("dedupe", work.removesDuplicates)
    imageOptions(stage, &line, platform: false)
    let below = use(base, named: recipe.name, &prepared)
    let options = line
    func complete(_ folder: FilePath) -> CommandLine {
      var line = options
      runOptions(&line)
      line.groups.append([below, Word("oci:\(folder.appending("out"))", key: "")])
      return line
    }
    prepared.key.add(.arguments, complete("/").keyText)
    prepared.lines = { [complete($0)] }
  }
}

extension SHA256 {
  /// The digest of a file's content.
  static func ofFile(_ path: FilePath) throws -> Digest {
    let file = try openFile(path, .read)
    var hash = SHA256()
    try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 4096) { buffer in
      while case let count = try file.read(into: buffer), count > 0 {
        hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
    return hash.finish()
  }
}
