import ArgumentParser
import Codec
import CommandSupport
import Digest
import Image
import OCI

/// Copies images between stores and registries.
@main
struct GarboardCopy: GarboardTool {
  static let name = "garboard-copy"
  static let abstract = "Copy images between registries, OCI layouts and archives"
  static let explanation = """
    Bytes and digests stay as they are, also of an index of several platforms with all that it lists. Several \
    blobs move at once, and none that the destination has already; between repositories of one registry the \
    registry itself takes them over. Sizes and digests are verified on the way. Nothing has a name at the \
    destination before all of it is there.

    Credentials are those of docker login and podman login.
    """
  static let examples = [
    Example("To a registry", "garboard-copy app.oci.tar docker://localhost:5000/team/app:1"),
    Example(
      "From a registry into a layout", "garboard-copy docker://localhost:5000/team/base:1 oci:layout:base"),
    Example(
      "From one repository to another, which moves nothing",
      "garboard-copy docker://localhost:5000/team/base:1 docker://localhost:5000/other/base:1"),
    Example("One platform of several", "garboard-copy --platform linux/amd64 app.oci.tar amd64.oci.tar"),
    Example(
      "With bills of materials and signatures",
      "garboard-copy --referrers docker://localhost:5000/team/base:1 oci:layout:base"),
    Example("Compressed by zstd instead", "garboard-copy --recompress zstd app.oci.tar small.oci.tar"),
    Example(
      "An archive that docker loads, and a layout", "garboard-copy app.oci.tar app.docker.tar oci:layout:app"),
  ]

  @OptionGroup var common: CommonOptions
  @OptionGroup(title: "Registries") var registries: RegistryOptions

  @Option(
    name: .shortAndLong, help: ArgumentHelp("A name of the image; may be repeated.", valueName: "name:tag"),
    transform: { try Reference($0).withTag })
  var tag: [Reference] = []

  @Option(
    help: ArgumentHelp("Copy the image of this platform alone.", valueName: "os/arch[/variant]"),
    transform: { try Platform($0) })
  var platform: Platform?

  @Flag(help: "Copy all platforms; where the source lists them one by one, in a new index.")
  var allPlatforms = false

  @Option(
    help: ArgumentHelp(
      "Compress layers anew: gzip, zstd or none, with a level. Digests change.", valueName: "format[:level]"),
    completion: .list(["gzip", "zstd", "none"]), transform: { try CompressionSettings(parsing: $0) })
  var recompress: CompressionSettings?

  @Flag(help: "Copy what is about the image too: bills of materials, signatures (OCI 1.1 referrers).")
  var referrers = false

  @Argument(
    help: ArgumentHelp(
      """
      The image: docker://HOST/NAME[:TAG|@DIGEST], oci:DIR[:TAG], oci-archive:FILE[:TAG], \
      docker-archive:FILE[:NAME:TAG], a path, or - for standard input.
      """, valueName: "source"),
    completion: .file())
  var source: String

  @Argument(
    help: ArgumentHelp("Where it goes, written as the source; - is standard output.", valueName: "dest"),
    completion: .file())
  var destinations: [String]

  func validate() throws {
    if destinations.isEmpty { throw ValidationError("Say where the image goes.") }
    if platform != nil, allPlatforms {
      throw ValidationError("--platform and --all-platforms exclude each other.")
    }
    if let recompress, ![.gzip, .zstd, .none].contains(recompress.format) {
      throw ValidationError("Layers are compressed with gzip, zstd or none.")
    }
    if recompress != nil, referrers {
      throw ValidationError("--recompress changes digests, so nothing is about them: leave out --referrers.")
    }
    if common.json, destinations.contains("-") {
      throw ValidationError("--json and an image on standard output exclude each other.")
    }
  }

  func run() throws {
    let remote = registries.stores(common)
    let places = try destinations.map { try ImageLocation($0, for: .output) }
    if let plain = places.first(where: { $0.plainPath != nil }) {
      throw ValidationError("\(plain) is no place for an image; garboard-squash writes plain trees.")
    }
    let opened = try ImageSource(try ImageLocation(source, for: .input), remote: remote)
    var plan = try opened.copyPlan(platform: platform, joining: allPlatforms)
    if referrers { try opened.addReferrers(to: &plan) }
    let (named, tags) = CopyNames.kept(plan, from: opened, to: places, tags: tag)
    let writer = try ImageWriter(destinations: named, tags: tags, remote: remote)
    let progress = Progress("Copying \(source)", total: total(plan, places.count))
    defer { progress.finish() }
    let copier = ImageCopier(to: writer, jobs: common.givenJobs ?? 4) { progress.add($0) }
    var images = plan.images.map { ImageToStore(config: $0.config, manifest: $0.manifest) }
    let outputs: [StoredOutput]
    if let recompress {
      if images.isEmpty {
        throw ImageError(.unsupported("compressing what is no image"), at: "\(opened.location)")
      }
      if images.count < plan.documents.filter({ $0.descriptor.mediaType.kind == .manifest }).count {
        Console.shared.warning("what else the index lists is about the old digests, and is left out")
      }
      (outputs, images) = try copier.recompress(plan.images, as: recompress, threads: common.jobs)
    } else {
      outputs = try copier.copy(plan, tags: tags)
    }
    progress.finish()
    try CopySummary(outputs: outputs, images: images, tallies: copier.tallies).present(common)
  }

  private func total(_ plan: ImageCopyPlan, _ count: Int) -> UInt64 {
    recompress == nil ? plan.size.multipliedReportingOverflow(by: UInt64(count)).partialValue : plan.size
  }
}

/// The names that a copied image keeps.
enum CopyNames {
  /// Destinations and tags, with the names that the image had where the user gave none.
  static func kept(
    _ plan: ImageCopyPlan, from source: ImageSource, to destinations: [ImageLocation], tags: [Reference]
  ) -> (destinations: [ImageLocation], tags: [Reference]) {
    if !tags.isEmpty { return (destinations, tags) }
    let names = plan.images.first?.names ?? []
    // What has a slash or a tag of its own is a reference; else it is a layout's tag.
    let references = names.filter { $0.contains("/") || $0.contains(":") }.compactMap {
      try? Reference($0).withTag
    }.filter { $0.digest == nil }
    // A destination that says a name of its own takes that one alone.
    if destinations.contains(where: { $0.imageName != nil }) { return (destinations, []) }
    if !references.isEmpty { return (destinations, references) }
    let located = destinations.map { location -> ImageLocation in
      switch location {
      case .layout(let path, nil): .layout(path, name: names.first)
      case .ociArchive(let path, nil): .ociArchive(path, name: names.first)
      default: location
      }
    }
    return (located, [])
  }
}
