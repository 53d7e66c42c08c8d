import Archive
import Posix
import Rootfs
import SystemPackage
import TestSupport
import Testing

/// Takes entries as the tar that they make, in memory.
final class TarSink: EntrySink {
  final class Bytes: ByteSource {
    var bytes: [UInt8] = []
    private var position = 0

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
      let count = min(buffer.count, bytes.count - position)
      buffer.copyBytes(from: bytes[position..<(position + count)])
      position += count
      return count
    }
  }

  private(set) var contents = Bytes()
  private(set) var restarts = 0
  private var writer: TarWriter

  init() {
    let bytes = Bytes()
    contents = bytes
    writer = TarWriter { bytes.bytes.append(contentsOf: $0) }
  }

  func add(_ entry: Entry) throws { try writer.add(entry) }
  func write(_ bytes: UnsafeRawBufferPointer) throws { try writer.write(bytes) }

  func restart() throws -> any EntrySource {
    restarts += 1
    try writer.finish()
    let old = contents
    let bytes = Bytes()
    contents = bytes
    writer = TarWriter { bytes.bytes.append(contentsOf: $0) }
    return TarReader(old)
  }

  func finish() throws { try writer.finish() }
}

/// Orders a tar through a pipe (streaming) or as a seekable file.
func order(
  _ tar: [UInt8], seekable: Bool = false, shape: @escaping CanonicalOrder.Shape = { _ in true }
) throws -> TarSink {
  let sink = TarSink()
  let order = CanonicalOrder(into: sink, temporaryDirectory: "/tmp", shape: shape)
  let folder = try TemporaryDirectory()
  let path = try folder.write("x.tar", tar)
  let file = try openFile(path, .read)
  let source = RangeSource(file.raw, offset: 0, count: UInt64(tar.count))
  try order.order(seekable ? PlacedTar(TarReader(source), in: file.raw) : TarReader(source))
  try sink.finish()
  return sink
}

func listing(_ sink: TarSink) throws -> TreeListing {
  let folder = try TemporaryDirectory()
  return try TreeListing.ofExtracted(try folder.write("x.tar", sink.contents.bytes))
}

@Suite("Canonical order")
struct CanonicalOrderTests {
  @Test("a sorted archive goes straight through")
  func straight() throws {
    var tar = HandmadeTar()
    tar.add("./", type: "5")
    tar.add("./a/", type: "5")
    tar.add("./a/x", data: "1")
    tar.add("./a.b", data: "2")
    tar.add("./b", type: "1", link: "./a/x")
    let sink = try order(tar.finished)
    #expect(sink.restarts == 0)
    #expect(try names(sink) == [".", "a", "a/x", "a.b", "b → a/x"])
  }

  @Test("any other order gives the same bytes, whether the archive can be read twice or not")
  func anyOrder() throws {
    var sorted = HandmadeTar()
    sorted.add("a/", type: "5")
    sorted.add("a/x", data: "1")
    sorted.add("a/y", data: "22")
    sorted.add("b", data: "333")
    sorted.add("c", type: "2", link: "b")
    var mixed = HandmadeTar()
    mixed.add("b", data: "333")
    mixed.add("a/y", data: "22")
    mixed.add("c", type: "2", link: "b")
    mixed.add("a/x", data: "1")
    mixed.add("a/", type: "5")
    let expected = try order(sorted.finished).contents.bytes
    #expect(try order(sorted.finished, seekable: true).contents.bytes == expected)
    #expect(try order(mixed.finished, seekable: true).contents.bytes == expected)
    let sink = try order(mixed.finished)
    #expect(sink.restarts == 1)
    #expect(sink.contents.bytes == expected)
  }

  @Test("hardlinks come in any order; the first name holds the data", arguments: [false, true])
  func hardlinks(seekable: Bool) throws {
    var tar = HandmadeTar()
    tar.add("m", data: "middle")
    tar.add("z", data: "shared")
    tar.add("early", type: "1", link: "later")
    tar.add("a", type: "1", link: "z")
    tar.add("later", data: "came after its link")
    tar.add("n", type: "1", link: "early")
    let sink = try order(tar.finished, seekable: seekable)
    #expect(try names(sink) == ["a", "early", "later → early", "m", "n → early", "z → a"])
    let tree = try listing(sink)
    #expect(tree.lines.first { $0.path == "a" }?["size"] == "6")
    #expect(tree.lines.first { $0.path == "early" }?["size"] == "19")
  }

