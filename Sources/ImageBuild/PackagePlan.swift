import Bootstrap
import Cache
import Digest
import OCI
import Posix
import SystemPackage

/// Which packages a system is to have, as `garboard-bootstrap --simulate --lock` finds them.
struct PackagePlan: Sendable {
  /// The lock file, a blob of the cache.
  var lock: Digest
  /// The packages, as `PackageList` writes them.
  var packages: String
  /// Where they come from.
  var mirrors: String
  /// What they take when unpacked, in bytes.
  var installedSize: UInt64

  /// What a plan is asked for.
  struct Request {
    /// The options that decide about packages.
    var line: CommandLine
    var suite: String
    var mirrors: [Word]
    var components: [String]
    var keyrings: [FilePath]
    var architecture: String
    /// The system that packages are added to.
    var base: StageResult?
  }
}

/// Finds plans: in the cache as long as the archives are as they were, else by asking the tool.
final class PackagePlans: Sendable {
  private let store: StageStore
  private let tools: ToolSet
  private let archives: ArchiveStates
  private let slots: BuildSlots
  private let fingerprint: @Sendable (FilePath) throws -> String
  private let materialise: @Sendable (StageResult) throws -> Void
  private let observer: BuildObserver

  init(
    store: StageStore, tools: ToolSet, archives: ArchiveStates, slots: BuildSlots, observer: BuildObserver,
    fingerprint: @escaping @Sendable (FilePath) throws -> String,
    materialise: @escaping @Sendable (StageResult) throws -> Void
  ) {
    self.store = store
    self.tools = tools
    self.archives = archives
    self.slots = slots
    self.observer = observer
    self.fingerprint = fingerprint
    self.materialise = materialise
  }

  func plan(
    _ request: PackagePlan.Request, in folder: FilePath, image: String, stage: String
  ) throws -> PackagePlan {
    var asked = BootstrapRequest(suite: request.suite)
    asked.mirrors = request.mirrors.map(\.actual)
    if !request.components.isEmpty { asked.components = request.components }
    asked.keyrings = request.keyrings
    let list = try Bootstrapper(asked, engine: EngineName.native.engine()).mirrors()
    let mirrors = ArchiveState.description(of: list)
    var key = CacheKeyBuilder(kind: "plan", version: StageKey.version)
    key.add("tool", try fingerprint(try tools.path("bootstrap")))
    key.add("arguments", request.line.keyText)
    key.add("suite", request.suite)
    key.add("architecture", request.architecture)
    key.add("mirrors", mirrors)
    key.add("base", request.base?.digest ?? "")
    for place in ArchiveState.folders(of: list, architecture: request.architecture) {
      key.add("archive \(place)", try archives.digest(of: place))
    }
    let cacheKey = key.finish()
    if let plan = try find(cacheKey, mirrors) { return plan }
    let lock = try KeyLock("plan-\(cacheKey.digest.hex)", in: store.cache.directory) {}
    defer { withExtendedLifetime(lock) {} }
    if let plan = try find(cacheKey, mirrors) { return plan }
    if let base = request.base { try materialise(base) }
    observer.tell(.planning(image: image, stage: stage))
    let work = try store.folder.makeStageFolder()
    defer { try? removeTree(work) }
    let file = work.appending("packages.lock")
    var line = request.line
    line.groups.append([Word("--simulate"), Word("--json"), Word("--lock=\(file)")])
    // Nothing is written to it.
    line.groups.append([Word(request.suite), Word("-")] + request.mirrors)
    _ = try slots.run(memory: 256 << 20) {
      try tools.run(line, in: folder) { observer.tell(.line(image: image, $0)) }
    }
    let made = try PlanLock.read(file)
    let plan = PackagePlan(
      lock: try keep(file), packages: PackageList.text(of: made), mirrors: mirrors,
      installedSize: made.installedSize << 10)
    let document: JSONObject = [
      "lock": .string("\(plan.lock)"), "packages": .string(plan.packages),
      "installedSize": .integer(Int64(clamping: plan.installedSize)),
    ]
    let bytes = JSONWriter.bytes(of: .object(document))
    if bytes.count < 1 << 20 { try store.cache.setRecord(bytes, for: cacheKey) }
    return plan
  }

  private func find(_ key: CacheKey, _ mirrors: String) throws -> PackagePlan? {
    guard let record = try store.cache.record(key), let json = try? JSONValue(parsing: record),
      let object = json.object, let lock = object["lock"]?.string.flatMap({ try? Digest($0) }),
      let packages = object["packages"]?.string, let size = object["installedSize"]?.integer,
      exists(store.cache.directory.appending("blobs").appending(lock.hex))
    else { return nil }
    return PackagePlan(
      lock: lock, packages: packages, mirrors: mirrors, installedSize: UInt64(clamping: size))
  }

  private func keep(_ file: FilePath) throws -> Digest {
    let bytes = try readSmallFile(file)
    let digest = SHA256.digest(bytes)
    // The run keeps it, whatever the cache's limit is.
    let pinned = store.folder.path.appending("\(digest.hex).lock")
    if !exists(pinned) { try write(bytes, to: pinned) }
    let blob = try store.cache.beginBlob()
    try bytes.withUnsafeBytes { try blob.write($0) }
    _ = try blob.finish(digest)
    return digest
  }

  /// Gives the lock file of a plan a name.
  func writeLock(_ plan: PackagePlan, to path: FilePath) throws {
    let pinned = store.folder.path.appending("\(plan.lock.hex).lock")
    if exists(pinned) { return try write(try readSmallFile(pinned), to: path) }
    guard try store.cache.link(plan.lock, to: path) else {
      throw ImageBuildError("the list of packages was removed from the cache meanwhile; build again")
    }
  }
}
