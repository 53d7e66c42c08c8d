import Digest
import Glibc
public import OCI
import Posix
import SystemPackage

/// The images at a location, and how to read them.
public final class ImageSource: Sendable {
  /// Where they are.
  public let location: ImageLocation
  /// The same with what was found there, where that was left open.
  public let resolved: ImageLocation
  /// The images, in the order of the index.
  public let images: [Image]
  /// What else the index lists and is no image: attestations, signatures, charts.
  public let others: [OCI.Descriptor]
  /// Images that an index lists, but whose manifest is not stored here.
  public let missing: [OCI.Descriptor]

  /// What the index lists at its top, where there is one: images, indexes of images, and others.
  public let entries: [OCI.Descriptor]
  /// Where the blobs are.
  public let store: any BlobStore

  /// Opens the images at a location.
  ///
  /// - Parameter remote: what reaches registries; nil where they can't be.
  /// - Throws: `ImageError`, `ArchiveError`, `CodecError` and `PosixError`, and what `remote` throws.
  public init(_ location: ImageLocation, remote: (any RemoteStores)? = nil) throws {
    self.location = location
    let found: Found
    var resolved = location
    switch location {
    case .layout(let path, _): found = try Self.layout(path)
    case .ociArchive(let path, _): found = try Self.archive(ArchiveStore(path), as: .oci)
    case .dockerArchive(let path, _): found = try Self.archive(ArchiveStore(path), as: .docker)
    case .detected(let path, let name):
      if try Self.isDirectory(path) {
        found = try Self.layout(path)
        resolved = .layout(path, name: name)
      } else {
        let store = try ArchiveStore(path)
        found = try Self.archive(store, as: nil)
        let hasDocker = try store.open(file: DockerManifest.fileName) != nil
        resolved =
          hasDocker
          ? .dockerArchive(path, reference: name.flatMap { try? Reference($0).withTag })
          : .ociArchive(path, name: name)
      }
    case .stream:
      found = try Self.archive(ArchiveStore(Self.standardInput(), place: "standard input"), as: nil)
    case .registry(let reference):
      guard let remote else { throw ImageError(.unsupported("reading from registries"), at: "\(location)") }
      found = try Self.collected(remote.open(reference), names: [:])
    case .directory, .tar:
      throw ImageError(.notAnImage("this is a root file system, not an image"), at: "\(location)")
    }
    self.resolved = resolved
    images = found.images
    others = found.others
    missing = found.missing
    entries = found.entries
    store = found.store
  }

  private struct Found {
    var store: any BlobStore
    var images: [Image] = []
    var others: [OCI.Descriptor] = []
    var missing: [OCI.Descriptor] = []
    var entries: [OCI.Descriptor] = []
  }

  private enum Form {
    case oci
    case docker
  }

  /// Standard input as a descriptor that can be closed like every other.
  private static func standardInput() throws(PosixError) -> Posix.Descriptor {
    let raw = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
    if raw < 0 { throw PosixError("read", "standard input", Errno(rawValue: errno)) }
    return Posix.Descriptor(owning: raw)
  }

  private static func isDirectory(_ path: FilePath) throws -> Bool {
    try openFile(path, .read).status(shown: path.string).kind == .directory
  }

  private static func layout(_ path: FilePath) throws -> Found {
    let store = try LayoutStore(path)
    guard try LayoutVersion.check(store) else {
      throw ImageError(
        .notAnImage("this directory is no OCI image layout (it has no oci-layout file)"), at: path.string)
    }
    return try collected(store, names: [:])
  }

  private static func archive(_ store: ArchiveStore, as form: Form?) throws -> Found {
    let hasDocker = try store.open(file: DockerManifest.fileName) != nil
    let hasLayout = try LayoutVersion.check(store)
    if form == .docker, !hasDocker {
      throw ImageError(.notAnImage("this is no docker archive (it has no manifest.json)"), at: store.place)
    }
    if form == .oci, !hasLayout {
      throw ImageError(.notAnImage("this is no OCI archive (it has no oci-layout file)"), at: store.place)
    }
    if !hasDocker && !hasLayout {
      throw ImageError(
        .notAnImage("this archive is no image: it has neither oci-layout (OCI) nor manifest.json (docker)"),
        at: store.place)
    }
    if !hasLayout {
      var found = Found(store: store)
      found.images = try DockerManifest.read(store).map { try DockerArchive.image($0, store) }
      return found
    }
    guard hasDocker else { return try collected(store, names: [:]) }
    // Both at once, as docker save writes. They must be about the same images: a reader of the one must
    // not get something else than a reader of the other.
    let entries = try DockerManifest.read(store)
    var names: [String: [String]] = [:]
    for entry in entries {
      names[try DockerArchive.configDigest(entry, store).hex, default: []] += entry.tags
    }
    let found = try collected(store, names: names)
    let configs = Set(found.images.map(\.config.digest.hex))
    if let stranger = names.keys.sorted().first(where: { !configs.contains($0) }) {
      throw ImageError(
        .inconsistent("manifest.json lists an image that index.json doesn't (configuration \(stranger))"),
        at: store.place)
    }
    return found
  }

  private static func collected(_ store: any BlobStore, names: [String: [String]]) throws -> Found {
    let collector = try IndexCollector(store, names: names)
    return Found(
      store: store, images: collector.images, others: collector.others, missing: collector.missing,
      entries: collector.entries)
  }
}

/// The file `oci-layout`: what makes a directory an image layout, and its version.
enum LayoutVersion {
  static let fileName = "oci-layout"
  /// What we write.
  static let bytes = Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)

  /// Whether the file is there; a version that is not 1.x is an error.
  static func check(_ store: any BlobStore) throws -> Bool {
    guard let bytes = try store.read(file: fileName, limit: 4096) else { return false }
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes) } catch {
      throw ImageError(.document(.syntax(document: fileName, error)), at: store.place)
    }
    guard let version = json.object?["imageLayoutVersion"]?.string else {
      throw ImageError(.file(fileName, problem: "says no imageLayoutVersion"), at: store.place)
    }
    guard version.hasPrefix("1.") else {
      throw ImageError(
        .file(fileName, problem: "says version \(version.prefix(40)), only 1.x is known"), at: store.place)
    }
    return true
  }
}
