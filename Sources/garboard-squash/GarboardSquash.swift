import Archive
import ArgumentParser
import CommandSupport
import Digest
import Image
import OCI
import Posix
import Rootfs
import SBOM
import Squash

/// Joins the layers of images.
@main
struct GarboardSquash: GarboardTool {
  static let name = "garboard-squash"
  static let abstract = "Join the layers of an image, all or some, and leave out what nobody needs"
  static let explanation = """
    The layers are laid on each other as the kernel's overlayfs does it, and written as one: what later layers \
    hide or replace is gone. Each blob is read once and verified. The same tree gives the same layer, \
    whatever layers it came from. An index of several platforms has each of its images squashed.

    Configuration, labels and annotations stay as they are; the history says what was squashed.
    """
  static let examples = [
    Example("All layers into one", "garboard-squash app.oci.tar small.oci.tar"),
    Example(
      "The last three layers, and zstd", "garboard-squash --last 3 --compression zstd app.oci.tar -o small"),
    Example(
      "Keep the base's layers, join the rest",
      "garboard-squash --onto base.oci.tar app.oci.tar -o small.oci.tar"),
    Example(
      "Without manuals, caches and the like, and each content once",
      "garboard-squash --shrink safe --dedupe app.oci.tar -o small.oci.tar"),
    Example(
      "Without a directory", "garboard-squash --exclude /usr/share/doc app.oci.tar -o small.oci.tar"),
    Example("What the rules leave out and cost", "garboard-squash --shrink list"),
    Example(
      "With a page that shows where the bytes are that are left",
      "garboard-squash app.oci.tar -o small.oci.tar --report small.html"),
    Example("In the layout itself", "garboard-squash --in-place oci:layout:1"),
    Example("The flat root file system", "garboard-squash app.oci.tar -o tar:rootfs.tar"),
  ]

  @OptionGroup var common: CommonOptions
  @OptionGroup(title: "Image") var image: ImageOptions
  @OptionGroup(title: "Files") var filter: FilterOptions
  @OptionGroup(title: "Shrinking") var shrinking: ShrinkOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions

  @Option(help: ArgumentHelp("Join the topmost n layers.", valueName: "n"))
  var last: Int?

  @Option(
    help: ArgumentHelp(
      "Join this layer and all above it: its number (1 is the lowest), or the start of its digest or diff ID.",
      valueName: "layer"))
  var from: String?

  @Option(
    help: ArgumentHelp(
      "Join layers beside each other so that n are left and the fewest bytes change.", valueName: "n"))
  var maxLayers: Int?

  @Option(
    help: ArgumentHelp(
      "Keep the layers shared with this image as they are, and join the rest.", valueName: "image"),
    completion: .file())
  var onto: String?

  @Flag(help: "Keep the history of the layers that are joined.")
  var keepHistory = false

  @Option(name: .shortAndLong, help: "A remark for the image's history.")
  var message: String?

  @Flag(help: "Put the result where the image was.")
  var inPlace = false

  @Option(
    help: ArgumentHelp(
      "How many bytes of files are kept in memory, not on the disk (default: 16MiB).",
      valueName: "size"))
  var spoolMemory: ByteCount?

  @Argument(
    help: ArgumentHelp(
      """
      The image: oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG], docker://HOST/NAME[:TAG], \
      a path, or - for standard input.
      """, valueName: "image"),
    completion: .file())
  var source: String?

  @Argument(help: ArgumentHelp("Where the result goes, as -o.", valueName: "dest"), completion: .file())
  var destination: String?

  func validate() throws {
    if source == nil, !shrinking.isListing { throw ValidationError("Name an image.") }
    let selections = [last != nil, from != nil, maxLayers != nil, onto != nil].filter { $0 }.count
    if selections > 1 {
      throw ValidationError("Only one of --last, --from, --max-layers and --onto can be given.")
    }
    if let last, last < 1 { throw ValidationError("--last takes a number from 1, not \(last).") }
    if let maxLayers, maxLayers < 1 {
      throw ValidationError("--max-layers takes a number from 1, not \(maxLayers).")
    }
    if inPlace, destination != nil || !image.output.isEmpty {
      throw ValidationError("--in-place and a destination exclude each other.")
    }
  }

