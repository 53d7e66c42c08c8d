import Archive
import Digest
public import OCI
import Rootfs

extension LayerReport {
  /// The layer as JSON: the keys of every tool's layers, then what it changed, in bytes and in paths.
  public var json: JSONValue {
    var object = JSONObject()
    object["digest"] = .string(descriptor.digest.description)
    object["diffID"] = .string(diffID.description)
    object["mediaType"] = .string(descriptor.mediaType.rawValue)
    object["size"] = number(descriptor.size)
    object["uncompressedSize"] = number(uncompressedSize)
    object["entries"] = number(changes.entries)
    object["createdBy"] = createdBy.map { .string($0) } ?? .null
    object["files"] = number(changes.files)
    object["bytes"] = number(changes.bytes)
    object["whiteouts"] = number(changes.whiteouts)
    object["added"] = number(changes.added.bytes)
    object["addedPaths"] = number(changes.added.paths)
    object["changed"] = number(changes.changed.bytes)
    object["changedPaths"] = number(changes.changed.paths)
    object["removed"] = number(changes.removed.bytes)
    object["removedPaths"] = number(changes.removed.paths)
    object["wasted"] = number(wasted)
    return .object(object)
  }
}

extension ImageReport {
  /// The sums as JSON.
  public var totalsJSON: JSONValue {
    let totals = totals
    var object = JSONObject()
    object["size"] = number(totals.size)
    object["uncompressedSize"] = number(totals.uncompressedSize)
    object["entries"] = number(totals.entries)
    object["storedFiles"] = number(totals.storedFiles)
    object["storedBytes"] = number(totals.storedBytes)
    object["wasted"] = number(totals.wasted)
    object["paths"] = number(totals.paths)
    object["files"] = number(totals.files)
    object["bytes"] = number(totals.bytes)
    return .object(object)
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
    var object = JSONObject()
    object["path"] = .string(path.description)
    object["size"] = number(size)
    object["names"] = number(UInt64(names))
    object["layer"] = number(UInt64(layer))
    object["package"] = package.map { .string($0) } ?? .null
    return .object(object)
  }
}

extension WastedRow {
  /// The path as JSON.
  public var json: JSONValue {
    var object = JSONObject()
    object["path"] = .string(path.description)
    object["bytes"] = number(bytes)
    object["layers"] = .array(layers.map { number(UInt64($0)) })
    return .object(object)
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

private func number(_ value: UInt64) -> JSONValue {
  Int64(exactly: value).map { .integer($0) } ?? .number(String(value))
}
