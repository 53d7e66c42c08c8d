import SystemPackage
import TestSupport

/// What became of images that were squashed in many ways.
struct SquashTruth {
  /// How many of the ways to keep some layers each image goes.
  enum Ways: String {
    case some
    case every
  }

  /// What was not as overlayfs says, a line each.
  var differences: [String] = []
  /// How many squashed images were compared.
  var compared = 0
  /// Holds the layout `all`, and `NAME.tree` for each image.
  let folder: TemporaryDirectory

  /// The layout with each image squashed into one layer, under its name.
  var layout: FilePath { folder.appending("out/all") }

  /// Squashes random images. Needs root.
  static func random(_ seeds: Range<Int>, _ ways: Ways) throws -> SquashTruth {
    try SquashTruth(ways, ["random", "\(seeds.lowerBound)", "\(seeds.upperBound)"], in: TemporaryDirectory())
  }

  /// Squashes images of what other tools get wrong, and of hard metadata. Needs root.
  static func known(_ ways: Ways) throws -> SquashTruth {
    let folder = try TemporaryDirectory()
    var folders: [String] = []
    for (number, item) in layerCases.enumerated() {
      let name = "shape-\(number)"
      for (index, layer) in item.layers.enumerated() {
        try folder.write("\(name)/\(index).tar", HandmadeTar(layer, layer: index).finished)
      }
      folders.append(folder.appending(name).string)
    }
    return try SquashTruth(ways, ["cases"] + folders, in: folder)
  }

  private init(_ ways: Ways, _ arguments: [String], in folder: TemporaryDirectory) throws {
    self.folder = folder
    let script =
      layerTruthScript + randomLayersScript + metadataCasesScript + imageLayoutScript + squashTruthScript
    let scratch = try TemporaryDirectory()
    for tool in ["python3", "zstd", "tar", "setfacl", "setcap"] { _ = try Tool.find(tool) }
    let tools = try builtProgram("garboard-squash").removingLastComponent()
    let places = [scratch.path.string, tools.string, folder.appending("out").string, ways.rawValue]
    let text = try Tool.check("unshare", ["--mount", "python3", "-I", "-c", script] + places + arguments).text
    for line in text.split(separator: "\n").map(String.init) {
      let words = line.split(separator: " ")
      if words.count == 2, words[0] == "compared", let number = Int(words[1]) {
        compared = number
      } else {
        differences.append(line)
      }
    }
  }

  /// The names of the images, in the order of the layout's names.
  func names() throws -> [String] {
    try Tool.check("ls", [folder.appending("out").string]).text.split(separator: "\n").map(String.init)
      .filter { $0.hasSuffix(".tree") }.map { String($0.dropLast(5)) }
  }

  /// The tree that overlayfs shows for an image.
  func tree(of name: String) throws -> TreeListing {
    TreeListing(
      text: String(decoding: try readBytes(folder.appending("out/\(name).tree")), as: UTF8.self))
  }
}
