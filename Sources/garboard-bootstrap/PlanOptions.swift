import ArgumentParser
import Bootstrap
import CommandSupport
import Debian
import Digest
import Fetch
import OCI
import Posix
import SystemPackage

/// What is chosen before anything is made, and from where it may come.
struct PlanOptions: ParsableArguments {
  @Flag(help: "Print which packages the system would have, and why, and make nothing.")
  var simulate = false

  @Option(
    help: ArgumentHelp(
      "Write which packages were taken, with their digests, to this file.", valueName: "file"),
    completion: .file())
  var lock: String?

  @Option(
    help: ArgumentHelp(
      "Take exactly the packages that this file of --lock names, or fail.", valueName: "file"),
    completion: .file())
  var locked: String?

  @Flag(help: "Ask no network: take what the cache has, or fail.")
  var offline = false

  func validate() throws {
    if lock != nil && locked != nil {
      throw ValidationError("--lock and --locked exclude each other.")
    }
  }

  /// The first option that was given and that only a plan of ours can honour.
  var usedOption: String? {
    if lock != nil { return "--lock" }
    if locked != nil { return "--locked" }
    return offline ? "--offline" : nil
  }

  /// The plan of a request: from its lock file, or from the archives' indexes.
  ///
  /// - Parameters:
  ///   - progress: shows what is done, and how much is fetched for it.
  ///   - base: the packages of the image that the request adds to; nil for a system from nothing.
  func plan(
    _ request: BootstrapRequest, mirrors: () throws -> MirrorList, cache: PackageCache, progress: Progress,
    base: BasePackages? = nil
  ) throws -> BootstrapPlan {
    progress.begin("planning \(request.suite)")
    if let locked {
      let path = FilePath(locked)
      let plan = try PlanLock.read(path)
      try plan.check(request, path)
      return plan
    }
    try request.validate()
    var planner = Planner(request, cache: cache)
    planner.isOffline = offline
    planner.base = base
    planner.onPhase = { [suite = request.suite] phase in
      switch phase {
      case .releases: progress.begin("fetching InRelease of \(suite)")
      case .indexes(let bytes): progress.begin("fetching indexes of \(suite)", total: bytes)
      case .choice: progress.begin("planning \(suite)")
      }
    }
    planner.onBytes = { progress.add($0) }
    planner.onNotice = { Console.shared.notice($0) }
    planner.transfer.onRetry = { Console.shared.verbose("\($0), again after \($1)") }
    let plan = try planner.plan(try mirrors().sources)
    if let lock { try PlanLock.write(plan, to: FilePath(lock)) }
    return plan
  }

  /// Prints a plan: as a table on standard error with totals, or as JSON on standard output.
  static func present(_ plan: BootstrapPlan, isJSON: Bool) throws {
    if isJSON { return try printOutput(json(plan) + "\n") }
    var table = Table([.left("package"), .left("version"), .left("arch"), .right("size"), .left("why")])
    for package in plan.packages {
      let record = package.record
      table.add([
        record.name, record.version.text, record.architecture, formatSize(record.size), "\(package.reason)",
      ])
    }
    try printOutput(table.lines().joined(separator: "\n") + "\n")
    Console.shared.result([
      "\(formatCount(UInt64(plan.packages.count))) packages, \(formatSize(plan.downloadSize)) to fetch, "
        + "\(formatSize(plan.installedSize * 1024)) when unpacked"
    ])
  }

  private static func json(_ plan: BootstrapPlan) -> String {
    var packages: [JSONValue] = []
    for package in plan.packages {
      let record = package.record
      var object = JSONObject()
      object["name"] = .string(record.name)
      object["version"] = .string(record.version.text)
      object["architecture"] = .string(record.architecture)
      object["filename"] = .string(record.filename)
      object["size"] = .integer(Int64(clamping: record.size))
      object["sha256"] = .string(record.sha256.hex)
      object["installedSize"] = .integer(Int64(clamping: record.installedSize * 1024))
      object["reason"] = .string("\(package.reason)")
      object["mirror"] = .string(package.mirror)
      object["suite"] = .string(package.suite)
      packages.append(.object(object))
    }
    var document = JSONObject()
    document["suite"] = .string(plan.suite)
    document["architecture"] = .string(plan.architecture)
    document["packages"] = .array(packages)
    return String(decoding: JSONWriter.bytes(of: .object(document)), as: UTF8.self)
  }
}
