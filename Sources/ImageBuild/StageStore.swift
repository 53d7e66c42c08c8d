import Cache
import Digest
import Glibc
import Image
import OCI
import Posix
import SystemPackage

/// An image that a stage made.
struct StageResult: Sendable, Equatable {
  /// The digest of its manifest.
  var digest: String
  var manifestSize: UInt64
  var config: String
  var configSize: UInt64
  /// The platform, as `linux/amd64`.
  var platform: String
  /// When it was made, in seconds since 1970.
  var created: Int64?
  var layers: [BuiltLayer]
  /// How the files of its blobs looked when they were right; empty for what the cache could not keep.
  var marks: [BlobMark] = []

  /// All blobs with their sizes: manifest, configuration, layers.
  var blobs: [(digest: String, size: UInt64)] {
    var seen: Set<String> = []
    return ([(digest, manifestSize), (config, configSize)] + layers.map { ($0.digest, $0.size) })
      .filter { seen.insert($0.0).inserted }
  }
}

/// A layer of a finished image.
public struct BuiltLayer: Sendable, Equatable {
  /// The digest of the stored bytes.
  public var digest: String
  /// The digest of the uncompressed tar.
  public var diffID: String
  /// The media type.
  public var mediaType: String
  /// Bytes as stored.
  public var size: UInt64
  /// Bytes of the uncompressed tar; nil where nothing told.
  public var uncompressedSize: UInt64?
  /// How many entries it has; nil where nothing told.
  public var entries: UInt64?
  /// What made it.
  public var createdBy: String
}

/// Finds and keeps what stages made.
struct StageStore: Sendable {
  let cache: Cache
  let folder: BuildFolder

  /// What is known of a key.
  enum Found {
    case result(StageResult)
    /// It was made, but so many of its blobs are gone.
    case evicted(Int)
    case nothing
  }

  /// Looks for the result of a key. Only files that look other than they did are read.
  func find(_ key: CacheKey) throws -> Found {
    guard let record = try cache.record(key), let json = try? JSONValue(parsing: record),
      var result = StageResult(json: json)
    else { return .nothing }
    var marks: [BlobMark] = []
    for mark in result.marks {
      if let now = try cache.mark(of: mark.digest, known: mark) { marks.append(now) }
    }
    if marks.count < result.marks.count { return .evicted(result.marks.count - marks.count) }
    if marks != result.marks {
      result.marks = marks
      try keep(result, under: key)
    }
    return .result(result)
  }

  /// The configuration of an image that was found or made in this run.
  func configuration(of result: StageResult) throws -> ImageConfig {
    let digest = try Digest(result.config)
    let layout = folder.layout(result.digest).appending("blobs/sha256").appending(digest.hex)
    if exists(layout) { return try Document<ImageConfig>(parsing: try readSmallFile(layout)).content }
    guard let blob = try cache.blob(digest) else {
      throw ImageBuildError("\(result.digest) was removed from the cache meanwhile; build again")
    }
    let source = blob.open()
    var bytes = [UInt8](repeating: 0, count: Int(blob.size))
    try bytes.withUnsafeMutableBytes { buffer in
      var count = 0
      while case let got = try source.read(into: .init(rebasing: buffer[count...])), got > 0 { count += got }
    }
    return try Document<ImageConfig>(parsing: bytes).content
  }

  func keep(_ result: StageResult, under key: CacheKey) throws {
    try cache.setRecord(JSONWriter.bytes(of: result.json), for: key)
  }

  // MARK: Layouts

