public import ArgumentParser
public import CacheContents
import CommandSupport
import Glibc
import OCI
import Posix
import SystemPackage

/// Says what is in the cache, checks it, and makes it smaller.
@main
struct GarboardCache: GarboardTool {
  static let name = "garboard-cache"
  static let abstract = "List, verify and prune what is kept for the next time"
  static let explanation = """
    list shows every file of the cache with its kind, size and last use. verify reads everything, and removes \
    what is damaged (with --dry-run it only says so, and fails). prune removes what was not used for longest.

    Other processes may use the cache meanwhile. All of it can be removed at any time; the states of archives \
    (kind state) stay unless they are named, since older states than those seen are refused.
    """
  static let examples = [
    Example("What is in the cache, by kind", "garboard-cache list --summary"),
    Example("All files, for programs", "garboard-cache list --json"),
    Example("Remove what is damaged", "garboard-cache verify"),
    Example("Remove what was not used for a month", "garboard-cache prune --older-than 30d"),
    Example("What would go to make it smaller", "garboard-cache prune --max-size 2GB --dry-run"),
  ]

  /// What is done.
  enum Action: String, ExpressibleByArgument, CaseIterable {
    case list
    case verify
    case prune
  }

  @OptionGroup var common: CommonOptions
  @OptionGroup var cache: CacheDirectoryOptions

  @Argument(help: "What to do: list, verify or prune.")
  var action: Action

  @Option(
    help: ArgumentHelp(
      "Of these alone: blob, record, package, part, data, index, state, leftover or other; may be repeated.",
      valueName: "kind"))
  var kind: [CacheItem.Kind] = []

  @Flag(help: "Show the sums alone (list).")
  var summary = false

  @Option(
    help: ArgumentHelp(
      "Remove what was not used for so long (prune): a number and s, m, h, d or w.", valueName: "age"))
  var olderThan: Age?

  @Option(
    name: [.customLong("max-size"), .customLong("keep-bytes")],
    help: ArgumentHelp(
      "Remove until no more is left (prune); what was not used for longest goes first.", valueName: "size"))
  var maxSize: ByteCount?

  @Flag(help: "Remove nothing, and say what would go (prune, verify).")
  var dryRun = false

  func validate() throws {
    if action != .prune, olderThan != nil || maxSize != nil {
      throw ValidationError("--older-than and --max-size are for prune.")
    }
    if action == .prune, olderThan == nil, maxSize == nil {
      throw ValidationError("Say what to prune: --older-than AGE, --max-size SIZE, or both.")
    }
    if action != .list, summary { throw ValidationError("--summary is for list.") }
    if action == .list, dryRun { throw ValidationError("--dry-run is for prune and verify.") }
    if action == .prune, kind.contains(.other) {
      throw ValidationError("What is of another kind is nobody's to remove: see \"list --kind other\".")
    }
  }

  func run() throws {
    switch action {
    case .list: try list()
    case .verify: try verify()
    case .prune: try prune()
    }
  }

  private func isMeant(_ item: CacheItem) -> Bool { kind.isEmpty || kind.contains(item.kind) }

  private func list() throws {
    var listing = try CacheListing(of: cache.directory)
    if !summary { listing.label() }
    let items = listing.items.filter(isMeant)
    let report = CacheReport(items, directory: cache.directory, now: Int64(time(nil)))
    if common.json {
      var object = report.json
      if !summary { object["items"] = .array(items.map(\.json)) }
      try print(object)
    } else if !common.quiet {
      let width = isatty(1) == 1 ? Console.shared.width : nil
      let files = summary || items.isEmpty ? [] : report.files(width: width) + [""]
      try printOutput((files + report.sums).joined(separator: "\n") + "\n")
    }
  }

  private func verify() throws {
    var listing = try CacheListing(of: cache.directory)
    listing.keep(isMeant)
    let progress = Progress("Verifying the cache", total: listing.size)
    defer { progress.finish() }
    var check = CacheCheck()
    check.removes = !dryRun
    check.jobs = common.jobs
    check.progress = { progress.add($0) }
    let damages = try check.run(listing)
    progress.finish()
    for damage in damages {
      let end = damage.isRemoved ? "removed" : "still there"
      Console.shared.warning("\(damage.item.path): \(damage.problem); \(end)")
    }
    let report = CacheReport(listing.items, directory: cache.directory, now: Int64(time(nil)))
    if common.json {
      var object = report.json
      object["damaged"] = .array(
        damages.map { damage in
          var item = damage.item.object
          item["problem"] = .string(damage.problem)
          item["removed"] = .bool(damage.isRemoved)
          return .object(item)
        })
      try print(object)
    } else {
      let files = formatCount(UInt64(listing.items.count))
      Console.shared.result([
        "\(files) files, \(formatSize(listing.size)); \(damages.isEmpty ? "none" : "\(damages.count)") damaged"
      ])
    }
    if damages.contains(where: { !$0.isRemoved }) { throw ExitCode.failure }
  }

  private func prune() throws {
    var pruning = CachePruning()
    pruning.age = olderThan?.seconds
    pruning.size = maxSize?.bytes
    pruning.isDryRun = dryRun
    if !kind.isEmpty { pruning.kinds = Set(kind) }
    let result = try pruning.run(cache.directory, now: Int64(time(nil)))
    if !result.kept.isEmpty {
      let size = formatSize(result.kept.reduce(0) { $0 + $1.size })
      Console.shared.notice("\(size) stay, since a process that is running may need them")
    }
    let report = CacheReport(result.removed, directory: cache.directory, now: Int64(time(nil)))
    if common.json {
      var object = report.json
      object["removed"] = .array(result.removed.map(\.json))
      object["kept"] = .array(result.kept.map(\.json))
      object["left"] = .integer(Int64(clamping: result.left))
      object["dryRun"] = .bool(dryRun)
      try print(object)
      return
    }
    let removed = "\(formatSize(report.size)) in \(formatCount(UInt64(result.removed.count))) files"
    Console.shared.result(
      (result.removed.isEmpty ? [] : report.files(width: Console.shared.width) + [""]) + [
        "\(removed) \(dryRun ? "would be " : "")removed, \(formatSize(result.left)) left"
      ])
  }

  private func print(_ object: JSONObject) throws {
    try printOutput(String(decoding: JSONWriter.indentedBytes(of: .object(object)), as: UTF8.self))
  }
}

extension CacheItem.Kind: ExpressibleByArgument {}
