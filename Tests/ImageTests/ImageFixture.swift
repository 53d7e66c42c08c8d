import Archive
import Codec
import Dockerfile
import Image
import OCI
import Posix
import SystemPackage
import TestSupport

/// Small images for tests.
enum ImageFixture {
  /// Writes a layer of files, in tree order, and gives its facts.
  static func layer(
    _ files: KeyValuePairs<String, String>, _ writer: ImageWriter, compression: CompressionSettings = .default
  ) throws -> NewLayer {
    let sink = try writer.beginBlob()
    let layer = LayerWriter(into: sink, compression: compression, jobs: 2)
    for (name, text) in files {
      let entry = Entry(try EntryPath(name), .file, size: UInt64(text.utf8.count))
      try layer.add(entry)
      try Array(text.utf8).withUnsafeBytes { try layer.write($0) }
    }
    let written = try layer.finish()
    try writer.endBlob(sink, digest: written.descriptor.digest)
    return NewLayer(
      written.descriptor, diffID: written.diffID,
      history: History(created: CreationTime(seconds: 1), createdBy: "fixture"))
  }

  /// Writes an image of two layers to destinations.
  @discardableResult
  static func write(
    to destinations: [String], tags: [String] = [], text: String = "hello",
    changes: [String] = ["CMD [\"/hello\"]"], compression: CompressionSettings = .default
  ) throws -> [StoredOutput] {
    let writer = try ImageWriter(
      destinations: destinations.map { try ImageLocation($0, for: .output) },
      tags: tags.map { try Reference($0) })
    var assembly = ImageAssembly(platform: Platform(architecture: "amd64"))
    assembly.created = CreationTime(seconds: 1_700_000_000)
    assembly.layers = [
      try layer(["etc/one": "1\n", "hello": text], writer, compression: compression),
      try layer(["etc/two": "2\n"], writer, compression: compression),
    ]
    assembly.changes = try Instruction.parseChanges(changes)
    return try writer.finish([try assembly.assemble()])
  }

  /// All bytes of a layer as they are stored.
  static func bytes(_ layer: Layer) throws -> [UInt8] { try bytes(layer.open()) }

  /// All bytes of a source.
  static func bytes(_ source: any ByteSource) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 10_000)
    while case let count = try buffer.withUnsafeMutableBytes({ try source.read(into: $0) }), count > 0 {
      bytes += buffer[..<count]
    }
    return bytes
  }
}

/// Podman with a store of its own in a directory.
struct Podman {
  let directory: TemporaryDirectory

  /// The first line puts away a second cgroup hierarchy, on which this podman fails.
  private static let script = """
    umount /sys/fs/cgroup/unified 2>/dev/null || true
    exec podman --root "$0/root" --runroot "$0/run" --storage-driver vfs "$@"
    """

  init() throws {
    directory = try TemporaryDirectory()
    _ = try Tool.find("podman")
  }

  @discardableResult
  func check(_ arguments: [String], input: [UInt8] = []) throws -> Tool.Result {
    try Tool.check(
      "unshare", ["-m", "sh", "-c", Self.script, directory.path.string] + arguments, input: input)
  }
}

/// JSON that a tool printed.
func json(_ result: Tool.Result) throws -> JSONValue { try JSONValue(parsing: result.output) }

extension JSONValue {
  /// A member of an object; null when there is none.
  subscript(name: String) -> JSONValue { object?[name] ?? .null }
  /// An element of a list; null when there is none.
  subscript(index: Int) -> JSONValue {
    guard let array, array.indices.contains(index) else { return .null }
    return array[index]
  }
}
