/// Layers as lists of entries: `NAME` a file, `NAME/` a directory, `NAME -> TARGET` a symlink,
/// `NAME => TARGET` a hardlink. Each file has another size: 100 for each layer, and its place in it.
public struct LayerCase: CustomStringConvertible, Sendable {
  /// What it is about.
  public var name: String
  /// The entries of each layer.
  public var layers: [[String]]
  /// What must be there in the end, where that was decided here: path, kind and size.
  public var tree: [String]?

  /// A case.
  public init(_ name: String, _ layers: [[String]], tree: [String]? = nil) {
    self.name = name
    self.layers = layers
    self.tree = tree
  }

  /// Its name.
  public var description: String { name }
}

/// What tools get wrong.
public let layerCases = [
  LayerCase(
    "an upper layer rewrites one of two hardlinks", [["a", "b => a"], ["a"]], tree: ["a f 201", "b f 101"]),
  LayerCase("an upper layer removes one of two hardlinks", [["a", "b => a"], [".wh.a"]], tree: ["b f 101"]),
  LayerCase(
    "the directory of a hardlink goes", [["d/a", "b => d/a"], [".wh.d"], ["d/c"]],
    tree: ["b f 101", "d d 0", "d/c f 301"]),
  LayerCase("both names of a file go in one layer", [["d/a", "d/b => d/a"], [".wh.d"]], tree: []),
  LayerCase("one name goes, the other is replaced", [["a", "b => a"], [".wh.a", "b"]], tree: ["b f 202"]),
  LayerCase(
    "both names go, one after the other", [["a", "b => a"], [".wh.a"], [".wh.b"]], tree: []),
  LayerCase(
    "a hardlink to a file that only a lower layer has", [["a"], ["b => a"], [".wh.a"]], tree: ["b f 101"]),
  LayerCase(
    "a hardlink to a lower file, which the same layer replaces", [["a"], ["b => a", "a"]],
    tree: ["a f 202", "b f 101"]),
  LayerCase(
    "a hardlink to a file of this layer, which is replaced later", [["a", "b => a", "a"]],
    tree: ["a f 103", "b f 101"]),
  LayerCase(
    "a directory's whiteout before the new directory", [["d/x", "d/e/y"], [".wh.d", "d/", "d/z"]],
    tree: ["d d 0", "d/z f 203"]),
  LayerCase(
    "a directory's whiteout after the new directory", [["d/x", "d/e/y"], ["d/", "d/z", ".wh.d"]],
    tree: ["d d 0", "d/z f 202"]),
  LayerCase("a file's whiteout before the new file", [["f"], [".wh.f", "f"]], tree: ["f f 202"]),
  LayerCase("a file's whiteout after the new file", [["f"], ["f", ".wh.f"]], tree: ["f f 201"]),
  LayerCase("directory, file, directory", [["d/x"], ["d"], ["d/"]], tree: ["d d 0"]),
  LayerCase("directory, symlink, directory", [["d/x"], ["d -> e"], ["d/y"]], tree: ["d d 0", "d/y f 301"]),
  LayerCase("the same path twice in a layer", [["a", "b", "a"]], tree: ["a f 103", "b f 102"]),
  LayerCase("three ways to write a path", [["/a/g", "./a/g", "a/g"]], tree: ["a d 0", "a/g f 103"]),
  LayerCase(
    "an opaque marker last", [["d/x", "d/e/y"], ["d/z", "d/e/w", "d/.wh..wh..opq"]],
    tree: ["d d 0", "d/e d 0", "d/e/w f 202", "d/z f 201"]),
  LayerCase(
    "an opaque marker first", [["d/x", "d/e/y"], ["d/.wh..wh..opq", "d/z", "d/e/w"]],
    tree: ["d d 0", "d/e d 0", "d/e/w f 203", "d/z f 202"]),
  LayerCase("an opaque root", [["a", "d/b"], ["d/", ".wh..wh..opq", "c"]], tree: ["c f 203", "d d 0"]),
  LayerCase(
    "whiteout and opaque marker for the same files", [["d/x", "d/y"], ["d/.wh.x", "d/.wh..wh..opq"]],
    tree: ["d d 0"]),
  LayerCase(
    "siblings that share a prefix", [["a/x", "ab", "a.b", "a-b/x"], [".wh.a"]],
    tree: ["a-b d 0", "a-b/x f 104", "a.b f 103", "ab f 102"]),
  LayerCase(
    ".wh. in the middle, two dots in front", [["x.wh.y", "..data", "d/.wx"], ["d/.wh.x.wh.y"]],
    tree: ["..data f 102", "d d 0", "d/.wx f 103", "x.wh.y f 101"]),
  LayerCase(
    "hidden names", [[".wh", "..a", ".hidden", "...b"], [".wh..wh", ".wh...a"]],
    tree: ["...b f 104", ".hidden f 103"]),
  LayerCase(
    "whiteouts of nothing", [["a"], [".wh.b", "c/d/.wh.e", "a2/.wh..wh..opq"]],
    tree: ["a f 101", "a2 d 0", "c d 0", "c/d d 0"]),
  LayerCase(
    "an entry below a symlink of a lower layer", [["e/x", "d -> e"], ["d/y"]],
    tree: ["d d 0", "d/y f 201", "e d 0", "e/x f 101"]),
  LayerCase("a whiteout below a file of a lower layer", [["d"], ["d/.wh.x"]], tree: ["d d 0"]),
  LayerCase(
    "AUFS's notes", [["a", ".wh..wh.aufs", ".wh..wh.plnk/", ".wh..wh.plnk/123.45", ".wh..wh.orph/"]],
    tree: ["a f 101"]),
  LayerCase("a directory that comes again keeps what is in it", [["d/", "d/x", "d/"], ["d/"]]),
  LayerCase("a file where a directory was, in one layer", [["d/x", "d/y/z", "d"]], tree: ["d f 103"]),
  LayerCase(
    "and a directory again", [["d/w"], ["d/x", "d/.wh.w", "d", "d/"]], tree: ["d d 0", "d/w f 101"]),
  LayerCase("a parent's metadata after what is in it", [["d/x", "d/"]], tree: ["d d 0", "d/x f 101"]),
  LayerCase("empty layers", [["a"], [], ["b"]], tree: ["a f 101", "b f 301"]),
  LayerCase("links as they are", [["l -> ../../../x", "m -> /abs", "n => l"]]),
  LayerCase("the root named", [["./", "a"], ["./"]], tree: ["a f 102"]),
]

extension HandmadeTar {
  /// Adds an entry as `LayerCase` writes it.
  public mutating func add(_ text: String, size: Int) {
    func sides(_ arrow: String) -> (String, String)? {
      let words = text.split(separator: " ").map(String.init)
      return words.count == 3 && words[1] == arrow ? (words[0], words[2]) : nil
    }
    if let (name, target) = sides("->") {
      add(name, type: "2", link: target)
    } else if let (name, target) = sides("=>") {
      add(name, type: "1", link: target)
    } else if text.hasSuffix("/") {
      add(text, type: "5", mode: "0000755")
    } else {
      let isMarker = text.split(separator: "/").last?.hasPrefix(".wh.") ?? false
      add(text, data: isMarker ? "" : String(repeating: "x", count: size))
    }
  }

  /// An archive of a list of entries; the sizes are those of `LayerCase`.
  public init(_ entries: [String], layer: Int = 0) {
    self.init()
    for (number, entry) in entries.enumerated() { add(entry, size: 100 * (layer + 1) + number + 1) }
  }
}
