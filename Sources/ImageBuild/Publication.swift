import Cache
import Digest
import Glibc
import Image
public import OCI
import Posix
import Recipe
import SizeReport
import SystemPackage

/// A finished image on its way to where it is wanted.
struct Publication {
  var recipe: Recipe
  /// One for each platform.
  var results: [StageResult]
  var context: BuildContext
  var layouts: Layouts

  private var folder: FilePath { absolute(recipe.location.file.removingLastComponent()) }

  /// What names lead to: the manifest of the only platform, or the index of several, with its size.
  func top() throws -> (digest: String, size: UInt64) {
    if results.count == 1 { return (results[0].digest, results[0].manifestSize) }
    let index = Document(ImageIndex(manifests: try entries()))
    return ("\(index.digest)", index.size)
  }

  private func entries() throws -> [OCI.Descriptor] {
    try results.map {
      OCI.Descriptor(
        .manifest, digest: try Digest($0.digest), size: $0.manifestSize, platform: try Platform($0.platform))
    }
  }

  // MARK: Budgets

  /// How the image stands to its budgets. What was measured once is known.
  func budgets() throws -> [BudgetOutcome] {
    guard !recipe.budgets.isEmpty else { return [] }
    var outcomes: [BudgetOutcome] = []
    for result in results {
      var key = CacheKeyBuilder(kind: "budget", version: 1)
      key.add("image", result.digest)
      for budget in recipe.budgets { key.add("budget", budget) }
      let cacheKey = key.finish()
      if let record = try context.store.cache.record(cacheKey), let json = try? JSONValue(parsing: record),
        let known = BudgetOutcome.list(json)
      {
        outcomes += known
        continue
      }
      let measured = try measure(result)
      try context.store.cache.setRecord(
        JSONWriter.bytes(of: .array(measured.map(\.json))), for: cacheKey)
      outcomes += measured
    }
    return outcomes
  }

  private func measure(_ result: StageResult) throws -> [BudgetOutcome] {
    try layouts.ensure(result)
    return try context.slots.run(memory: 256 << 20) {
      let source = try ImageSource(.layout(context.folder.layout(result.digest), name: nil))
      let report = try ImageReport(of: try source.select())
      return try recipe.budgets.map { text in
        let found = try Budget(text).check(report)
        return BudgetOutcome(
          expression: text, platform: result.platform, actual: found.actual, holds: found.holds,
          isPresent: found.isPresent)
      }
    }
  }

  // MARK: Destinations

  /// Puts the image to all its destinations that don't have it.
  ///
  /// - Returns: the destinations.
  func publish() throws -> [String] {
    let archive = context.settings.output.appending("\(recipe.name).oci.tar")
    let all =
      ["oci-archive:\(absolute(archive))"]
      + (try recipe.outputs.map { "\(try ImageLocation($0, for: .output).at { absolute($0) })" })
    let what = ([try top().digest] + recipe.tags).joined(separator: " ")
    let missing = try all.filter { place in
      if context.settings.isOffline, place.hasPrefix("docker://") {
        context.observer.tell(.line(image: recipe.name, "not sent to \(place): --offline asks nobody"))
        return false
      }
      return try !isThere(what, place)
    }
    if !missing.isEmpty {
      context.observer.tell(.writing(image: recipe.name))
      try makeDirectories(context.settings.output)
      for result in results { try layouts.ensure(result) }
      let plain = missing.filter { (try? ImageLocation($0, for: .output))?.plainPath != nil }
      let stores = missing.filter { !plain.contains($0) }
      try context.slots.run(memory: 128 << 20) {
        if !stores.isEmpty { try copy(to: stores) }
        for place in plain { try flatten(to: place) }
      }
      for place in missing { try note(what, place) }
    }
    return [archive.string] + recipe.outputs
  }

  private func copy(to places: [String]) throws {
    var line = CommandLine("copy")
    line.groups.append([Word("--json"), Word("--jobs=\(context.settings.jobs)")])
    line.groups += context.settings.registryOptions.map { [Word($0)] }
    for tag in recipe.tags { line.option("tag", tag) }
    if results.count > 1 {
      line.flag("all-platforms", true)
      line.add("oci:\(try joined())")
    } else {
      line.add("oci:\(context.folder.layout(results[0].digest))")
    }
    for place in places { line.add(place) }
    try run(line)
  }

