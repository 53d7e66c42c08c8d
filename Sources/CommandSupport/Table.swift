/// The one renderer of all listings: aligned columns, two spaces apart, without trailing spaces.
public struct Table: Sendable {
  /// On which side of its column a text stands.
  public enum Alignment: Sendable {
    /// Text.
    case left
    /// Numbers.
    case right
  }

  /// A column: its title and the side that its texts stand on.
  public struct Column: Sendable {
    /// What stands above it.
    public var title: String
    /// The side of its texts and its title.
    public var alignment: Alignment

    /// A column of texts.
    public static func left(_ title: String) -> Column { Column(title: title, alignment: .left) }
    /// A column of numbers.
    public static func right(_ title: String) -> Column { Column(title: title, alignment: .right) }
  }

  private let columns: [Column]
  private var rows: [[String]] = []

  /// A table without rows.
  public init(_ columns: [Column]) { self.columns = columns }

  /// Whether there are no rows.
  public var isEmpty: Bool { rows.isEmpty }

  /// Adds a row; cells that are missing at its end are empty, and more than there are columns are dropped.
  public mutating func add(_ cells: [String]) {
    let empty = Array(repeating: "", count: max(0, columns.count - cells.count))
    rows.append(Array(cells.prefix(columns.count)) + empty)
  }

  /// The lines: the titles, then the rows.
  ///
  /// - Parameters:
  ///   - indent: Spaces before each line.
  ///   - limit: The cells of a line; the last column is cut to it when it is of texts. Nil for no limit.
  public func lines(indent: Int = 0, limit: Int? = nil) -> [String] {
    let all = [columns.map(\.title)] + rows
    let widths = columns.indices.map { index in all.map { cellWidth($0[index]) }.max() ?? 0 }
    return all.map { row in
      var line = String(repeating: " ", count: indent)
      var used = indent
      for (index, column) in columns.enumerated() {
        if index > 0 {
          line += "  "
          used += 2
        }
        var cell = row[index]
        if index == columns.count - 1, column.alignment == .left, let limit {
          cell = truncated(cell, to: max(limit - used, 8))
        }
        let padding = String(repeating: " ", count: max(0, widths[index] - cellWidth(cell)))
        line += column.alignment == .right ? padding + cell : cell + padding
        used += widths[index]
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
