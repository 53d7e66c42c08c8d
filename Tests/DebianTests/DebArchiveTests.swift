import Debian
import Posix
import SystemPackage
import TestSupport
import Testing

@Suite struct DebArchiveTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func read(_ bytes: [UInt8]) throws -> DebArchive {
    let path = folder.appending("x.deb")
    try removeTree(path)
    let file = try openFile(path, .createNew())
    try bytes.withUnsafeBytes { try file.write($0, at: 0) }
    return try DebArchive(file.raw, name: "x.deb")
  }

  private func member(_ name: String, _ data: [UInt8], size: String? = nil) -> [UInt8] {
    func field(_ text: String, _ width: Int) -> [UInt8] {
      Array(text.utf8) + [UInt8](repeating: 0x20, count: width - text.utf8.count)
    }
    let header =
      field(name, 16) + field("0", 12) + field("0", 6) + field("0", 6) + field("100644", 8)
      + field(size ?? String(data.count), 10) + [0x60, 0x0a]
    return header + data + (data.count % 2 == 1 ? [0x0a] : [])
  }

  private let magic = Array("!<arch>\n".utf8)
  private var version: [UInt8] { member("debian-binary", Array("2.0\n".utf8)) }

  @Test(arguments: ["gzip", "xz", "zstd", "none"])
  func `the parts of what dpkg-deb builds are those that ar prints`(compression: String) throws {
    let tree = folder.appending("tree")
    try makeDirectories(tree.appending("DEBIAN"))
    let control = "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: x\n"
    try Tool.check("tee", [tree.appending("DEBIAN/control").string], input: Array(control.utf8))
    let deb = folder.appending("built.deb")
    try Tool.check("dpkg-deb", ["-Z\(compression)", "-b", tree.string, deb.string])
    let file = try openFile(deb, .read)
    let archive = try DebArchive(file.raw, name: "built.deb")
    let names = try Tool.check("ar", ["t", deb.string]).text.split(separator: "\n").map(String.init)
    #expect(names == ["debian-binary", archive.control.name, archive.data.name])
    for part in [archive.control, archive.data] {
      var bytes = [UInt8](repeating: 0, count: Int(part.size))
      _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: part.offset) }
      #expect(try Tool.check("ar", ["p", deb.string, part.name]).output == bytes)
    }
  }

  @Test func `members whose names start with an underscore are passed over`() throws {
    let archive = try read(
      magic + version + member("_gpg", [1, 2, 3]) + member("control.tar", [4])
        + member("data.tar.xz", [5, 6]))
    #expect(archive.control.size == 1)
    #expect(archive.data.name == "data.tar.xz")
  }

  @Test func `what is no package is refused, wherever it is broken`() throws {
    let control = member("control.tar.xz", [1, 2])
    let data = member("data.tar.xz", [3, 4])
    let whole = magic + version + control + data
    _ = try read(whole)
    for (bytes, reason) in [
      ([], DebError.Reason.format),
      (Array("!<arch>x".utf8) + version + control + data, .format),
      (Array(whole.dropLast(1)), .truncated),
      (Array(whole.dropLast(40)), .truncated),
      (magic + control + data, .member("debian-binary")),
      (magic + member("debian-binary", Array("3.0\n".utf8)) + control + data, .version),
      (magic + version + data + control, .unexpected("data.tar.xz")),
      (magic + version + control, .member("data.tar")),
      (magic + version + member("control.tar.lz4", [1]) + data, .compression("control.tar.lz4")),
      (magic + version + member("control.tar.xz", [1, 2], size: "-2") + data, .header(72)),
      (magic + version + member("control.tar.xz", [1, 2], size: "9999999999") + data, .truncated),
    ] as [([UInt8], DebError.Reason)] {
      do {
        _ = try read(bytes)
        Issue.record("\(reason) was read")
      } catch let error as DebError {
        #expect(error.reason == reason)
      }
    }
  }
}