  private func flatten(to place: String) throws {
    guard results.count == 1 else {
      throw ImageBuildError("\(place) holds one platform only, and this image has \(results.count)")
    }
    var line = CommandLine("squash")
    line.add("oci:\(context.folder.layout(results[0].digest))", place)
    try run(line)
  }

  private func run(_ line: CommandLine) throws {
    _ = try context.tools.run(line, in: folder) { context.observer.tell(.line(image: recipe.name, $0)) }
  }

  /// One layout with the images of all platforms.
  private func joined() throws -> FilePath {
    let layout = context.folder.path.appending("images").appending("join-\(recipe.name)")
    if exists(layout) { return layout }
    let blobs = layout.appending("blobs/sha256")
    try makeDirectories(blobs)
    for result in results {
      let own = context.folder.layout(result.digest).appending("blobs/sha256")
      for blob in result.blobs {
        let name = String(blob.digest.dropFirst("sha256:".count))
        let made = own.appending(name).withPlatformString { from in
          blobs.appending(name).withPlatformString { link(from, $0) }
        }
        if made != 0, errno != EEXIST {
          throw PosixError("link", blobs.appending(name).string, Errno(rawValue: errno))
        }
      }
    }
    try write(Document(ImageIndex(manifests: try entries())).bytes, to: layout.appending("index.json"))
    try write(Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8), to: layout.appending("oci-layout"))
    return layout
  }

  // MARK: What is there already

  /// Whether a destination has what it was given last, and that is this. Registries are asked each time: what
  /// they have is not sent again.
  private func isThere(_ what: String, _ place: String) throws -> Bool {
    guard let state = try state(of: place), let record = try context.store.cache.record(Self.key(place))
    else { return false }
    return record == Array("\(what)\n\(state)".utf8)
  }

  private func note(_ what: String, _ place: String) throws {
    guard let state = try state(of: place) else { return }
    try context.store.cache.setRecord(Array("\(what)\n\(state)".utf8), for: Self.key(place))
  }

  /// How the file at a destination looks; nil where there is none, or no file that stands for the whole.
  private func state(of place: String) throws -> String? {
    let path: FilePath
    switch try ImageLocation(place, for: .output) {
    case .ociArchive(let file, _), .dockerArchive(let file, _), .tar(let file): path = absolute(file)
    // Other images may share it: its index changes with them.
    case .layout(let folder, _): path = absolute(folder).appending("index.json")
    default: return nil
    }
    var status = stat()
    guard path.withPlatformString({ lstat($0, &status) }) == 0 else { return nil }
    return "\(path) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) \(status.st_ino)"
  }

  private static func key(_ place: String) -> CacheKey {
    var builder = CacheKeyBuilder(kind: "output", version: 1)
    builder.add("place", place)
    return builder.finish()
  }
}

/// How an image stands to one of its budgets.
public struct BudgetOutcome: Sendable, Equatable, CustomStringConvertible {
  /// The budget.
  public var expression: String
  /// The platform of the image.
  public var platform: String
  /// The bytes or entries that there are.
  public var actual: UInt64
  /// Whether it is kept.
  public var holds: Bool
  /// Whether what it names is in the image at all.
  public var isPresent: Bool

  /// The budget and what is.
  public var description: String {
    let unit = expression.hasPrefix("entries") ? "entries" : "bytes"
    return "\(expression), but it is \(actual) \(unit) (\(platform))"
  }

  /// As an element of `--json`.
  public var json: JSONValue {
    .object([
      "expression": .string(expression), "platform": .string(platform),
      "actual": .integer(Int64(clamping: actual)), "holds": .bool(holds), "present": .bool(isPresent),
    ])
  }

  static func list(_ json: JSONValue) -> [BudgetOutcome]? {
    guard let array = json.array else { return nil }
    let list = array.compactMap { element -> BudgetOutcome? in
      guard let object = element.object, let expression = object["expression"]?.string,
        let platform = object["platform"]?.string, let actual = object["actual"]?.integer,
        let holds = object["holds"]?.bool, let isPresent = object["present"]?.bool
      else { return nil }
      return BudgetOutcome(
        expression: expression, platform: platform, actual: UInt64(clamping: actual), holds: holds,
        isPresent: isPresent)
    }
    return list.count == array.count ? list : nil
  }
}
