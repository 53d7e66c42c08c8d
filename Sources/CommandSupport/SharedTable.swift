import Posix
public import SizeReport

extension SharedSizes {
  /// The table for people: a row for each image, and what one layout with all of them holds.
  ///
  /// - Parameter width: the cells of a line, or nil for no limit.
  public func lines(width: Int?) -> [String] {
    var table = Table([
      .right("#"), .right("size"), .right("shared"), .right("unique"), .right("layers"), .left("image"),
    ])
    for (index, row) in rows.enumerated() {
      table.add([
        "\(index + 1)", formatSize(row.size), formatSize(row.shared), formatSize(row.unique),
        "\(row.contents.layers.count)", displayed(Array(row.contents.name.utf8)),
      ])
    }
    let saved = separate - min(separate, total)
    table.add([
      "", formatSize(total), formatSize(shared), formatSize(total - shared), "\(layerCount)",
      "together, each byte once: \(formatSize(saved)) less than one by one",
    ])
    return table.lines(indent: 1, limit: width)
  }
}
