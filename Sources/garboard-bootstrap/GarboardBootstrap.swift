public import ArgumentParser
public import Bootstrap
import Cache
import CommandSupport
import Debian
import Fetch
import Image
import OCI
import Posix
import Rootfs
import SBOM
import Synchronization
import SystemPackage

/// A Debian base image from a mirror.
struct GarboardBootstrap: GarboardTool {
  static let name = "garboard-bootstrap"
  static let abstract = "Make a Debian base image from a mirror"
  static let explanation = """
    The arguments stand in the order of debootstrap and mmdebstrap. A mirror is a URL, a "deb …" line, a deb822 \
    file, a .list file, or - for standard input; without one, the machine's own apt sources for Debian are used, \
    with updates and security for a stable suite. Times are clamped to $SOURCE_DATE_EPOCH, else to the date of \
    the archive, so that the same archive gives the same image.
    """
  static let examples = [
    Example("A minimal image of trixie", "garboard-bootstrap trixie debian-trixie.oci.tar"),
    Example(
      "A slim one with certificates, named, in an OCI layout",
      "garboard-bootstrap --slim --include ca-certificates -t debian:slim -o images:slim trixie"),
    Example("A plain tar of the build set", "garboard-bootstrap --variant buildd trixie trixie.tar.zst"),
    Example(
      "Which packages an image would have, and why; the list is kept",
      "garboard-bootstrap --simulate --variant important --include nginx --lock trixie.lock trixie"),
    Example(
      "Packages on top of an image, as one layer more",
      "garboard-bootstrap --base debian-trixie.oci.tar --include curl trixie curl.oci.tar"),
    Example(
      "By debootstrap, with a command run in it before it is packed",
      "garboard-bootstrap --engine debootstrap --customize-hook 'touch \"$1/etc/made-here\"' trixie t.oci.tar"
    ),
  ]

  @OptionGroup var common: CommonOptions
  @OptionGroup(title: "Image") var image: ImageOptions
  @OptionGroup(title: "Packages") var packages: PackageOptions
  @OptionGroup(title: "Plan") var planning: PlanOptions
  @OptionGroup(title: "Plan") var cache: CacheOptions

  @Option(help: "What makes the system: native, mmdebstrap or debootstrap.")
  var engine = EngineName.native

  @Option(
    help: ArgumentHelp(
      """
      Add the packages to this image as one layer more: oci:DIR[:TAG], oci-archive:FILE[:TAG], \
      docker-archive:FILE[:NAME:TAG], docker://HOST/NAME[:TAG] or a path.
      """, valueName: "image"),
    completion: .file())
  var base: String?

  @Option(help: "Where the engine native makes the system: auto, memory or disk ($TMPDIR).")
  var storage = NativeEngine.Storage.auto

  @Option(
    help: ArgumentHelp(
      "The newest time that a file may have, in seconds since 1970 (default: $SOURCE_DATE_EPOCH, else the "
        + "archive's date).", valueName: "seconds"))
  var sourceDateEpoch: Int64?

  @Argument(help: "The suite, as trixie or stable.")
  var suite: String

  @Argument(help: ArgumentHelp("Where the image goes, as -o.", valueName: "dest"), completion: .file())
  var destination: String?

  @Argument(help: "Mirrors.")
  var mirror: [String] = []

