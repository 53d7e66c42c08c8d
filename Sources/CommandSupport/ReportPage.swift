import Archive
import Digest
public import Image
import OCI
import Posix
import Rootfs
public import SizeReport

/// A report on images as one page of HTML, which needs nothing from anywhere else and runs no script.
public struct ReportPage {
  private var body = ""
  private let title: String

  /// An empty page.
  public init(title: String) { self.title = displayed(Array(title.utf8)) }

  /// Adds an image: its layers, the treemap of its tree, its packages, largest files and most wasted paths.
  public mutating func add(_ image: Image, _ report: ImageReport, location: String) {
    let facts = image.names + ["\(image.platform)", "\(image.digest)"]
    body += "<h1>\(Self.text(displayed(Array(location.utf8))))</h1>\n"
    body += "<p>\(Self.text(displayed(Array(facts.joined(separator: " · ").utf8))))</p>\n"
    let layers = report.layers.enumerated().map { index, layer in
      [
        "\(index + 1)", layer.descriptor.digest.short, formatSize(layer.descriptor.size),
        formatSize(layer.uncompressedSize), formatCount(layer.changes.entries),
        formatSize(layer.changes.added.bytes), formatSize(layer.changes.changed.bytes),
        formatSize(layer.changes.removed.bytes), formatSize(layer.wasted),
        displayed(Array((layer.createdBy ?? "").utf8)),
      ]
    }
    let totals = report.totals
    table(
      "Layers",
      [
        "#", "layer", "compressed", "uncompressed", "entries", "added", "changed", "removed", "wasted",
        "created by",
      ],
      layers + [
        [
          "", "total", formatSize(totals.size), formatSize(totals.uncompressedSize),
          formatCount(totals.entries), "", "", "", formatSize(totals.wasted),
          "\(formatSize(totals.bytes)) in \(formatCount(totals.files)) files of the final tree",
        ]
      ])
    treemap(Treemap(report))
    if !report.packages.isEmpty {
      let shares = report.shares(by: .package)
      table(
        "Packages", ["size", "files", "package"],
        shares.map { [formatSize($0.bytes), formatCount($0.files), $0.name] })
    }
    table(
      "Largest files", ["size", "layer", "package", "path"],
      report.largestFiles(50).map {
        [formatSize($0.size), "\($0.layer)", $0.package ?? "(none)", "\($0.path)"]
      })
    let wasted = report.mostWasted(50)
    if !wasted.isEmpty {
      table(
        "Most wasted", ["wasted", "in layers", "path"],
        wasted.map { row in
          [formatSize(row.bytes), row.layers.map(String.init).joined(separator: ", "), "\(row.path)"]
        })
    }
  }

  /// The page.
  public var html: [UInt8] {
    let head = """
      <!DOCTYPE html>
      <html lang="en"><head><meta charset="utf-8"><title>\(Self.text(title))</title>
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <style>
      body { font: 14px/1.4 sans-serif; margin: 2em auto; max-width: 80em; padding: 0 1em; color: #222 }
      h1 { font-size: 1.4em; margin-bottom: 0 } h2 { font-size: 1.1em }
      table { border-collapse: collapse } th, td { padding: 0 1em 0 0; text-align: left; vertical-align: top }
      td.n, th.n { text-align: right; white-space: nowrap } tr:nth-child(even) { background: #f4f4f4 }
      .map { position: relative; width: 100%; height: 40em; overflow: hidden }
      .map div { position: absolute; box-sizing: border-box; border: 1px solid #fff; overflow: hidden;
        font-size: 11px; padding: 1px }
      </style></head><body>

      """
    return Array((head + body + "</body></html>\n").utf8)
  }

  private mutating func table(_ heading: String, _ titles: [String], _ rows: [[String]]) {
    // Columns of words stand at the left.
    let words: Set<String> = ["layer", "package", "path", "created by", "in layers"]
    func row(_ cells: [String], _ tag: String) -> String {
      let cells = zip(titles, cells).map { title, cell in
        "<\(tag)\(words.contains(title) ? "" : " class=\"n\"")>\(Self.text(cell))</\(tag)>"
      }
      return "<tr>" + cells.joined() + "</tr>\n"
    }
    body += "<h2>\(Self.text(heading))</h2>\n<table>\n" + row(titles, "th")
    body += rows.map { row($0, "td") }.joined() + "</table>\n"
  }

  private mutating func treemap(_ map: Treemap) {
    body += "<h2>Files of the final tree</h2>\n<div class=\"map\">\n"
    var hues: [[UInt8]: Int] = [:]
    for tile in map.tiles {
      let first = Array(tile.path.parts.prefix(2).joined(separator: [0x2f]))
      let hue = hues[first] ?? (hues.count * 47 % 360)
      hues[first] = hue
      let what = tile.files > 1 ? "\(tile.path): \(formatCount(UInt64(tile.files))) files" : "\(tile.path)"
      let place = tile.place
      let isRoomy = place.width > 0.06 && place.height > 0.03
      let label = isRoomy ? tile.path.parts.last.map { displayed($0) } ?? "" : ""
      body += "<div style=\"left:\(Self.percent(place.x));top:\(Self.percent(place.y));"
      body += "width:\(Self.percent(place.width));height:\(Self.percent(place.height));"
      body += "background:hsl(\(hue),55%,78%)\" title=\"\(Self.text(what)), \(formatSize(tile.bytes))\">"
      body += "\(Self.text(label))</div>\n"
    }
    body += "</div>\n"
  }

  /// A part of the whole in percent, with three decimals.
  private static func percent(_ part: Double) -> String {
    let thousandths = Int((part * 100_000).rounded())
    let rest = String(thousandths % 1000)
    return "\(thousandths / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest)%"
  }

  /// Text as HTML has it. Control characters are escaped before, by `displayed`: names come from anywhere.
  static func text(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
