public import Archive
import Rootfs

/// The files of an image's tree as rectangles whose areas are their bytes, those of a directory side by side.
///
/// Squarified: Bruls, Huizing and van Wijk, "Squarified Treemaps", 2000.
public struct Treemap: Sendable {
  /// A part of the square from 0 to 1.
  public struct Rectangle: Sendable, Hashable {
    /// Its left side.
    public var x: Double
    /// Its top.
    public var y: Double
    /// Its width.
    public var width: Double
    /// Its height.
    public var height: Double
  }

  /// A file, or what is too small in a directory to be seen one by one.
  public struct Tile: Sendable {
    /// The file's path, or the directory's.
    public var path: EntryPath
    /// How many files it stands for.
    public var files: Int
    /// Their bytes.
    public var bytes: UInt64
    /// Its place.
    public var place: Rectangle
  }

  /// The tiles; their bytes add up to those of all files.
  public private(set) var tiles: [Tile] = []

  private final class Node {
    let path: [UInt8]
    var bytes: UInt64 = 0
    var files = 0
    var children: [[UInt8]: Node] = [:]
    init(_ path: [UInt8]) { self.path = path }
  }

  /// Lays out the tree of an image.
  ///
  /// - Parameter smallest: the part of the whole below which a tile is not divided any more.
  public init(_ report: ImageReport, smallest: Double = 0.0004) {
    let root = Node([])
    for living in report.files where report.stack[living.file].size > 0 {
      let size = report.stack[living.file].size
      var node = root
      node.bytes = sum(node.bytes, size)
      node.files += 1
      var path: [UInt8] = []
      for part in report.stack.path(of: living.node).parts {
        path += (path.isEmpty ? [] : [0x2f]) + part
        let name = Array(part)
        let child = node.children[name] ?? Node(path)
        node.children[name] = child
        child.bytes = sum(child.bytes, size)
        child.files += 1
        node = child
      }
    }
    if root.bytes > 0 {
      place(root, Rectangle(x: 0, y: 0, width: 1, height: 1), smallest: UInt64(Double(root.bytes) * smallest))
    }
  }

  private mutating func place(_ node: Node, _ place: Rectangle, smallest: UInt64) {
    if node.children.isEmpty || node.bytes <= smallest {
      tiles.append(tile(node.path, node.files, node.bytes, place))
      return
    }
    var parts = node.children.values.filter { $0.bytes > smallest }
      .sorted { $0.bytes != $1.bytes ? $0.bytes > $1.bytes : $0.path.lexicographicallyPrecedes($1.path) }
    // What is too small goes together, under the directory's name.
    let rest = Node(node.path)
    for child in node.children.values where child.bytes <= smallest {
      rest.bytes = sum(rest.bytes, child.bytes)
      rest.files += child.files
    }
    if rest.bytes > 0 { parts.append(rest) }
    parts.sort { $0.bytes > $1.bytes }
    for (part, place) in zip(parts, Self.squarify(parts.map { Double($0.bytes) }, in: place)) {
      self.place(part, place, smallest: smallest)
    }
  }

  private func tile(_ path: [UInt8], _ files: Int, _ bytes: UInt64, _ place: Rectangle) -> Tile {
    Tile(path: EntryPath(parts: path.split(separator: 0x2f)), files: files, bytes: bytes, place: place)
  }

  /// Divides a rectangle by areas, the largest first, into parts that are as square as can be.
  static func squarify(_ areas: [Double], in whole: Rectangle) -> [Rectangle] {
    let total = areas.reduce(0, +)
    guard total > 0 else { return areas.map { _ in Rectangle(x: whole.x, y: whole.y, width: 0, height: 0) } }
    let scale = whole.width * whole.height / total
    var rest = whole
    var placed: [Rectangle] = []
    var start = 0
    while start < areas.count {
      let side = min(rest.width, rest.height)
      var end = start + 1
      var row = areas[start] * scale
      // A row takes another part as long as that makes its worst one more square.
      while end < areas.count {
        let longer = row + areas[end] * scale
        let now = worst(areas[start] * scale, areas[end - 1] * scale, row, side)
        if worst(areas[start] * scale, areas[end] * scale, longer, side) > now { break }
        row = longer
        end += 1
      }
      let thickness = side > 0 ? row / side : 0
      var offset = 0.0
      for area in areas[start..<end] {
        let length = thickness > 0 ? area * scale / thickness : 0
        if rest.width >= rest.height {
          placed.append(Rectangle(x: rest.x, y: rest.y + offset, width: thickness, height: length))
        } else {
          placed.append(Rectangle(x: rest.x + offset, y: rest.y, width: length, height: thickness))
        }
        offset += length
      }
      if rest.width >= rest.height {
        rest.x += thickness
        rest.width = max(0, rest.width - thickness)
      } else {
        rest.y += thickness
        rest.height = max(0, rest.height - thickness)
      }
      start = end
    }
    return placed
  }

  /// How far from a square the worst part of a row is, of which the largest and the smallest are given.
  private static func worst(_ largest: Double, _ smallest: Double, _ row: Double, _ side: Double) -> Double {
    let (side, row) = (side * side, row * row)
    return max(side * largest / row, row / (side * smallest))
  }
}
