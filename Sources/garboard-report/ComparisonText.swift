import CommandSupport
import Glibc
import OCI
import SizeReport

/// What became of one image in another, for people and for programs.
struct ComparisonText {
  private let options: GarboardReport
  private let comparison: Comparison
  private let before: ImageReport
  private let after: ImageReport
  private let grouping: Grouping

  init(_ options: GarboardReport, _ before: ImageReport, _ after: ImageReport) {
    self.options = options
    self.before = before
    self.after = after
    comparison = Comparison(before, after)
    grouping = options.by ?? .package
  }

  private var shares: [Comparison.ShareRow] {
    Comparison.shares(
      before.shares(by: grouping, depth: options.depth), after.shares(by: grouping, depth: options.depth))
  }

  /// The tables: all of it, what was added, changed and removed, the largest differences, the packages.
  var text: String {
    let limit = isatty(1) == 1 ? Console.shared.width : nil
    var totals = Table([
      .left("difference"), .right("paths"), .right("before"), .right("after"), .right("change"),
    ])
    for (name, sum) in [
      ("added", comparison.added), ("changed", comparison.changed), ("removed", comparison.removed),
    ] {
      totals.add([
        name, formatCount(sum.paths), formatSize(sum.before), formatSize(sum.after),
        Self.change(sum.before, sum.after),
      ])
    }
    let (old, new) = (before.totals, after.totals)
    totals.add([
      "files", formatCount(new.files), formatSize(old.bytes), formatSize(new.bytes),
      Self.change(old.bytes, new.bytes),
    ])
    totals.add(["stored", "", formatSize(old.size), formatSize(new.size), Self.change(old.size, new.size)])
    var blocks = [totals.lines(indent: 1)]
    let count = options.top ?? 10
    var largest = Table([
      .right("change"), .right("before"), .right("after"), .left("package"), .left("largest differences"),
    ])
    for row in comparison.largest(count) {
      largest.add([
        Self.change(row.before, row.after), row.change == .added ? "-" : formatSize(row.before),
        row.change == .removed ? "-" : formatSize(row.after), row.package ?? "(none)", "\(row.path)",
      ])
    }
    if !largest.isEmpty { blocks.append(largest.lines(indent: 1, limit: limit)) }
    var parts = Table([.right("change"), .right("before"), .right("after"), .left(grouping.rawValue)])
    let rows = shares
    for row in rows.prefix(count) {
      parts.add([
        Self.change(row.before, row.after), formatSize(row.before), formatSize(row.after), row.name,
      ])
    }
    if rows.count > count {
      let rest = rows.dropFirst(count)
      let (was, now) = (rest.reduce(0) { $0 + $1.before }, rest.reduce(0) { $0 + $1.after })
      parts.add([
        Self.change(was, now), formatSize(was), formatSize(now), "(\(formatCount(UInt64(rest.count))) more)",
      ])
    }
    if !parts.isEmpty { blocks.append(parts.lines(indent: 1, limit: limit)) }
    return blocks.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }

  private static func change(_ before: UInt64, _ after: UInt64) -> String {
    after >= before
      ? (after == before ? "0 B" : "+\(formatSize(after - before))") : "-\(formatSize(before - after))"
  }

  /// The document's `comparison`.
  var json: JSONValue {
    let rows = options.top.map { comparison.largest($0) } ?? comparison.rows
    return comparison.json(rows: rows, shares: shares, by: grouping)
  }
}
