import Archive
import ArgumentParser
import CommandSupport
import Digest
import Image
import OCI
import Posix
import SBOM
import Scratch

/// `garboard-scratch FILE…`.
struct ProgramMode {
  var sources: [String]
  var options: ProgramOptions
  var common: CommonOptions
  var image: ImageOptions

  func run() throws {
    let destinations = try image.destinations()
    if common.json, destinations.contains(.stream) {
      throw ValidationError("--json and an image on standard output exclude each other.")
    }
    let files = try sources.map { try FileAndPlace(parsing: $0) }
    var request = try options.request(files, platform: image.platform)
    let base = try self.base(&request, destinations)
    let builder = try ScratchBuilder(request, warning: { Console.shared.warning($0) })
    let plans = try builder.plans()
    if plans.count > 1, let plain = destinations.first(where: { $0.plainPath != nil }) {
      throw ValidationError("\(plain) holds one platform only, and these programs are for \(plans.count).")
    }
    let progress = Progress("scratch")
    defer { progress.finish() }
    let outputs = try ImageOutputs(
      destinations, tags: image.tag, remote: image.registries.stores(common))
    outputs.jobs = common.jobs
    outputs.keepsBlobs = image.wantsPage
    outputs.progress = { progress.add($0) }
    let given = try image.givenTime()
    let latest = given.map { Timestamp(seconds: $0.seconds, nanoseconds: $0.nanoseconds) }
    for layer in base?.image.layers ?? [] { try outputs.writer?.copy(layer) }
    let below = try image.noting(NoSink()) { sink in
      if image.sbom != nil { try request.base?.send(to: sink) }
    }
    var images: [(image: ImageToStore, inventory: PackageInventory?)] = []
    var summaries: [ImageSummary] = []
    for plan in plans {
      var inventory: PackageInventory?
      let layer = try outputs.writeLayer(image.layerCompression) { sink in
        inventory = try image.noting(sink, onto: below) { try plan.send(to: $0, latest: latest) }
      }
      var assembly =
        base.map { ImageAssembly(base: $0.image) }
        ?? ImageAssembly(platform: plan.platform, runtime: plan.runtime)
      if base != nil { assembly.runtime = plan.runtime }
      assembly.created = given ?? Self.time(of: layer, on: base)
      assembly.changes = try image.changes()
      assembly.annotations = Dictionary(
        image.annotation.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last })
      let history = History(created: assembly.created, createdBy: plan.createdBy)
      assembly.layers = [NewLayer(layer.descriptor, diffID: layer.diffID, history: history)]
      let made = try assembly.assemble()
      images.append((made, inventory))
      summaries.append(
        ImageSummary(
          reference: image.tag.first, platform: plan.platform, digest: made.manifest.digest,
          outputs: image.output,
          layers: (base?.layers ?? []) + [
            ImageSummary.Layer(
              digest: layer.descriptor.digest, diffID: layer.diffID,
              mediaType: layer.descriptor.mediaType.rawValue, size: layer.descriptor.size,
              uncompressedSize: layer.uncompressedSize, entries: layer.entries, createdBy: plan.createdBy)
          ]))
    }
    progress.finish()
    _ = try outputs.finish(images.map(\.image))
    try image.writeBill(images, common: common)
    try image.present(summaries, of: outputs.images, common: common)
  }

  /// Reads the base, where there is one, and puts it into the request.
  private func base(_ request: inout ScratchRequest, _ destinations: [ImageLocation]) throws -> BaseImage? {
    guard let location = options.base else { return nil }
    if let plain = destinations.first(where: { $0.plainPath != nil }) {
      throw ValidationError(
        "\(plain) holds a whole tree, and not a layer on a base: make an image, and that of it by garboard-squash."
      )
    }
    let tree = ScratchBase(temporaryDirectory: temporaryDirectory())
    let base = try BaseImage(
      location, platform: image.platform, registries: image.registries, common: common, apply: tree.apply)
    tree.runtime = base.image.config.content.runtime
    tree.name = base.image.digest.short
    request.base = tree
    request.platform = base.image.platform
    return base
  }

  /// The newest time in a layer, or of its base: it can't be older than what it is made of.
  private static func time(of layer: WrittenLayer, on base: BaseImage?) -> CreationTime {
    let own = CreationTime(seconds: layer.newest?.seconds ?? 0, nanoseconds: layer.newest?.nanoseconds ?? 0)
    guard let below = base?.image.config.content.created, below.seconds > own.seconds else { return own }
    return below
  }
}
