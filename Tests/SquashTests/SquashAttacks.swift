import Posix
import SystemPackage
import TestSupport
import Testing

/// Layers that must be refused without a trace.
struct LayerAttack: CustomTestStringConvertible, Sendable {
  var testDescription: String
  /// A part of the complaint.
  var message: String
  var layers: [[UInt8]]
  var kind = ""
  var options: [String] = []

  init(_ name: String, _ message: String, _ layers: [String]...) {
    testDescription = name
    self.message = message
    self.layers = layers.map { HandmadeTar($0).finished }
  }

  init(
    _ name: String, _ message: String, kind: String = "", options: [String] = [],
    _ build: (inout HandmadeTar) -> Void
  ) {
    testDescription = name
    self.message = message
    self.kind = kind
    self.options = options
    var tar = HandmadeTar()
    build(&tar)
    layers = [tar.finished]
  }
}

let layerAttacks = [
  LayerAttack("above the root", "..", ["../victim/x"]),
  LayerAttack("above the root, later", "..", ["a/", "a/../../victim/x"]),
  LayerAttack("an absolute name above the root", "..", ["/../victim/x"]),
  LayerAttack("through a symlink of the same layer", "not a directory", ["l -> ../victim", "l/x"]),
  LayerAttack("a whiteout through a symlink", "not a directory", ["l -> ../victim", "l/.wh.file"]),
  LayerAttack("the root is a file", "root", ["./", "."]),
  LayerAttack("the root is a symlink", "root", [". -> victim"]),
  LayerAttack("a hardlink to outside", "..", ["h => ../victim/file"]),
  LayerAttack("a hardlink through a symlink", "not in the archive", ["l -> victim", "h => l/file"]),
  LayerAttack("a hardlink through a lower symlink", "not in the archive", ["l -> victim"], ["h => l/file"]),
  LayerAttack("a hardlink to what a lower layer hid", "not in the archive", ["a"], [".wh.a"], ["h => a"]),
  LayerAttack("a hardlink to a directory", "directory", ["d/"], ["h => d"]),
  LayerAttack("a whiteout of nothing", "names no file", ["a", ".wh."]),
  LayerAttack("a whiteout of .", "names no file", ["a", ".wh.."]),
  LayerAttack("a whiteout of ..", "names no file", ["a"], ["d/.wh..."]),
  LayerAttack("below a whiteout", "below a whiteout", ["a"], [".wh.a/x"]),
  LayerAttack("an extended header of gigabytes", "limit") {
    $0.add(Array("x".utf8), type: "x", size: 8_000_000_000)
  },
  LayerAttack("a malformed extended header", "extended header") {
    $0.addPax(raw: "9 path=ab")
    $0.add("a", data: "a")
  },
  LayerAttack("two extended headers for an entry", "extended header") {
    $0.addPax([("path", Array("b".utf8))])
    $0.addPax([("path", Array("c".utf8))])
    $0.add("a", data: "a")
  },
  LayerAttack("a size that the archive doesn't have", "") {
    $0.addPax([("size", Array("4096".utf8))])
    $0.add("a", data: "a")
  },
  LayerAttack("a sparse file of an exabyte", "limit") {
    $0.addPax([
      ("GNU.sparse.major", Array("0".utf8)), ("GNU.sparse.minor", Array("1".utf8)),
      ("GNU.sparse.name", Array("s".utf8)), ("GNU.sparse.size", Array("1000000000000000000".utf8)),
      ("GNU.sparse.map", Array("0,0".utf8)), ("GNU.sparse.numblocks", Array("1".utf8)),
    ])
    $0.add("s")
  },
  LayerAttack("more entries than allowed", "limit", options: ["--max-entries", "2"]) {
    for name in ["a", "b", "c"] { $0.add(name, data: name) }
  },
  LayerAttack("more bytes than allowed", "limit", options: ["--max-size", "1k"]) {
    $0.add("a", data: String(repeating: "a", count: 3000))
  },
  LayerAttack("something behind the end of gzip", "gzip", kind: "+gzip garbage") { $0.add("a", data: "a") },
  LayerAttack("something behind the end of zstd", "zstd", kind: "+zstd garbage") { $0.add("a", data: "a") },
  LayerAttack("a wrong diff ID", "digest", kind: "diff") { $0.add("a", data: "a") },
  LayerAttack("a zstd window of 2 GiB", "limit", kind: "+zstd window") {
    $0.add("a", data: String(repeating: "a", count: 100_000))
  },
]

