public import Debian
public import Fetch
import Glibc
import Posix
import Synchronization
import SystemPackage

/// Finds out what a base system will hold: reads the archives' indexes and chooses packages.
public struct Planner: Sendable {
  /// What to make.
  public var request: BootstrapRequest
  /// Where indexes and packages are kept; nil for nowhere.
  public var cache: PackageCache?
  /// Whether only the cache, and archives on this machine, may be read.
  public var isOffline = false
  /// How patient downloads are.
  public var transfer = TransferOptions()
  /// The time that archives are judged by, in seconds since 1970.
  public var now = Int64(time(nil))
  /// The packages of the image that the request adds to; nil for a system from nothing.
  public var base: BasePackages?
  /// Is told what begins.
  public var onPhase: @Sendable (Phase) -> Void = { _ in }
  /// Is told how many bytes of the phase have come since the last call; negative when some are dropped.
  public var onBytes: @Sendable (Int) -> Void = { _ in }
  /// Gets what the user should know.
  public var onNotice: @Sendable (String) -> Void = { _ in }

  /// A planner of `request`.
  public init(_ request: BootstrapRequest, cache: PackageCache?) {
    self.request = request
    self.cache = cache
  }

  /// What takes its time.
  public enum Phase: Sendable {
    /// What archives say of their suites is read, and verified.
    case releases
    /// So many bytes of indexes are fetched.
    case indexes(bytes: UInt64)
    /// Packages are chosen.
    case choice
  }

  /// One index, and what it came from.
  private struct Origin: Sendable {
    var source: AptSource
    var uri: String
    var suite: String
  }

  /// The packages of the request, from `sources`.
  ///
  /// - Throws: `BootstrapError`.
  public func plan(_ sources: [AptSource]) throws(BootstrapError) -> BootstrapPlan {
    let architecture: String
    if let asked = request.architecture {
      architecture = asked
    } else {
      architecture = try hostArchitecture()
    }
    if try setting("APT::Install-Recommends") == true {
      throw .unsupported(engine: "native", what: "Recommends", instead: "mmdebstrap")
    }
    try refuseOtherChoices()
    let setting = try setting("Acquire::Check-Valid-Until")
    let ignoresValidUntil = !request.checksValidUntil || setting == false
    let sources = sources.map { source in
      var source = source
      if ignoresValidUntil, source.checkValidUntil == nil { source.checkValidUntil = false }
      return source
    }
    let folder = try WorkFolder()
    let archives = try archives(sources, architecture: architecture, folder: folder.path)
    var poolSources: [PackagePool.Source] = []
    var places: [(uri: String, suite: String)] = []
    for archive in archives {
      for index in archive.indexes {
        poolSources.append(
          PackagePool.Source(index: index, release: archive.archive.release, suite: archive.archive.suite))
        places.append((archive.archive.uri, archive.archive.suite))
      }
    }
    try folder.remove()
    if let base { poolSources.append(try base.source(architecture: architecture)) }
    let pool = PackagePool(poolSources, architecture: architecture)
    let chosen: [VariantSet.Package]
    if let base {
      chosen = try BaseSet(request: request, base: base).resolve(pool)
    } else {
      chosen = try variantSet(pool, architecture)
    }
    let packages = chosen.map { package in
      BootstrapPlan.Package(
        record: package.choice.record, mirror: places[package.choice.source].uri,
        suite: places[package.choice.source].suite, reason: package.reason, stage: package.stage,
        // The essential packages are installed by dpkg, which marks nothing.
        isAutomatic: package.stage == .rest && package.choice.isAutomatic)
    }
    let date = archives.compactMap { $0.archive.release.date }.max() ?? 0
    return BootstrapPlan(suite: request.suite, architecture: architecture, date: date, packages: packages)
  }

  /// Settings that would have apt choose other packages, and do nothing here.
  private static let choosing = [
    "APT::Default-Release", "APT::Install-Suggests", "APT::Solver", "Dir::Etc::Preferences",
  ]

  private func refuseOtherChoices() throws(BootstrapError) {
    for option in request.aptOptions {
      let path = FilePath(option)
      let text = fileExists(path) ? String(decoding: try readHostFile(path), as: UTF8.self) : option
      let words = text.lowercased()
      if let name = Self.choosing.first(where: { words.contains($0.lowercased()) }) {
        throw .unsupported(engine: "native", what: "setting \(name) of apt", instead: "mmdebstrap")
      }
    }
  }

