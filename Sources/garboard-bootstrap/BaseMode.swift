import Archive
import ArgumentParser
import Bootstrap
import CommandSupport
import Debian
import Digest
import Image
import OCI
import Posix
import Rootfs
import SBOM
import SystemPackage

/// `--base IMAGE`: packages on top of an image, as one layer more.
struct BaseMode {
  let tool: GarboardBootstrap
  /// Where the base is.
  let location: String
  let image: Image
  let base: BaseSystem
  let request: BootstrapRequest
  private let layers: [ImageSummary.Layer]

  /// Reads the base.
  init(_ tool: GarboardBootstrap, at location: String) throws {
    self.tool = tool
    self.location = location
    try Self.check(tool)
    let base = BaseSystem(temporaryDirectory: temporaryDirectory())
    let read = try BaseImage(
      location,
      platform: tool.image.platform ?? tool.packages.arch.flatMap { Platform(debianArchitecture: $0) },
      registries: tool.image.registries, common: tool.common, apply: base.apply)
    image = read.image
    guard let architecture = image.platform.debianArchitecture else {
      throw BootstrapError.unsuitableBase("Debian has no port to its platform \(image.platform)")
    }
    if let asked = tool.packages.arch, asked != architecture {
      throw BootstrapError.unsuitableBase("it is for \(architecture), and not for \(asked)")
    }
    try base.finish()
    self.base = base
    layers = read.layers
    var request = BaseEngine.request(tool.packages.request(suite: tool.suite), on: base.packages)
    request.architecture = architecture
    request.mirrors = tool.mirror
    request.sourceDateEpoch = try tool.sourceDateEpoch ?? tool.image.givenTime()?.seconds
    request.isVerbose = tool.common.verbose > 0
    self.request = request
  }

  private static func check(_ tool: GarboardBootstrap) throws {
    if tool.engine != .native { throw ValidationError("--base needs the engine native.") }
    if tool.packages.variant != .minbase {
      throw ValidationError("--variant and --base exclude each other: the base has its set of packages.")
    }
    if tool.packages.include.isEmpty, tool.packages.customizeHook.isEmpty, tool.packages.setupHook.isEmpty {
      throw ValidationError("Name the packages that are added to the base with --include.")
    }
  }

  /// The history's words: the base by its digest, wherever it is.
  private var createdBy: String {
    let words = tool.packages.words.dropFirst(2)
    return ([GarboardBootstrap.name, "--base", image.digest.short, tool.suite] + words).joined(separator: " ")
  }

  /// Prints the plan and makes nothing.
  func simulate() throws {
    let progress = Progress("planning \(tool.suite)")
    defer { progress.finish() }
    let bootstrapper = Bootstrapper(request, engine: BaseEngine(on: base, native: NativeEngine.without))
    try bootstrapper.engine.check(request)
    let plan = try tool.planning.plan(
      request, mirrors: { try bootstrapper.mirrors() }, cache: try PackageCache(tool.cache.directory),
      progress: progress, base: base.packages)
    progress.finish()
    try PlanOptions.present(plan, isJSON: tool.common.json)
  }

  /// Makes the image.
  func run() throws {
    let destinations = try tool.image.destinations()
    if tool.common.json, destinations.contains(.stream) {
      throw ValidationError("--json and an image on standard output exclude each other.")
    }
    if let plain = destinations.first(where: { $0.plainPath != nil }) {
      throw ValidationError(
        "\(plain) holds a whole tree, and not a layer on a base: make an image, and that of it by garboard-squash."
      )
    }
    let progress = Progress("adding to the base")
    defer { progress.finish() }
    let isVerbose = tool.common.verbose > 0
    var bootstrapper = Bootstrapper(
      request, engine: BaseEngine(on: base, native: NativeEngine.without),
      observer: BootstrapObserver(
        line: { if isVerbose { Console.shared.verbose($0) } }, phase: { progress.setTitle("\($0)") }))
    try bootstrapper.engine.check(request)
    try bootstrapper.request.validate()
    let mirrors = try bootstrapper.mirrors()
    for notice in mirrors.notices { Console.shared.notice(notice) }
    let (native, date) = try tool.native(request, mirrors, progress, base: base.packages)
    bootstrapper.request.sourceDateEpoch = request.sourceDateEpoch ?? date
    bootstrapper.engine = BaseEngine(on: base, native: native)
    var plan = try tool.image.rootfsImage(
      to: destinations, createdBy: createdBy, common: tool.common, progress: progress)
    plan.base = image
    let inventory = try tool.image.noting(NoEntries()) { sink in
      if tool.image.sbom != nil { try base.send(to: sink) }
    }
    var noted: PackageInventory?
    let made = try bootstrapper.run(from: mirrors) { tree in
      let given = try tool.image.givenTime()
      let epoch = CreationTime(seconds: tree.epoch)
      let below = image.config.content.created
      // It can't be older than what it is made of.
      plan.created = { _ in given ?? below.map { $0.seconds > epoch.seconds ? $0 : epoch } ?? epoch }
      return try plan.make { sink in
        noted = try tool.image.noting(sink, onto: inventory) { sink in
          let order = CanonicalOrder(into: sink, temporaryDirectory: temporaryDirectory())
          try order.order(try tree.entries { Console.shared.notice($0) })
        }
      }
    }
    progress.finish()
    try tool.image.writeBill(made, noted, common: tool.common)
    try present(made)
  }

  private func present(_ made: RootfsImage.Result) throws {
    let layer = made.layer
    let added = ImageSummary.Layer(
      digest: layer.descriptor.digest, diffID: layer.diffID,
      mediaType: layer.descriptor.mediaType.rawValue, size: layer.descriptor.size,
      uncompressedSize: layer.uncompressedSize, entries: layer.entries, createdBy: made.createdBy)
    let summary = ImageSummary(
      reference: tool.image.tag.first, platform: made.platform, digest: made.digest,
      outputs: tool.image.output, layers: layers + [added])
    try tool.image.present([summary], of: made.image.map { [$0] } ?? [], common: tool.common)
  }
}

extension NativeEngine {
  /// One that only says what can be done.
  fileprivate static var without: NativeEngine { NativeEngine(NativeEngine.planned) }
}

/// Takes a tree that only its bill of materials is wanted of.
private final class NoEntries: EntrySink {
  func add(_ entry: Entry) {}
  func write(_ bytes: UnsafeRawBufferPointer) {}
  func restart() throws -> any EntrySource { throw ImageError(.unsupported("starting over"), at: "") }
}