  @Test("the last of a path twice wins, and a hardlink keeps what its name led to", arguments: [false, true])
  func duplicates(seekable: Bool) throws {
    var tar = HandmadeTar()
    tar.add("/a/g", data: "first")
    tar.add("h", type: "1", link: "a/g")
    tar.add("./a/g", data: "second!")
    tar.add("d/", type: "5", mode: "0000700")
    tar.add("d/child")
    tar.add("d/", type: "5", mode: "0000755")
    tar.add("e/", type: "5")
    tar.add("e/gone")
    tar.add("e", type: "2", link: "d")
    let folder = try TemporaryDirectory()
    let sink = try order(tar.finished, seekable: seekable)
    let expected = try TreeListing.ofExtracted(
      try folder.write(
        "same.tar",
        {
          // The same, with what GNU tar can't do (a link over a full directory) done before.
          var same = HandmadeTar()
          same.add("/a/g", data: "first")
          same.add("h", type: "1", link: "a/g")
          same.add("./a/g", data: "second!")
          same.add("d/", type: "5", mode: "0000755")
          same.add("d/child")
          same.add("e", type: "2", link: "d")
          return same.finished
        }()))
    #expect(try listing(sink).differences(expected, ignoring: [.directoryTimes, .root]) == [])
  }

  @Test("a directory that nobody names is 0755, root's, with the time of the first entry in it")
  func implied() throws {
    var tar = HandmadeTar()
    tar.addPax([("mtime", Array("100".utf8))])
    tar.add("x/y/z")
    let entries = try readEntries(try order(tar.finished))
    #expect(entries.map(\.path.description) == ["x", "x/y", "x/y/z"])
    #expect(entries[0].mode == 0o755 && entries[0].modified == Timestamp(seconds: 100))
  }

  @Test(
    "what can't be a tree is refused",
    arguments: [
      ("below a file", "below \"a\""), ("below a link", "below \"a\""), ("no target", "not in the archive"),
      ("to a directory", "hardlink to the directory"),
    ])
  func refused(_ name: String, _ message: String) throws {
    var tar = HandmadeTar()
    switch name {
    case "below a file":
      tar.add("a", data: "x")
      tar.add("a/b")
    case "below a link":
      tar.add("a", type: "2", link: "/etc")
      tar.add("a/passwd", data: "evil")
    case "no target": tar.add("a", type: "1", link: "nowhere")
    default:
      tar.add("d/", type: "5")
      tar.add("z", type: "1", link: "d")
    }
    for seekable in [false, true] {
      let error = try #require(throws: TreeError.self) { _ = try order(tar.finished, seekable: seekable) }
      #expect(error.description.contains(message))
    }
  }

  @Test("a hardlink to what was left out gets the data", arguments: [false, true])
  func excluded(seekable: Bool) throws {
    var tar = HandmadeTar()
    tar.add("a", data: "kept aside")
    tar.add("b/", type: "5")
    tar.add("b/c", type: "1", link: "a")
    tar.add("b/d", type: "1", link: "a")
    let sink = try order(tar.finished, seekable: seekable) { $0.path.description != "a" }
    #expect(try names(sink) == ["b", "b/c", "b/d → b/c"])
    #expect(try listing(sink).lines.first { $0.path == "b/c" }?["size"] == "10")
  }

  private func readEntries(_ sink: TarSink) throws -> [Entry] {
    let reader = TarReader(sink.contents)
    var entries: [Entry] = []
    while let entry = try reader.next() { entries.append(entry) }
    return entries
  }

  private func names(_ sink: TarSink) throws -> [String] {
    try readEntries(sink).map { entry in
      entry.path.description + (entry.hardlinkTarget.map { " → \($0)" } ?? "")
    }
  }
}
