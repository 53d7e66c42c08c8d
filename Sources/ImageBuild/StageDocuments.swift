import Cache
import Digest
public import OCI

/// Results of stages as the records of the cache hold them.
extension StageResult {
  var json: JSONValue {
    .object([
      "digest": .string(digest), "manifestSize": .integer(Int64(clamping: manifestSize)),
      "config": .string(config), "configSize": .integer(Int64(clamping: configSize)),
      "platform": .string(platform), "created": created.map { .integer($0) } ?? .null,
      "layers": .array(layers.map(\.json)),
      "marks": .array(
        marks.map {
          .array([
            .string("\($0.digest)"), .integer(Int64(clamping: $0.size)), .integer($0.seconds),
            .integer($0.nanoseconds), .string("\($0.inode)"),
          ])
        }),
    ])
  }

  init?(json: JSONValue) {
    guard let object = json.object, let digest = object["digest"]?.string,
      let manifestSize = object["manifestSize"]?.integer, let config = object["config"]?.string,
      let configSize = object["configSize"]?.integer, let platform = object["platform"]?.string,
      let layers = object["layers"]?.array, let marks = object["marks"]?.array
    else { return nil }
    self.init(
      digest: digest, manifestSize: UInt64(clamping: manifestSize), config: config,
      configSize: UInt64(clamping: configSize), platform: platform, created: object["created"]?.integer,
      layers: layers.compactMap { BuiltLayer(json: $0) })
    for mark in marks {
      guard let parts = mark.array, parts.count == 5, let digest = parts[0].string.flatMap({ try? Digest($0) }),
        let size = parts[1].integer, let seconds = parts[2].integer, let nanoseconds = parts[3].integer,
        let inode = parts[4].string.flatMap({ UInt64($0) })
      else { return nil }
      self.marks.append(
        BlobMark(
          digest: digest, size: UInt64(clamping: size), seconds: seconds, nanoseconds: nanoseconds,
          inode: inode))
    }
    if self.layers.count != layers.count { return nil }
  }
}

extension BuiltLayer {
  /// The layer as `--json` shows it.
  public var json: JSONValue {
    .object([
      "digest": .string(digest), "diffID": .string(diffID), "mediaType": .string(mediaType),
      "size": .integer(Int64(clamping: size)),
      "uncompressedSize": uncompressedSize.map { .integer(Int64(clamping: $0)) } ?? .null,
      "entries": entries.map { .integer(Int64(clamping: $0)) } ?? .null,
      "createdBy": .string(createdBy),
    ])
  }

  init?(json: JSONValue) {
    guard let object = json.object, let digest = object["digest"]?.string,
      let diffID = object["diffID"]?.string, let mediaType = object["mediaType"]?.string,
      let size = object["size"]?.integer
    else { return nil }
    self.init(
      digest: digest, diffID: diffID, mediaType: mediaType, size: UInt64(clamping: size),
      uncompressedSize: object["uncompressedSize"]?.integer.map { UInt64(clamping: $0) },
      entries: object["entries"]?.integer.map { UInt64(clamping: $0) },
      createdBy: object["createdBy"]?.string ?? "")
  }
}
