import CommandSupport
import Digest
import Image
import OCI

/// What was copied, for people and for programs.
struct CopySummary {
  var outputs: [StoredOutput]
  var images: [ImageToStore]
  var tallies: [ImageCopier.Tally]

  /// The table on standard error, and with `--json` the document on standard output.
  func present(_ common: CommonOptions) throws {
    if common.json { try printOutput(String(decoding: JSONWriter.indentedBytes(of: json), as: UTF8.self)) }
    Console.shared.result(lines(width: Console.shared.width))
  }

  private func lines(width: Int?) -> [String] {
    var lines: [String] = []
    for image in images {
      let platform = image.config.content.platform
      lines.append("\(platform)  sha256:\(image.manifest.digest.hex.prefix(6))…")
      var table = Table([.right("#"), .left("layer"), .right("size"), .left("created by")])
      let history = image.config.content.history.filter { !$0.emptyLayer }
      let layers = image.manifest.content.layers
      for (index, layer) in layers.enumerated() {
        let words = history.count == layers.count ? history[index].createdBy ?? "" : ""
        table.add([
          "\(index + 1)", layer.digest.short, formatSize(layer.size),
          words.split(separator: "\n").first.map(String.init) ?? "",
        ])
      }
      table.add(["", "total", formatSize(layers.reduce(0) { $0 &+ $1.size })])
      lines += table.lines(indent: 1, limit: width)
    }
    var table = Table([
      .left("destination"), .right("copied"), .right("there"), .right("mounted"), .left("digest"),
    ])
    for (tally, output) in zip(tallies, outputs) {
      table.add([
        "\(tally.location)", formatSize(tally.moved.bytes), formatSize(tally.present.bytes),
        formatSize(tally.mounted.bytes), "sha256:\(output.digest.hex.prefix(6))…",
      ])
    }
    return lines + table.lines()
  }

  private var json: JSONValue {
    let images = images.map { image -> JSONValue in
      let layers = image.manifest.content.layers
      let diffIDs = image.config.content.diffIDs
      return .object([
        "reference": outputs.lazy.flatMap(\.names).first.map { .string($0) } ?? .null,
        "platform": .string("\(image.config.content.platform)"),
        "digest": .string(image.manifest.digest.description),
        "outputs": .array(outputs.map { .string("\($0.location)") }),
        "layers": .array(
          zip(layers, diffIDs).map { layer, diffID in
            .object([
              "digest": .string(layer.digest.description), "diffID": .string(diffID.description),
              "mediaType": .string(layer.mediaType.rawValue), "size": .integer(Int64(clamping: layer.size)),
            ])
          }),
      ])
    }
    let copies = zip(tallies, outputs).map { tally, output -> JSONValue in
      func count(_ part: (blobs: Int, bytes: UInt64)) -> JSONValue {
        .object(["blobs": .integer(Int64(part.blobs)), "bytes": .integer(Int64(clamping: part.bytes))])
      }
      return .object([
        "output": .string("\(tally.location)"), "digest": .string(output.digest.description),
        "copied": count(tally.moved), "present": count(tally.present), "mounted": count(tally.mounted),
      ])
    }
    return .object(["images": .array(images), "copies": .array(copies)])
  }
}
