import CommandSupport
import Digest
import Glibc
import Image
import OCI
import Posix
import Rootfs
import SizeReport

/// A report for people.
struct ReportText {
  private let options: GarboardReport
  private let image: Image
  private let report: ImageReport
  private let location: String
  /// The cells of a line where the output is a terminal; nil elsewhere.
  private let limit: Int?

  init(_ options: GarboardReport, _ image: Image, _ report: ImageReport, location: String) {
    self.options = options
    self.image = image
    self.report = report
    self.location = location
    limit = isatty(1) == 1 ? Console.shared.width : nil
  }

  /// All that was asked for.
  var text: String {
    var blocks = [titledLayers]
    if let number = options.layer { blocks.append(details(of: number)) }
    if let by = options.by {
      blocks.append(shares(by))
    } else if options.top != nil || options.layer != nil {
      let count = options.top ?? 10
      blocks += [largest(count), mostWasted(count)].filter { !$0.isEmpty }
    }
    return blocks.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }

  /// The title and the layers alone.
  var layers: String { titledLayers.joined(separator: "\n") + "\n" }

  private var titledLayers: [String] {
    let name = image.names.isEmpty ? [] : [image.names.joined(separator: " = ")]
    let title = [location] + name + ["\(image.platform)", "sha256:\(image.digest.short)"]
    return [title.joined(separator: "  ")] + layerTable
  }

  private var layerTable: [String] {
    var table = Table([
      .right("#"), .left("layer"), .right("compressed"), .right("uncompressed"), .right("entries"),
      .right("added"), .right("changed"), .right("removed"), .right("wasted"), .left("created by"),
    ])
    for (index, layer) in report.layers.enumerated()
    where options.layer == nil || options.layer == index + 1 {
      table.add([
        "\(index + 1)", layer.descriptor.digest.short, formatSize(layer.descriptor.size),
        formatSize(layer.uncompressedSize), formatCount(layer.changes.entries),
        formatSize(layer.changes.added.bytes), formatSize(layer.changes.changed.bytes),
        formatSize(layer.changes.removed.bytes), formatSize(layer.wasted), oneLine(layer.createdBy ?? ""),
      ])
    }
    if options.layer == nil {
      let totals = report.totals
      table.add([
        "", "total", formatSize(totals.size), formatSize(totals.uncompressedSize),
        formatCount(totals.entries), "", "", "", formatSize(totals.wasted),
        "\(formatSize(totals.bytes)) in \(formatCount(totals.files)) files of the final tree",
      ])
    }
    return table.lines(indent: 1, limit: limit)
  }

  private func details(of number: Int) -> [String] {
    let layer = report.layers[number - 1]
    let changes = layer.changes
    func amount(_ amount: LayerChanges.Amount) -> String {
      "\(formatSize(amount.bytes)) in \(formatCount(amount.paths)) paths"
    }
    var table = Table([.left("layer \(number)"), .left("")])
    table.add(["digest", layer.descriptor.digest.description])
    table.add(["diff ID", layer.diffID.description])
    table.add(["media type", layer.descriptor.mediaType.rawValue])
    table.add(["stores", "\(formatSize(changes.bytes)) in \(formatCount(changes.files)) files"])
    table.add(["added", amount(changes.added)])
    table.add(["changed", amount(changes.changed)])
    table.add(["removed", amount(changes.removed)])
    table.add(["whiteouts", formatCount(changes.whiteouts)])
    table.add(["wasted", formatSize(layer.wasted)])
    return table.lines(indent: 1)
  }

  private func shares(_ grouping: Grouping) -> [String] {
    var table = Table([.right("size"), .right("files"), .left(grouping.rawValue)])
    let all = report.shares(by: grouping, depth: options.depth, layer: options.layer)
    let shown = all.prefix(options.top ?? .max)
    for share in shown { table.add([formatSize(share.bytes), formatCount(share.files), share.name]) }
    if shown.count < all.count {
      let rest = all.dropFirst(shown.count)
      table.add([
        formatSize(rest.reduce(0) { $0 + $1.bytes }), formatCount(rest.reduce(0) { $0 + $1.files }),
        "(\(formatCount(UInt64(rest.count))) more)",
      ])
    }
    return table.lines(indent: 1, limit: limit)
  }

  private func largest(_ count: Int) -> [String] {
    var table = Table([.right("size"), .right("layer"), .left("package"), .left("largest files")])
    for row in report.largestFiles(count, layer: options.layer) {
      let names = row.names > 1 ? " (\(row.names) names)" : ""
      table.add([formatSize(row.size), "\(row.layer)", row.package ?? "(none)", "\(row.path)\(names)"])
    }
    return table.isEmpty ? [] : table.lines(indent: 1, limit: limit)
  }

  private func mostWasted(_ count: Int) -> [String] {
    var table = Table([.right("wasted"), .left("in layers"), .left("most wasted")])
    for row in report.mostWasted(count, layer: options.layer) {
      let layers = row.layers.map(String.init).joined(separator: ", ")
      table.add([formatSize(row.bytes), layers, "\(row.path)"])
    }
    return table.isEmpty ? [] : table.lines(indent: 1, limit: limit)
  }

  /// What a budget's subject really is.
  static func actual(of result: Budget.Result) -> String {
    if result.budget.subject == .entries { return formatCount(result.actual) }
    var text = formatSize(result.actual)
    if result.actual >= 1000 { text += " (\(formatCount(result.actual)) bytes)" }
    if let whole = result.whole, whole > 0 {
      let hundredths = UInt128(result.actual) * 10_000 / UInt128(whole)
      let rest = hundredths % 100
      text += " or \(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)% of \(formatSize(whole))"
    }
    if let layer = result.layer { text += " in layer \(layer)" }
    return text
  }

  /// A command in one line: commands of shells have line ends, and whatever else their authors wrote.
  private func oneLine(_ text: String) -> String {
    let words = text.unicodeScalars.split { $0.properties.generalCategory == .control || $0 == " " }
    return displayed(Array(words.map(String.init).joined(separator: " ").utf8))
  }
}
