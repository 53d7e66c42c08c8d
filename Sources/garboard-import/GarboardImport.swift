import Archive
import ArgumentParser
import CommandSupport
import Fetch
import Image
import OCI
import Posix
import Rootfs
import SBOM
import SystemPackage

/// `docker import` without docker.
@main
struct GarboardImport: GarboardTool {
  static let name = "garboard-import"
  static let abstract = "Make an image of one layer from a root file system"
  static let explanation = """
    The source is a tar of any kind and compression (or a cpio, zip or other archive), a directory, a URL, or - \
    for standard input. The image gets the platform of the programs in it unless --platform says another.
    """
  static let examples = [
    Example("A tarball as an OCI image", "garboard-import rootfs.tar -t base:1 -o base.oci.tar"),
    Example(
      "A directory, with a command, into an OCI layout",
      "garboard-import rootfs/ -t base:1 -c 'CMD [\"/bin/sh\"]' -c 'ENV LANG=C.UTF-8' -o layout:1"),
    Example(
      "From a pipe to a pipe",
      "tar -C rootfs -c . | garboard-import - base:1 -o - | podman load"),
    Example(
      "zstd layers, without documentation",
      "garboard-import rootfs.tar base:1 --exclude /usr/share/doc --compression zstd -o small.oci.tar"),
  ]

  @OptionGroup var common: CommonOptions
  @OptionGroup(title: "Image") var image: ImageOptions
  @OptionGroup(title: "Files") var filter: FilterOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions

  @Option(name: .shortAndLong, help: "A remark for the image's history.")
  var message: String?

  @Argument(help: ArgumentHelp("The root file system.", valueName: "file|dir|url|-"), completion: .file())
  var source: String

  @Argument(help: "The image's name.")
  var reference: String?

  @Argument(help: ArgumentHelp("Where the image goes, as -o.", valueName: "dest"), completion: .file())
  var destination: String?

  mutating func run() throws {
    if let destination { image.output.append(destination) }
    if reference == "-", destination == nil {
      image.output.append("-")
    } else if let reference {
      do { image.tag.insert(try Reference(reference).withTag, at: 0) } catch {
        throw ValidationError("\(error)")
      }
    }
    let destinations = try image.destinations()
    if common.json, destinations.contains(.stream) {
      throw ValidationError("--json and an image on standard output exclude each other.")
    }
    let progress = Progress("import")
    defer { progress.finish() }
    var plan = try image.rootfsImage(
      to: destinations, createdBy: Self.name, common: common, progress: progress)
    plan.comment = message
    let input = try open()
    let filter = try filter.filter(time: try image.givenTime())
    var bounds = RootfsInput.Limits()
    bounds.archive = limits.archive
    bounds.expansion = limits.expansion
    var inventory: PackageInventory?
    let made = try plan.make { sink in
      inventory = try image.noting(sink) { sink in
        try input.send(
          to: sink, limits: bounds,
          shape: { entry in
            // Directories above what is included after all come by themselves.
            if filter.judge(&entry) != .keep { return false }
            guard try LayerName(entry.path) == .ordinary else { throw ReservedName(path: entry.path) }
            return true
          },
          notice: { Console.shared.notice($0) })
      }
    }
    progress.finish()
    try image.writeBill(made, inventory, common: common)
    try image.present(made, common: common)
  }

  /// Opens the source: what it is shows by its form, and then on the disk.
  private func open() throws -> RootfsInput {
    if source == "-" {
      return .stream(DescriptorSource(Descriptor(owning: 0), name: "standard input"), name: "standard input")
    }
    if let path = try localPath(ofURL: source) { return RootfsInput(path) }
    if isFetchable(source) { return .stream(try HTTPSource(source), name: source) }
    return RootfsInput(FilePath(source))
  }
}

/// A name that means a whiteout inside a layer, where a root file system has it.
struct ReservedName: Error, CustomStringConvertible {
  var path: EntryPath

  var description: String {
    "the name of \"\(path)\" means a whiteout in a layer (--exclude leaves it out)"
  }
}