  mutating func run() throws {
    defer { boundCache() }
    if let base, planning.simulate { return try BaseMode(self, at: base).simulate() }
    if planning.simulate { return try simulate() }
    if engine != .native, let option = planning.usedOption {
      throw ValidationError(
        "\(option) needs --simulate: the engine \(engine.rawValue) chooses packages itself.")
    }
    if let destination { image.output.insert(destination, at: 0) }
    if let base { return try BaseMode(self, at: base).run() }
    let destinations = try image.destinations()
    if common.json, destinations.contains(.stream) {
      throw ValidationError("--json and an image on standard output exclude each other.")
    }
    var request = packages.request(suite: suite)
    request.mirrors = mirror
    request.sourceDateEpoch = try sourceDateEpoch ?? image.givenTime()?.seconds
    request.isVerbose = common.verbose > 0
    let progress = Progress("bootstrap \(suite)")
    defer { progress.finish() }
    let isVerbose = common.verbose > 0
    var bootstrapper = Bootstrapper(
      request, engine: engine.engine(storage: storage, jobs: common.jobs),
      observer: BootstrapObserver(
        line: { if isVerbose { Console.shared.verbose($0) } }, phase: { progress.setTitle("\($0)") }))
    let list = try bootstrapper.mirrors()
    for notice in list.notices { Console.shared.notice(notice) }
    if engine == .native { try prepareNative(&bootstrapper, list, progress) }
    var plan = try image.rootfsImage(
      to: destinations, createdBy: ([Self.name, suite] + packages.words).joined(separator: " "),
      common: common, progress: progress)
    if plan.platform == nil, let name = request.architecture {
      plan.platform = Platform(debianArchitecture: name)
    }
    var inventory: PackageInventory?
    let made = try bootstrapper.run(from: list) { tree in
      let given = try image.givenTime()
      let epoch = tree.epoch
      plan.created = { _ in given ?? CreationTime(seconds: epoch) }
      return try plan.make { sink in
        inventory = try image.noting(sink) { sink in
          let order = CanonicalOrder(into: sink, temporaryDirectory: temporaryDirectory())
          try order.order(try tree.entries { Console.shared.notice($0) })
        }
      }
    }
    progress.finish()
    try image.writeBill(made, inventory, common: common)
    try image.present(made, common: common)
  }
}

extension GarboardBootstrap {
  /// Removes from the cache what was not used for longest where it has become too large. A cache that nothing can be
  /// removed from is no reason to fail.
  private func boundCache() {
    CacheLock.leavePackages()
    try? Cache.keep(cache.directory, within: cache.limit ?? Cache.defaultLimit)
  }

  /// Chooses packages, and has them fetched when the work starts.
  private func prepareNative(
    _ bootstrapper: inout Bootstrapper, _ mirrors: MirrorList, _ progress: Progress
  ) throws {
    try bootstrapper.engine.check(bootstrapper.request)
    let (engine, date) = try native(bootstrapper.request, mirrors, progress)
    bootstrapper.request.sourceDateEpoch = bootstrapper.request.sourceDateEpoch ?? date
    bootstrapper.engine = engine
  }

  /// The engine with the packages of a plan, and the date of the plan.
  func native(
    _ request: BootstrapRequest, _ mirrors: MirrorList, _ progress: Progress, base: BasePackages? = nil
  ) throws -> (engine: NativeEngine, date: Int64) {
    let cache = try PackageCache(cache.directory)
    let plan = try planning.plan(
      request, mirrors: { mirrors }, cache: cache, progress: progress, base: base)
    var fetch = PackageFetch(into: cache)
    fetch.isOffline = planning.offline
    fetch.transfer.onRetry = { Console.shared.verbose("\($0), again after \($1)") }
    fetch.onTotal = { [suite] in progress.begin("fetching packages of \(suite)", total: $0) }
    fetch.onBytes = { progress.add($0) }
    let engine = NativeEngine(storage: storage, jobs: common.jobs) { [fetch, suite] _ in
      let fetched = try fetch.fetch(plan)
      progress.begin("bootstrap \(suite)")
      return NativeEngine.Packages(plan, fetched, cache: cache)
    }
    return (engine, plan.date)
  }

  /// Prints the plan and makes nothing.
  private func simulate() throws {
    var request = packages.request(suite: suite)
    request.mirrors = mirror
    let progress = Progress("planning \(suite)")
    defer { progress.finish() }
    let bootstrapper = Bootstrapper(request, engine: engine.engine())
    let plan = try planning.plan(
      request, mirrors: { try bootstrapper.mirrors() }, cache: try PackageCache(cache.directory),
      progress: progress)
    progress.finish()
    try PlanOptions.present(plan, isJSON: common.json)
  }
}

extension EngineName: ExpressibleByArgument {}
extension NativeEngine.Storage: ExpressibleByArgument {}
extension BootstrapRequest.Variant: ExpressibleByArgument {}
extension BootstrapRequest.Mode: ExpressibleByArgument {}
