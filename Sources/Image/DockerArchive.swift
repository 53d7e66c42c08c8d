import Codec
import Digest
import OCI
import Posix

/// One image in the `manifest.json` of a docker archive.
///
/// <https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format>
struct DockerManifest {
  static let fileName = "manifest.json"
  /// The path of the configuration in the archive.
  var config: String
  /// The image's references.
  var tags: [String]
  /// The paths of the layers in the archive, the lowest first.
  var layers: [String]

  /// Reads the file, which must be there.
  static func read(_ store: any BlobStore) throws -> [DockerManifest] {
    guard let bytes = try store.read(file: fileName, limit: JSONLimits.manifest.size) else {
      throw ImageError(.file(fileName, problem: "is missing"), at: store.place)
    }
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes) } catch {
      throw ImageError(.document(.syntax(document: fileName, error)), at: store.place)
    }
    func bad(_ problem: String) -> ImageError {
      ImageError(.file(fileName, problem: problem), at: store.place)
    }
    guard let entries = json.array else { throw bad("is \(json.kind), not an array") }
    return try entries.enumerated().map { index, entry in
      guard let object = entry.object else { throw bad("has \(entry.kind) at [\(index)], not an object") }
      func strings(_ name: String) throws -> [String] {
        guard let value = object[name], value != .null else { return [] }
        let texts = value.array?.compactMap(\.string) ?? []
        if texts.count != value.array?.count {
          throw bad("has a \(name) at [\(index)] that is no list of strings")
        }
        return texts
      }
      guard let config = object["Config"]?.string else { throw bad("names no Config at [\(index)]") }
      return DockerManifest(config: config, tags: try strings("RepoTags"), layers: try strings("Layers"))
    }
  }
}

/// Docker archives without an OCI layout inside: what docker before 25 and podman write.
enum DockerArchive {
  /// The digest of the configuration that an entry names. A file named by a digest must have that one.
  static func configDigest(_ entry: DockerManifest, _ store: any BlobStore) throws -> Digest {
    try config(entry, store).digest
  }

  private static func config(_ entry: DockerManifest, _ store: any BlobStore) throws -> Document<ImageConfig>
  {
    guard let bytes = try store.read(file: entry.config, limit: ImageConfig.limits.size) else {
      throw ImageError(.file(entry.config, problem: "is missing, which manifest.json names"), at: store.place)
    }
    let config: Document<ImageConfig>
    do { config = try Document(parsing: bytes) } catch { throw ImageError(.document(error), at: store.place) }
    let name = entry.config.split(separator: "/").last.map(String.init) ?? entry.config
    let stem = name.hasSuffix(".json") ? String(name.dropLast(5)) : name
    if let named = try? Digest("sha256:" + stem), named != config.digest {
      throw ImageError(
        .blob(named, problem: "has other content: its digest is \(config.digest)"), at: store.place)
    }
    return config
  }

  /// An image, with a manifest made up for it: the archive has none.
  static func image(_ entry: DockerManifest, _ store: any BlobStore) throws -> Image {
    let config = try config(entry, store)
    let diffIDs = config.content.diffIDs
    guard diffIDs.count == entry.layers.count else {
      throw ImageError(
        .inconsistent(
          "manifest.json lists \(entry.layers.count) layers for \(entry.config), "
            + "which itself lists \(diffIDs.count)"
        ),
        at: store.place)
    }
    let history = config.content.layerHistory
    var layers: [Layer] = []
    for (index, path) in entry.layers.enumerated() {
      let descriptor = try layer(path, diffID: diffIDs[index], store)
      layers.append(
        Layer(descriptor, diffID: diffIDs[index], history: history?[index]) {
          guard let stored = try store.open(file: path) else {
            throw ImageError(.file(path, problem: "is missing"), at: store.place)
          }
          return VerifiedSource(
            stored.source, digest: descriptor.digest, size: descriptor.size, place: "\(store.place): \(path)")
        })
    }
    let configDescriptor = OCI.Descriptor(.config, digest: config.digest, size: config.size)
    let manifest = Document(Manifest(config: configDescriptor, layers: layers.map(\.descriptor)))
    let descriptor = OCI.Descriptor(
      .manifest, digest: manifest.digest, size: manifest.size, platform: config.content.platform)
    return Image(
      names: entry.tags.sorted(), descriptor: descriptor, manifest: manifest, config: config, layers: layers)
  }

  /// A layer's descriptor. Usually it is not compressed, so its digest is the diff ID; else it has to be
  /// read once to know.
  private static func layer(_ path: String, diffID: Digest, _ store: any BlobStore) throws -> OCI.Descriptor {
    guard let stored = try store.open(file: path) else {
      throw ImageError(
        .file(path, problem: "is missing, which manifest.json names as a layer"), at: store.place)
    }
    return try withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 4096) { buffer in
      var count = try stored.source.read(into: buffer)
      let type: MediaType
      switch Compression.detect(
        UnsafeRawBufferPointer(rebasing: buffer[..<count]).prefix(Compression.detectionLength))
      {
      case .none: return OCI.Descriptor(.layer, digest: diffID, size: stored.size)
      case .gzip: type = .layerGzip
      case .zstd: type = .layerZstd
      case let other:
        throw ImageError(.unsupported("a layer compressed by \(other.rawValue) (\(path))"), at: store.place)
      }
      var hash = SHA256()
      while count > 0 {
        hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        count = try stored.source.read(into: buffer)
      }
      return OCI.Descriptor(type, digest: hash.finish(), size: stored.size)
    }
  }
}