  private func variantSet(
    _ pool: PackagePool, _ architecture: String
  ) throws(BootstrapError) -> [VariantSet.Package] {
    do throws(SolverError) {
      return try VariantSet(request, architecture: architecture).resolve(pool)
    } catch {
      throw .unsolvable(error)
    }
  }

  /// What `--aptopt` says of a yes-or-no setting; nil when it says nothing.
  private func setting(_ name: String) throws(BootstrapError) -> Bool? {
    var value: Bool?
    for line in request.aptOptions where line.lowercased().hasPrefix(name.lowercased()) {
      let word = line.dropFirst(name.count).filter { $0.isLetter || $0.isNumber }.lowercased()
      switch word {
      case "true", "yes", "1", "on": value = true
      case "false", "no", "0", "off": value = false
      default: throw .badArgument(what: "line of apt's configuration", value: line)
      }
    }
    return value
  }

  private struct Read: Sendable {
    var archive: ArchiveRelease
    var indexes: [PackageIndex]
  }

  /// All suites at once, each with all its indexes.
  private func archives(
    _ sources: [AptSource], architecture: String, folder: FilePath
  ) throws(BootstrapError) -> [Read] {
    var origins: [Origin] = []
    for source in sources
    where source.architectures.isEmpty || source.architectures.contains(architecture) {
      for uri in source.uris {
        for suite in source.suites {
          let suite = suite.replacing("$(ARCH)", with: architecture)
          origins.append(
            Origin(source: source, uri: uri.replacing("$(ARCH)", with: architecture), suite: suite))
        }
      }
    }
    let files = ArchiveFiles(isOffline: isOffline, options: transfer, onBytes: onBytes)
    let reader = ReleaseReader(
      files: files, cache: cache,
      signatures: SignatureCheck(keyrings: request.keyrings.map(absolutePath), folder: folder), now: now,
      onNotice: onNotice)
    let indexes = IndexReader(files: files, cache: cache, architecture: architecture)
    let list = origins
    onPhase(.releases)
    let releases = try inParallel(list) { origin throws(BootstrapError) in
      try reader.read(origin.source, uri: origin.uri, suite: origin.suite)
    }
    var wanted: [(archive: Int, request: IndexReader.Request)] = []
    for (number, archive) in releases.enumerated() {
      let isLocal = try ArchiveFiles.localPath(archive.uri) != nil
      for request in try indexes.requests(
        archive, components: list[number].source.components, isLocal: isLocal)
      {
        wanted.append((number, request))
      }
    }
    let missing = wanted.reduce(0) { $0 + indexes.missingBytes($1.request) }
    onPhase(missing > 0 ? .indexes(bytes: missing) : .choice)
    let found = try inParallel(wanted.map(\.request)) { request throws(BootstrapError) in
      try indexes.read(request)
    }
    if missing > 0 { onPhase(.choice) }
    var result = releases.map { Read(archive: $0, indexes: []) }
    for (number, index) in zip(wanted.map(\.archive), found) { result[number].indexes.append(index) }
    return result
  }
}

/// Does something with each element, up to four at once; the results stand in the elements' order.
///
/// - Throws: the error of the first element, in their order, that has one.
func inParallel<Element: Sendable, Result: Sendable>(
  _ elements: [Element], _ body: @escaping @Sendable (Element) throws(BootstrapError) -> Result
) throws(BootstrapError) -> [Result] {
  if elements.count == 1 { return [try body(elements[0])] }
  let results = Mutex<[Swift.Result<Result, BootstrapError>?]>(Array(repeating: nil, count: elements.count))
  let next = Atomic<Int>(0)
  let shared = Shared(results: results, next: next)
  let workers = (0..<min(4, elements.count)).map { _ in
    Worker {
      while true {
        let index = shared.next.wrappingAdd(1, ordering: .relaxed).oldValue
        if index >= elements.count { return }
        do throws(BootstrapError) {
          let result = try body(elements[index])
          shared.results.withLock { $0[index] = .success(result) }
        } catch {
          shared.results.withLock { $0[index] = .failure(error) }
        }
      }
    }
  }
  for worker in workers { try? worker.join() }
  var all: [Result] = []
  for result in shared.results.withLock({ $0 }) {
    guard let result else { continue }
    all.append(try result.get())
  }
  return all
}

private final class Shared<Result: Sendable>: Sendable {
  let results: Mutex<[Swift.Result<Result, BootstrapError>?]>
  let next: Atomic<Int>

  init(results: consuming Mutex<[Swift.Result<Result, BootstrapError>?]>, next: consuming Atomic<Int>) {
    self.results = results
    self.next = next
  }
}
