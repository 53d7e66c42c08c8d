import Cache
import CommandSupport
import OCI
import SystemPackage

/// Files of the cache, for people and for programs.
struct CacheReport {
  let items: [CacheItem]
  let directory: FilePath
  /// Seconds since 1970.
  let now: Int64

  init(_ items: [CacheItem], directory: FilePath, now: Int64) {
    self.items = items
    self.directory = directory
    self.now = now
  }

  var size: UInt64 { items.reduce(0) { $0 &+ $1.size } }

  /// What there is of each kind.
  private var kinds: [(kind: CacheItem.Kind, count: UInt64, size: UInt64)] {
    CacheItem.Kind.allCases.compactMap { kind in
      let own = items.filter { $0.kind == kind }
      return own.isEmpty ? nil : (kind, UInt64(own.count), own.reduce(0) { $0 &+ $1.size })
    }
  }

  /// A row for each file.
  func files(width: Int?) -> [String] {
    var table = Table([.left("kind"), .right("size"), .right("used"), .left("name"), .left("of")])
    for item in items {
      // Digests are long, and their first digits tell them apart.
      let parts = item.name.split(separator: "/")
      let name = parts.dropFirst().joined(separator: "/")
      let shown = item.kind == .other || item.kind == .leftover ? item.name : Self.short(name)
      table.add([
        item.kind.rawValue, formatSize(item.size), Age(seconds: max(0, now - item.used)).description, shown,
        item.label,
      ])
    }
    return table.lines(limit: width)
  }

  private static func short(_ name: String) -> String {
    let digest = name.split(separator: ".").first ?? ""
    let rest = name.dropFirst(digest.count)
    let words = digest.split(separator: "-")
    guard let hex = words.last, hex.utf8.count == 64 else { return name }
    return (words.dropLast() + [hex.prefix(12)]).joined(separator: "-") + rest
  }

  /// A row for each kind, and the sum.
  var sums: [String] {
    var table = Table([.left("kind"), .right("files"), .right("size")])
    for row in kinds { table.add([row.kind.rawValue, formatCount(row.count), formatSize(row.size)]) }
    table.add(["total", formatCount(UInt64(items.count)), formatSize(size)])
    return ["\(directory)"] + table.lines(indent: 1)
  }

  /// `directory`, `kinds`, and the sums.
  var json: JSONObject {
    [
      "directory": .string(directory.string),
      "kinds": .array(
        kinds.map { row in
          .object([
            "kind": .string(row.kind.rawValue), "files": .integer(Int64(clamping: row.count)),
            "bytes": .integer(Int64(clamping: row.size)),
          ])
        }),
      "files": .integer(Int64(items.count)),
      "bytes": .integer(Int64(clamping: size)),
    ]
  }
}

extension CacheItem {
  /// The file as the members of a JSON object.
  var object: JSONObject {
    [
      "kind": .string(kind.rawValue), "name": .string(name), "bytes": .integer(Int64(clamping: size)),
      "used": .string(CreationTime(seconds: used).description), "of": label.isEmpty ? .null : .string(label),
    ]
  }

  /// The file as JSON.
  var json: JSONValue { .object(object) }
}
