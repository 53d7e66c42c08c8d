import Archive
import Cache
import Codec
import Digest
import Image
import OCI
import Posix
import Rootfs

/// A blob of the cache as a place for a layer's bytes.
private final class LayerBlob: BlobBytes {
  let blob: NewBlob
  init(_ blob: NewBlob) { self.blob = blob }
  func write(_ bytes: UnsafeRawBufferPointer) throws { try blob.write(bytes) }
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws -> Int {
    try blob.read(into: buffer, at: offset)
  }
  func reset() throws { try blob.reset() }
}

/// The layers of instructions, found again by what went into them.
struct LayerCache {
  let cache: Cache
  let isRead: Bool
  let compression: CompressionSettings
  let jobs: Int

  /// Begins the key of a layer that lies on others.
  func key(_ instruction: String, on layers: [StageLayer]) -> CacheKeyBuilder {
    var key = CacheKeyBuilder(kind: "layer", version: 1)
    key.add("compression", "\(compression)")
    for layer in layers { key.add("below", layer.diffID.bytes) }
    key.add("instruction", instruction)
    return key
  }

  /// What an instruction made before.
  enum Found {
    /// Nothing: it changed no file.
    case noLayer
    /// A layer.
    case layer(StageLayer)
  }

  /// What was made before; nil when there is nothing, or it was damaged.
  func find(_ key: CacheKey) throws -> Found? {
    guard isRead, let record = try cache.record(key), let json = try? JSONValue(parsing: record) else {
      return nil
    }
    guard let object = json.object else { return nil }
    if object["empty"]?.bool == true { return .noLayer }
    guard let media = object["mediaType"]?.string.map({ MediaType(rawValue: $0) }),
      let digest = object["digest"]?.string.flatMap({ try? Digest($0) }),
      let diffID = object["diffID"]?.string.flatMap({ try? Digest($0) }),
      let size = object["uncompressedSize"]?.integer, let entries = object["entries"]?.integer,
      let blob = try cache.blob(digest)
    else { return nil }
    var newest: Timestamp?
    if let seconds = object["newest"]?.integer {
      newest = Timestamp(
        seconds: seconds, nanoseconds: UInt32(clamping: object["nanoseconds"]?.integer ?? 0))
    }
    return .layer(
      StageLayer(
        descriptor: OCI.Descriptor(media, digest: digest, size: blob.size), diffID: diffID,
        uncompressedSize: UInt64(clamping: size), entries: UInt64(clamping: entries), newest: newest,
        platform: object["platform"]?.string.flatMap { try? Platform($0) }, open: { blob.open() }))
  }

  /// Writes the layer of a plan and keeps it; nil when the plan changes nothing.
  func make(_ key: CacheKey, _ plan: LayerPlan) throws -> StageLayer? {
    if !plan.hasChanges {
      try cache.setRecord(JSONWriter.bytes(of: .object(["empty": .bool(true)])), for: key)
      return nil
    }
    let blob = LayerBlob(try cache.beginBlob())
    let writer = LayerWriter(into: blob, compression: compression, jobs: jobs)
    try plan.send(to: writer)
    let written = try writer.finish()
    let kept = try blob.blob.finish(written.descriptor.digest)
    var object: JSONObject = [
      "mediaType": .string(written.descriptor.mediaType.rawValue),
      "digest": .string("\(written.descriptor.digest)"),
      "diffID": .string("\(written.diffID)"),
      "uncompressedSize": .integer(Int64(clamping: written.uncompressedSize)),
      "entries": .integer(Int64(clamping: written.entries)),
    ]
    if let newest = written.newest {
      object["newest"] = .integer(newest.seconds)
      object["nanoseconds"] = .integer(Int64(newest.nanoseconds))
    }
    if let platform = written.platform { object["platform"] = .string("\(platform)") }
    try cache.setRecord(JSONWriter.bytes(of: .object(object)), for: key)
    return StageLayer(
      descriptor: written.descriptor, diffID: written.diffID, uncompressedSize: written.uncompressedSize,
      entries: written.entries, newest: written.newest, platform: written.platform, open: { kept.open() })
  }
}