@Suite("garboard-squash: layers that must be refused (needs root)")
struct SquashAttacks {
  /// Makes an image of layers, with what is wrong with it besides.
  private static let script = #"""

    *layers, kind, out = sys.argv[1:]
    kinds = kind.split(" ")
    compress, real = gzip.compress, subprocess.run
    if "garbage" in kinds:
        gzip.compress = lambda *a, **k: compress(*a, **k) + b"garbage"
        def run(*a, **k):
            result = real(*a, **k)
            result.stdout += b"garbage"
            return result
        subprocess.run = run
    if "window" in kinds:
        subprocess.run = lambda words, **k: real(["zstd", "-qc", "--ultra", "--long=31"], **k)
    more = {"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}} if "diff" in kinds else {}
    pack(out, layers, kinds=[kinds[0] if kinds[0].startswith("+") else ""], config=more)
    """#

  private func image(_ attack: LayerAttack, in folder: TemporaryDirectory) throws {
    var files: [String] = []
    for (number, layer) in attack.layers.enumerated() {
      files.append(try folder.write("\(number).tar", layer).string)
    }
    _ = try Tool.find("zstd")
    try Tool.python(
      layerTruthScript + imageLayoutScript + Self.script,
      files + [attack.kind, folder.appending("image").string])
    try TreeBuilder.shell("mkdir out tmp victim; echo safe >victim/file", in: folder.path)
  }

  @Test("Refused in one line, and nothing is written", arguments: layerAttacks)
  func isRefused(_ attack: LayerAttack) throws {
    let folder = try TemporaryDirectory()
    try image(attack, in: folder)
    let before = try TreeListing.of(folder.path)
    let result = try garboard(
      "garboard-squash",
      ["image"] + attack.options + [
        "-o", "out/a.oci.tar", "-o", "out/b.docker.tar", "-o", "out/layout", "-o", "out/c.tar.gz",
        "-o", "rootfs:out/root",
      ], environment: ["TMPDIR=\(folder.appending("tmp"))"], in: folder.path)
    #expect(result.status == .exited(1), "\(result.errorText)")
    #expect(result.output.isEmpty)
    #expect(result.errorText.hasPrefix("garboard-squash: error: "), "\(result.errorText)")
    #expect(result.errorText.contains(attack.message), "\(result.errorText)")
    #expect(result.errorText.split(separator: "\n", omittingEmptySubsequences: false).count == 2)
    #expect(before.differences(try TreeListing.of(folder.path), ignoring: .directoryTimes) == [])
  }

  @Test("What is odd but harmless stays in its tree")
  func staysInside() throws {
    let folder = try TemporaryDirectory()
    try image(
      LayerAttack(
        "", "", ["l -> ../../victim", "/etc/x", "m -> /victim/file"], ["l/file", "l/.wh.other", "./m"]),
      in: folder)
    let result = try garboard("garboard-squash", "-q", "image", "rootfs:out/root", in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
    #expect(try readBytes(folder.appending("victim/file")) == Array("safe\n".utf8))
    let found = try TreeListing.of(folder.appending("out/root")).lines.map {
      "\($0.path) \($0["type"] ?? "")"
    }
    #expect(found == [". directory", "etc directory", "etc/x file", "l directory", "l/file file", "m file"])
  }
}
