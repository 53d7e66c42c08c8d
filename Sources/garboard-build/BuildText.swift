import CommandSupport
import ImageBuild
import OCI

/// What a run made, for people and for programs.
enum BuildText {
  /// The tables on standard error, and with `--json` the document on standard output.
  static func present(_ summary: BuildSummary, _ common: CommonOptions, isDryRun: Bool) throws {
    if common.json {
      try printOutput(String(decoding: JSONWriter.indentedBytes(of: summary.json), as: UTF8.self))
    }
    if isDryRun {
      let count = summary.images.flatMap(\.platforms).flatMap(\.stages).filter { $0.status == .wouldBuild }.count
      Console.shared.result([count == 0 ? "Nothing would be built." : "\(count) stages would be built."])
      return
    }
    let width = Console.shared.width
    for image in summary.images where image.isWanted && image.status <= .built {
      for platform in image.platforms { Console.shared.result(lines(image, platform, width: width) + [""]) }
    }
    let family = ImageFamily(summary)
    if family.members.count > 1 { Console.shared.result(lines(family, width: width)) }
    let stages = summary.images.flatMap(\.platforms).flatMap(\.stages)
    let built = stages.filter { $0.status == .built }.count
    Console.shared.result(["\(built) stages built, \(stages.filter { $0.status == .cached }.count) unchanged"])
  }

  private static func lines(
    _ image: BuildSummary.Image, _ platform: BuildSummary.Platform, width: Int?
  ) -> [String] {
    let head = [
      image.outputs.first, image.tags.first, platform.platform,
      platform.digest.map { "sha256:\($0.dropFirst(7).prefix(6))…" },
      image.status == .cached ? "unchanged" : nil,
    ].compactMap { $0 }.joined(separator: "  ")
    var table = Table([
      .right("#"), .left("layer"), .right("compressed"), .right("uncompressed"), .right("entries"),
      .left("created by"),
    ])
    for (index, layer) in platform.layers.enumerated() {
      table.add([
        "\(index + 1)", String(layer.digest.dropFirst(7).prefix(12)), formatSize(layer.size),
        layer.uncompressedSize.map(formatSize) ?? "", layer.entries.map(formatCount) ?? "",
        layer.createdBy.split(separator: "\n").first.map(String.init) ?? "",
      ])
    }
    func total(_ part: (BuiltLayer) -> UInt64?) -> UInt64? {
      let parts = platform.layers.map(part)
      return parts.contains(nil) ? nil : parts.compactMap { $0 }.reduce(0, &+)
    }
    table.add([
      "", "total", total(\.size).map(formatSize) ?? "", total(\.uncompressedSize).map(formatSize) ?? "",
      total(\.entries).map(formatCount) ?? "",
    ])
    return [head] + table.lines(indent: 1, limit: width)
  }

  private static func lines(_ family: ImageFamily, width: Int?) -> [String] {
    var table = Table([.left("image"), .right("size"), .right("layers"), .right("shared"), .right("unique")])
    for member in family.members {
      table.add([
        member.name, formatSize(member.size), "\(member.layers)", formatSize(member.shared),
        formatSize(member.unique),
      ])
    }
    let sizes = family.members.reduce(UInt64(0)) { $0 &+ $1.size }
    let unique = family.members.reduce(UInt64(0)) { $0 &+ $1.unique }
    table.add(["one by one", formatSize(sizes), "", "", formatSize(unique)])
    table.add(["all together", formatSize(family.total), "", formatSize(family.shared), formatSize(unique)])
    return table.lines(limit: width)
  }
}
