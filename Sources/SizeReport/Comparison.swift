public import Archive
import Digest
import Rootfs

/// What became of one image's tree in another.
///
/// A path has changed when its kind, mode, owner, link, attributes or content have; times don't count. The
/// bytes of a file count once, at the first of its names in tree order: where a name becomes or ceases to be
/// that one, its bytes change with it. So the sums of before and after differ by what is said here.
public struct Comparison: Sendable {
  /// What happened to a path.
  public enum Change: String, Sendable {
    /// It is new.
    case added
    /// It is gone.
    case removed
    /// It is another.
    case changed
  }

  /// A path that is not the same in both.
  public struct Row: Sendable {
    /// The path.
    public var path: EntryPath
    /// What happened to it.
    public var change: Change
    /// Its bytes before.
    public var before: UInt64
    /// Its bytes after.
    public var after: UInt64
    /// The package that owns it, afterwards or before.
    public var package: String?
  }

  /// A part of the trees, as a package.
  public struct ShareRow: Sendable {
    /// Its name.
    public var name: String
    /// Its bytes before.
    public var before: UInt64
    /// Its bytes after.
    public var after: UInt64
  }

  /// Paths and bytes.
  public struct Sum: Sendable {
    /// How many paths.
    public var paths: UInt64 = 0
    /// Their bytes before.
    public var before: UInt64 = 0
    /// Their bytes after.
    public var after: UInt64 = 0
  }

  /// What is new.
  public private(set) var added = Sum()
  /// What is gone.
  public private(set) var removed = Sum()
  /// What is another.
  public private(set) var changed = Sum()
  /// Every path that isn't the same, in tree order; the root is left out.
  public private(set) var rows: [Row] = []

  private struct Side {
    let report: ImageReport
    let first: [LayerStack.Node: Int]

    init(_ report: ImageReport) {
      self.report = report
      first = Dictionary(
        report.files.indices.map { (report.files[$0].node, $0) }, uniquingKeysWith: { one, _ in one })
    }

    /// The bytes that count at a path, and the package.
    func facts(_ node: LayerStack.Node?) -> (bytes: UInt64, package: String?) {
      guard let node, let index = first[node] else { return (0, nil) }
      let file = report.files[index]
      return (report.stack[file.file].size, file.package.map { report.packages[$0].name })
    }

    func digest(_ node: LayerStack.Node) -> Digest? {
      report.fingerprints?[report.stack.file(at: node)]
    }

    func children(_ node: LayerStack.Node?) -> [LayerStack.Node] {
      guard let node, report.stack.isDirectory(node) else { return [] }
      return report.stack.children(of: node)
    }

    func name(_ node: LayerStack.Node) -> ArraySlice<UInt8> { report.stack.name(of: node) }
  }

  /// Compares the trees of two images, whose reports were made with `comparing`.
  public init(_ before: ImageReport, _ after: ImageReport) {
    let (old, new) = (Side(before), Side(after))
    var waiting: [(old: LayerStack.Node?, new: LayerStack.Node?)] = [(before.stack.root, after.stack.root)]
    while let pair = waiting.popLast() {
      compare(pair, old, new)
      waiting += Self.pairs(old.children(pair.old), old, new.children(pair.new), new).reversed()
    }
  }

  /// Pairs the children of two directories by name.
  private static func pairs(
    _ left: [LayerStack.Node], _ old: Side, _ right: [LayerStack.Node], _ new: Side
  ) -> [(old: LayerStack.Node?, new: LayerStack.Node?)] {
    var pairs: [(old: LayerStack.Node?, new: LayerStack.Node?)] = []
    var (index, other) = (0, 0)
    while index < left.count, other < right.count {
      let (mine, theirs) = (old.name(left[index]), new.name(right[other]))
      if mine.elementsEqual(theirs) {
        pairs.append((left[index], right[other]))
        index += 1
        other += 1
      } else if mine.lexicographicallyPrecedes(theirs) {
        pairs.append((left[index], nil))
        index += 1
      } else {
        pairs.append((nil, right[other]))
        other += 1
      }
    }
    for node in left[index...] { pairs.append((node, nil)) }
    for node in right[other...] { pairs.append((nil, node)) }
    return pairs
  }

  private mutating func compare(
    _ pair: (old: LayerStack.Node?, new: LayerStack.Node?), _ old: Side, _ new: Side
  ) {
    let (was, now) = (old.facts(pair.old), new.facts(pair.new))
    let change: Change
    let path: EntryPath
    if let before = pair.old, let after = pair.new {
      if after == new.report.stack.root { return }
      if old.digest(before) == new.digest(after), was.bytes == now.bytes { return }
      change = .changed
      path = new.report.stack.path(of: after)
    } else if let before = pair.old {
      change = .removed
      path = old.report.stack.path(of: before)
    } else if let after = pair.new {
      change = .added
      path = new.report.stack.path(of: after)
    } else {
      return
    }
    func count(_ total: inout Sum) {
      total.paths += 1
      total.before = sum(total.before, was.bytes)
      total.after = sum(total.after, now.bytes)
    }
    switch change {
    case .added: count(&added)
    case .removed: count(&removed)
    case .changed: count(&changed)
    }
    rows.append(
      Row(
        path: path, change: change, before: was.bytes, after: now.bytes, package: now.package ?? was.package))
  }

  /// The paths whose bytes differ most, those first; then in tree order.
  public func largest(_ count: Int) -> [Row] {
    func size(_ row: Row) -> UInt64 { max(row.before, row.after) - min(row.before, row.after) }
    let order = rows.indices.sorted { one, other in
      let (left, right) = (size(rows[one]), size(rows[other]))
      return left != right ? left > right : one < other
    }
    return order.prefix(max(0, count)).map { rows[$0] }
  }

  /// The parts of two trees whose bytes differ, the largest difference first, then by name.
  public static func shares(_ before: [Share], _ after: [Share]) -> [ShareRow] {
    var rows: [String: ShareRow] = [:]
    for share in before {
      rows[share.name, default: ShareRow(name: share.name, before: 0, after: 0)].before = share.bytes
    }
    for share in after {
      rows[share.name, default: ShareRow(name: share.name, before: 0, after: 0)].after = share.bytes
    }
    func size(_ row: ShareRow) -> UInt64 { max(row.before, row.after) - min(row.before, row.after) }
    return rows.values.filter { $0.before != $0.after }.sorted { one, other in
      size(one) != size(other) ? size(one) > size(other) : one.name < other.name
    }
  }
}
