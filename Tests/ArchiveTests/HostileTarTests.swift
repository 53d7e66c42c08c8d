import Archive
import Posix
import TestSupport
import Testing

/// Bytes in memory as a source, in pieces of a chosen size.
final class MemorySource: ByteSource {
  private let bytes: [UInt8]
  private let step: Int
  private var position = 0

  init(_ bytes: [UInt8], step: Int = .max) {
    self.bytes = bytes
    self.step = step
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = min(buffer.count, bytes.count - position, step)
    buffer.copyBytes(from: bytes[position..<(position + count)])
    position += count
    return count
  }
}

/// Reads all entries with their data.
func readAll(
  _ bytes: [UInt8], limits: ArchiveLimits = ArchiveLimits(), step: Int = .max
) throws -> [(entry: Entry, data: [UInt8])] {
  let reader = TarReader(MemorySource(bytes, step: step), limits: limits)
  var result: [(entry: Entry, data: [UInt8])] = []
  var buffer = [UInt8](repeating: 0, count: 4096)
  while let entry = try reader.next() {
    var data: [UInt8] = []
    while case let count = try buffer.withUnsafeMutableBytes({ try reader.read(into: $0) }), count > 0 {
      data += buffer[..<count]
    }
    result.append((entry, data))
  }
  return result
}