  /// Makes an image that the cache has an OCI layout for tools to read; false when a blob is gone.
  func materialise(_ result: StageResult) throws -> Bool {
    let layout = folder.layout(result.digest)
    let new = try folder.makeStageFolder()
    defer { try? removeTree(new) }
    let blobs = new.appending("blobs/sha256")
    try makeDirectories(blobs)
    for blob in result.blobs {
      let digest = try Digest(blob.digest)
      guard try cache.link(digest, to: blobs.appending(digest.hex)) else { return false }
    }
    let entry = Descriptor(
      .manifest, digest: try Digest(result.digest), size: result.manifestSize,
      platform: try Platform(result.platform))
    try write(Document(ImageIndex(manifests: [entry])).bytes, to: new.appending("index.json"))
    try write(Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8), to: new.appending("oci-layout"))
    try place(new, at: layout)
    return true
  }

  /// Takes over the layout that a tool wrote, and keeps its blobs.
  ///
  /// - Parameter known: layers that earlier stages told about, by digest.
  /// - Returns: the image; without marks when it is too large for the cache.
  func take(_ layout: FilePath, told: [UInt8], known: [String: BuiltLayer]) throws -> StageResult {
    let source = try ImageSource(.layout(layout, name: nil))
    guard let image = source.images.first, source.images.count == 1 else {
      throw ImageBuildError("the tool made \(source.images.count) images instead of one")
    }
    var layers = known
    let json = try? JSONValue(parsing: told)
    for layer in json?.object?["images"]?.array?.first?.object?["layers"]?.array ?? [] {
      if let layer = BuiltLayer(json: layer), layer.uncompressedSize != nil || layers[layer.digest] == nil {
        layers[layer.digest] = layer
      }
    }
    var result = StageResult(
      digest: "\(image.digest)", manifestSize: image.manifest.size,
      config: "\(image.config.digest)", configSize: image.config.size, platform: "\(image.platform)",
      created: image.config.content.created?.seconds,
      layers: image.layers.map { layer in
        let told = layers["\(layer.descriptor.digest)"]
        return BuiltLayer(
          digest: "\(layer.descriptor.digest)", diffID: "\(layer.diffID)",
          mediaType: layer.descriptor.mediaType.rawValue, size: layer.descriptor.size,
          uncompressedSize: told?.uncompressedSize, entries: told?.entries,
          createdBy: layer.history?.createdBy ?? told?.createdBy ?? "")
      })
    var marks: [BlobMark] = []
    for blob in result.blobs {
      let digest = try Digest(blob.digest)
      let file = layout.appending("blobs/sha256").appending(digest.hex)
      guard let mark = try cache.adopt(file, as: digest) else {
        marks = []
        break
      }
      marks.append(mark)
    }
    result.marks = marks
    try place(layout, at: folder.layout(result.digest))
    return result
  }

  /// Whether the layout of an image is there for tools.
  func hasLayout(_ result: StageResult) -> Bool { exists(folder.layout(result.digest)) }

  /// Gives a layout its final name; another stage may have made the same one.
  private func place(_ new: FilePath, at layout: FilePath) throws {
    let moved = new.withPlatformString { from in layout.withPlatformString { rename(from, $0) } }
    if moved == 0 { return }
    let error = Errno(rawValue: errno)
    guard error == .directoryNotEmpty || error == .fileExists else {
      throw PosixError("rename to", layout.string, error)
    }
    try removeTree(new)
  }

  // MARK: History

  /// What went into a stage of a recipe the last time.
  func history(_ name: String) throws -> StageKey? {
    guard let record = try cache.record(Self.historyKey(name)), let json = try? JSONValue(parsing: record)
    else { return nil }
    return StageKey(json: json)
  }

  func setHistory(_ key: StageKey, _ name: String) throws {
    let bytes = JSONWriter.bytes(of: key.json)
    // Only reasons are told from it: what is too large is left out.
    guard bytes.count < 1 << 20, try cache.record(Self.historyKey(name)) != bytes else { return }
    try cache.setRecord(bytes, for: Self.historyKey(name))
  }

  private static func historyKey(_ name: String) -> CacheKey {
    var builder = CacheKeyBuilder(kind: "history", version: 1)
    builder.add("stage", name)
    return builder.finish()
  }
}