  mutating func run() throws {
    guard let named = source, !shrinking.isListing else { return try printOutput(ShrinkOptions.list) }
    if let destination { image.output.append(destination) }
    if image.output.isEmpty, !inPlace {
      throw ValidationError("Say where the result goes: DEST, -o DEST, or --in-place.")
    }
    let registries = image.registries.stores(common)
    let source = try ImageSource(try ImageLocation(named, for: .input), remote: registries)
    let images = try SquashPlaces.images(source, platform: image.platform)
    if inPlace { try image.checkFiles() }
    var destinations = inPlace ? [try SquashPlaces.inPlace(source, images: images)] : try image.destinations()
    if common.json, destinations.contains(.stream) {
      throw ValidationError("--json and an image on standard output exclude each other.")
    }
    let plain = destinations.first { $0.plainPath != nil }
    if let plain {
      if images.count > 1 {
        throw ValidationError("\(plain) holds one platform only: choose it with --platform.")
      }
      if last != nil || from != nil || maxLayers != nil || onto != nil {
        throw ValidationError(
          "\(plain) holds a whole tree: --last, --from, --max-layers and --onto make none.")
      }
    }
    var tags = image.tag
    (destinations, tags) = SquashPlaces.named(destinations, like: images, tags: tags)
    if inPlace { image.output = ["\(destinations[0])"] }

    let total = images.flatMap(\.layers).reduce(UInt64(0)) { sum, layer in
      sum.addingReportingOverflow(layer.descriptor.size).partialValue
    }
    let reading = Progress("Reading", total: total)
    defer { reading.finish() }
    let outputs = try ImageOutputs(destinations, tags: tags, remote: registries)
    outputs.jobs = common.jobs
    outputs.keepsBlobs = self.image.wantsPage
    var squasher = Squasher(try options(), to: outputs)
    squasher.read = { reading.add($0) }
    var squashed: [SquashedImage] = []
    var bills: [PackageInventory?] = []
    for image in images {
      squasher.options.selection = try selection(for: image)
      let bill = self.image.sbom == nil ? nil : SquashInventory(limits)
      if let bill {
        squasher.joining = bill.joining
        squasher.discarding = bill.discarding
        squasher.keeping = bill.keeping
      }
      squashed.append(try squasher.squash(image))
      bills.append(bill?.finish())
    }
    reading.finish()
    _ = try outputs.finish(squashed.map(\.image), removesReplaced: inPlace)
    try self.image.writeBill(zip(squashed, bills).map { ($0.image, $1) }, common: common)
    try present(squashed, outputs.images, tags: tags)
  }

  private func options() throws -> SquashOptions {
    var options = SquashOptions()
    options.filter = try filter.filter(time: try image.givenTime())
    options.filter.keepsMachineAttributes = true
    options.filter.rules = []
    options.removals = try shrinking.removals(excluding: filter.exclude, including: filter.include)
    options.dedupe = try shrinking.deduping()
    options.keepsHistory = keepHistory
    options.message = message
    options.changes = try image.changes()
    options.annotations = Dictionary(
      image.annotation.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last })
    options.created = try image.givenTime()
    options.compression = image.layerCompression
    if let spoolMemory { options.spoolMemory = spoolMemory.bytes }
    options.archiveLimits = limits.archive
    options.expansionLimits = limits.expansion
    return options
  }

  private func selection(for image: Image) throws -> SquashSelection {
    if let last { return .last(last) }
    if let from { return .from(from) }
    if let maxLayers { return .maxLayers(maxLayers) }
    guard let onto else { return .all }
    let base = try ImageSource(
      try ImageLocation(onto, for: .input), remote: self.image.registries.stores(common)
    ).select(platform: image.platform)
    return .onto(base.layers.map(\.diffID), name: onto)
  }

  private func present(_ squashed: [SquashedImage], _ images: [Image], tags: [Reference]) throws {
    func layers(_ layers: [SquashedLayer]) -> [ImageSummary.Layer] {
      layers.map { layer in
        ImageSummary.Layer(
          digest: layer.descriptor.digest, diffID: layer.diffID,
          mediaType: layer.descriptor.mediaType.rawValue, size: layer.descriptor.size,
          uncompressedSize: layer.uncompressedSize, entries: layer.entries, createdBy: layer.createdBy ?? "")
      }
    }
    let wantsLess =
      try !shrinking.removals(excluding: filter.exclude, including: filter.include).isEmpty
      || shrinking.deduping() != nil
    let summaries = squashed.map { squashed in
      var summary = ImageSummary(
        reference: tags.first, platform: squashed.image.config.content.platform,
        digest: squashed.image.manifest.digest, outputs: image.output, layers: layers(squashed.after))
      summary.before = layers(squashed.before)
      if wantsLess {
        summary.savings = (squashed.savings ?? []).map {
          ImageSummary.Saving(kind: $0.kind, name: $0.name, paths: $0.paths, bytes: $0.bytes)
        }
        if squashed.savings == nil {
          Console.shared.warning("no layers were joined, so nothing was left out")
        }
        if squashed.leftovers > 0 {
          Console.shared.warning(
            "some paths (\(formatCount(UInt64(squashed.leftovers)))) that were to be left out come from layers "
              + "above the joined ones; without --max-layers they go")
        }
      }
      return summary
    }
    try image.present(summaries, of: images, common: common)
  }
}
