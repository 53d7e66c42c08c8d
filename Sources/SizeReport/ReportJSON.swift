import Archive
import Digest
public import OCI
import Rootfs

extension LayerReport {
  /// The layer as JSON: the keys of every tool's layers, then what it changed, in bytes and in paths.
  public var json: JSONValue {
    .object([
      "digest": .string(descriptor.digest.description),
      "diffID": .string(diffID.description),
      "mediaType": .string(descriptor.mediaType.rawValue),
      "size": number(descriptor.size),
      "uncompressedSize": number(uncompressedSize),
      "entries": number(changes.entries),
      "createdBy": createdBy.map { .string($0) } ?? .null,
      "files": number(changes.files),
      "bytes": number(changes.bytes),
      "whiteouts": number(changes.whiteouts),
      "added": number(changes.added.bytes),
      "addedPaths": number(changes.added.paths),
      "changed": number(changes.changed.bytes),
      "changedPaths": number(changes.changed.paths),
      "removed": number(changes.removed.bytes),
      "removedPaths": number(changes.removed.paths),
      "wasted": number(wasted),
    ])
  }
}

extension ImageReport {
  /// The sums as JSON.
  public var totalsJSON: JSONValue {
    let totals = totals
    return .object([
      "size": number(totals.size),
      "uncompressedSize": number(totals.uncompressedSize),
      "entries": number(totals.entries),
      "storedFiles": number(totals.storedFiles),
      "storedBytes": number(totals.storedBytes),
      "wasted": number(totals.wasted),
      "paths": number(totals.paths),
      "files": number(totals.files),
      "bytes": number(totals.bytes),
    ])
  }

  /// Shares as JSON; packages with their versions.
  public func json(_ shares: [Share], by grouping: Grouping) -> JSONValue {
    var versions: [String: String] = [:]
    if grouping == .package {
      for package in packages { versions[package.name] = package.version }
    }
    return .array(
      shares.map { share in
        var object = JSONObject()
        object["name"] = .string(share.name)
        object["files"] = number(share.files)
        object["bytes"] = number(share.bytes)
        if let version = versions[share.name] { object["version"] = .string(version) }
        return .object(object)
      })
  }
}

extension FileRow {
  /// The file as JSON.
  public var json: JSONValue {
    .object([
      "path": .string(path.description),
      "size": number(size),
      "names": number(UInt64(names)),
      "layer": number(UInt64(layer)),
      "package": package.map { .string($0) } ?? .null,
    ])
  }
}

extension WastedRow {
  /// The path as JSON.
  public var json: JSONValue {
    .object([
      "path": .string(path.description),
      "bytes": number(bytes),
      "layers": .array(layers.map { number(UInt64($0)) }),
    ])
  }
}

extension Budget.Result {
  /// The result as JSON. Percentages are those of `whole`.
  public var json: JSONValue {
    var object = JSONObject()
    object["expression"] = .string(budget.expression)
    object["actual"] = number(actual)
    object["holds"] = .bool(holds)
    object["present"] = .bool(isPresent)
    if case .amount(let limit) = budget.limit { object["limit"] = number(limit) }
    if let whole { object["whole"] = number(whole) }
    if let layer { object["layer"] = number(UInt64(layer)) }
    return .object(object)
  }
}

/// A number, which JSON has in full.
func number(_ value: UInt64) -> JSONValue {
  Int64(exactly: value).map { .integer($0) } ?? .number(String(value))
}