@Suite("Tars that no tool should believe")
struct HostileTarTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var bytes: [UInt8]
    var message: String
    var limits = ArchiveLimits()

    init(
      _ name: String, _ message: String, limits: (inout ArchiveLimits) -> Void = { _ in },
      _ build: (inout HandmadeTar) -> Void
    ) {
      testDescription = name
      self.message = message
      var tar = HandmadeTar()
      build(&tar)
      bytes = tar.finished
      limits(&self.limits)
    }
  }

  static let cases = [
    Case("a parent in the name", "\"..\" part") { $0.add("../../etc/passwd", data: "x") },
    Case("a parent in the middle", "\"..\" part") { $0.add("a/../../b") },
    Case("a parent in a hardlink's target", "\"..\" part") { $0.add("a", type: "1", link: "../b") },
    Case("a parent in a pax path", "\"..\" part") {
      $0.addPax([("path", Array("x/../../y".utf8))])
      $0.add("innocent")
    },
    Case("no name at all", "without a name") { $0.add("") },
    Case("a symlink without a target", "symlink without a target") { $0.add("a", type: "2") },
    Case("the root as a symlink", "root of the tree is not a directory") {
      $0.add("./", type: "2", link: "/etc")
    },
    Case("the root as a file", "root of the tree is not a directory") { $0.add(".", data: "x") },
    Case("a wrong checksum", "checksum") {
      $0.add("a")
      $0.append([UInt8](repeating: 0x41, count: 512))
    },
    Case("an unknown type", "type \"Z\"") { $0.add("a", type: "Z") },
    Case("a part of a multi-volume archive", "type \"M\"") { $0.add("a", type: "M") },
    Case("a size that is no number", "size is not a number") { tar in
      tar.add(Array("a".utf8)) { $0[124] = UInt8(ascii: "9") }
    },
    Case("a negative size", "size is not a number") { tar in
      tar.add(Array("a".utf8)) { block in for index in 124..<136 { block[index] = 0xff } }
    },
    Case("a size over 64 bits", "size is not a number") { tar in
      tar.add(Array("a".utf8)) { block in
        block[124] = 0x80
        for index in 125..<136 { block[index] = 0xff }
      }
    },
    Case("an owner of -1", "user number") {
      $0.addPax([("uid", Array("4294967295".utf8))])
      $0.add("a")
    },
    Case("a pax record that is too long", "does not lead to its end") {
      $0.addPax(raw: "99 path=x\n")
      $0.add("a")
    },
    Case("a pax record without its newline", "does not lead to its end") {
      $0.addPax(raw: "10 path=xyz")
      $0.add("a")
    },
    Case("a pax record without a key", "no key") {
      $0.addPax(raw: "6 =ab\n")
      $0.add("a")
    },
    Case("a pax record without a length", "does not start with its length") {
      $0.addPax(raw: "path=x\n")
      $0.add("a")
    },
    Case("a pax length of many digits", "too many digits") {
      $0.addPax(raw: "00000000000000000000012 path=x\n")
      $0.add("a")
    },
    Case("a NUL in a pax path", "NUL byte") {
      $0.addPax([("path", [0x61, 0, 0x62])])
      $0.add("a")
    },
    Case("an extended header with nothing behind it", "no entry follows") {
      $0.addPax([("path", [0x61])])
    },
    Case("two extended headers for one entry", "two of them") {
      $0.addPax([("path", [0x61])])
      $0.addPax([("path", [0x62])])
      $0.add("c")
    },
    Case("a global header in between", "between an entry") {
      $0.addPax([("path", [0x61])])
      $0.addPax([("mtime", [0x31])], type: "g")
      $0.add("c")
    },
    Case("an extended header of gigabytes", "over the limit") {
      $0.add(Array("x".utf8), type: "x", size: 3 << 30)
    },
    Case("a long name of gigabytes", "over the limit") {
      $0.add(Array("x".utf8), type: "L", size: 3 << 30, magic: .gnu)
    },
    Case("a pax size for a directory", "a size for something") {
      $0.addPax([("size", Array("512".utf8))])
      $0.add("d/", type: "5")
    },
    Case("a size that is more than there is", "cut off in a file's data") {
      $0.add(Array("a".utf8), data: [1], size: 100_000)
    },
    Case("too many entries", "more than 2 entries", limits: { $0.entries = 2 }) { tar in
      for name in ["a", "b", "c"] { tar.add(name) }
    },
    Case("too much data", "over the limit of 10 bytes", limits: { $0.totalSize = 10 }) {
      $0.add("a", data: "123456")
      $0.add("b", data: "123456")
    },
    Case("a path that is too long", "over the limit of 300", limits: { $0.pathLength = 300 }) {
      $0.addPax([("path", [UInt8](repeating: 0x61, count: 400))])
      $0.add("a")
    },
    Case("a path that is too deep", "3 parts", limits: { $0.pathDepth = 2 }) { $0.add("a/b/c") },
    Case("a sparse map beyond all bounds", "over the limit of 1000", limits: { $0.sparseExtents = 1000 }) {
      $0.addPax([
        ("GNU.sparse.major", [0x31]), ("GNU.sparse.minor", [0x30]), ("GNU.sparse.realsize", Array("9".utf8)),
      ])
      $0.add(Array("a".utf8), data: Array("99999999\n0\n1\n".utf8) + [UInt8](repeating: 0x30, count: 5000))
    },
    Case("a sparse map that overlaps itself", "overlap") {
      $0.addPax([("GNU.sparse.size", Array("100".utf8)), ("GNU.sparse.map", Array("0,4,2,4".utf8))])
      $0.add(Array("a".utf8), data: [UInt8](repeating: 1, count: 8))
    },
    Case("a sparse map past the file's end", "past the end") {
      $0.addPax([("GNU.sparse.size", Array("4".utf8)), ("GNU.sparse.map", Array("0,8".utf8))])
      $0.add(Array("a".utf8), data: [UInt8](repeating: 1, count: 8))
    },
    Case("a sparse map for other data", "describes 4 bytes") {
      $0.addPax([("GNU.sparse.size", Array("100".utf8)), ("GNU.sparse.map", Array("0,4".utf8))])
      $0.add(Array("a".utf8), data: [UInt8](repeating: 1, count: 8))
    },
    Case("a sparse file of exabytes", "limit") {
      $0.addPax([
        ("GNU.sparse.size", Array("9000000000000000000".utf8)), ("GNU.sparse.map", Array("0,4".utf8)),
      ])
      $0.add(Array("a".utf8), data: [1, 2, 3, 4])
    },
    Case("an ACL that is none", "ACL") {
      $0.addPax([("SCHILY.acl.access", Array("user::rwx,nonsense".utf8))])
      $0.add("a")
    },
  ]

  @Test("is refused with a message", arguments: cases)
  func refused(_ example: Case) throws {
    let error = try #require(throws: ArchiveError.self) {
      _ = try readAll(example.bytes, limits: example.limits)
    }
    #expect(error.description.contains(example.message), "\(error)")
    #expect(!error.description.contains("\n"))
  }

  @Test("cut off anywhere, an archive is an error or lacks only its end marker")
  func truncated() throws {
    var tar = HandmadeTar()
    tar.addPax([("path", Array("long/name".utf8)), ("SCHILY.xattr.user.a", [1, 2, 3])])
    tar.add("x", data: "some data")
    tar.add("dir/", type: "5")
    let complete = tar.bytes.count
    for length in stride(from: 1, to: complete, by: 37) where length % 512 != 0 || length == 512 {
      #expect(throws: ArchiveError.self, "cut at \(length)") {
        _ = try readAll(Array(tar.bytes[..<length]))
      }
    }
    #expect(try readAll(tar.bytes).count == 2)
  }

  @Test("sizes in pax headers count, not those beside them")
  func paxSizeWins() throws {
    // CVE-2025-62518: a reader that believes the header's own size sees the entries inside the data.
    var inner = HandmadeTar()
    inner.add("smuggled", data: "evil")
    var tar = HandmadeTar()
    tar.addPax([("size", Array(String(inner.bytes.count).utf8))])
    tar.add(Array("outer".utf8), data: inner.bytes, size: 0)
    tar.add("last", data: "z")
    let entries = try readAll(tar.finished)
    #expect(entries.map(\.entry.path.description) == ["outer", "last"])
    #expect(entries[0].data == inner.bytes)
  }

  @Test("an extended header's size is not that of the long name behind it")
  func paxThenLongName() throws {
    var tar = HandmadeTar()
    tar.addPax([("size", Array("5".utf8))])
    tar.add(Array("././@LongLink".utf8), type: "L", data: Array("the/long/name\0".utf8), magic: .gnu)
    tar.add(Array("short".utf8), data: Array("12345".utf8), size: 0)
    let entries = try readAll(tar.finished)
    #expect(entries.map(\.entry.path.description) == ["the/long/name"])
    #expect(entries[0].data == Array("12345".utf8))
  }

  @Test("global headers count until taken back")
  func globals() throws {
    var tar = HandmadeTar()
    tar.addPax([("uid", Array("4242".utf8)), ("mtime", Array("-1.5".utf8))], type: "g")
    tar.add("a")
    tar.addPax([("uid", Array("7".utf8))])
    tar.add("b")
    tar.addPax([("uid", []), ("mtime", [])], type: "g")
    tar.add("c")
    let entries = try readAll(tar.finished).map(\.entry)
    #expect(entries.map(\.user) == [4242, 7, 0])
    #expect(entries[0].modified == Timestamp(seconds: -2, nanoseconds: 500_000_000))
    #expect(entries[2].modified == Timestamp(seconds: 1))
  }

  @Test("it does not matter in which pieces the bytes come", arguments: [1, 7, 511, 512, 513, 4096])
  func pieces(step: Int) throws {
    var tar = HandmadeTar()
    tar.addPax([("path", Array("a/b".utf8))])
    tar.add("x", data: String(repeating: "data", count: 500))
    tar.add("y", type: "2", link: "../../etc")
    let whole = try readAll(tar.finished)
    let parts = try readAll(tar.finished, step: step)
    #expect(whole.map(\.entry) == parts.map(\.entry))
    #expect(whole.map(\.data) == parts.map(\.data))
  }
}
