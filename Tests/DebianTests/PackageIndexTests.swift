import Debian
import Testing

@Suite("The index of an archive")
struct PackageIndexTests {
  static func stanza(
    _ name: String, _ fields: String = "", version: String = "1", architecture: String = "all"
  ) -> String {
    "Package: \(name)\nVersion: \(version)\nArchitecture: \(architecture)\n" + fields
      + "Filename: pool/\(name).deb\nSize: 1\nSHA256: \(String(repeating: "0", count: 64))\n\n"
  }

  static func index(_ text: String) throws -> PackageIndex {
    let bytes = Array(text.utf8)
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    memory.copyBytes(from: bytes)
    // Never freed: the index may outlive this function.
    return try PackageIndex(
      parsing: UnsafeRawBufferPointer(memory), owner: nil, architecture: "amd64", file: "Packages")
  }

  private let text =
    stanza(
      "a", "Essential: yes\nPriority: required\nMulti-Arch: same\nDepends: virtual, b\n",
      architecture: "amd64")
    + stanza("b", "Provides: virtual (= 2),\n other\nImportant: yes\n") + stanza("b", version: "2")
    + stanza("foreign", architecture: "arm64")

  private func check(_ index: PackageIndex) throws {
    #expect(index.count == 3)
    let b = try #require(index.number(of: "b"))
    #expect(index.packages(named: b).map { index.version(of: $0).text } == ["1", "2"])
    let virtual = try #require(index.number(of: "virtual"))
    #expect(index.packages(named: virtual).isEmpty)
    #expect(index.providers(of: virtual).map { index.name(of: $0) } == ["b"])
    let other = try #require(index.number(of: "other"))
    #expect(index.providers(of: other).map { index.name(of: $0) } == ["b"])
    #expect(index.number(of: "foreign") == nil)
    #expect(index.number(of: "nothing") == nil)
    #expect(index.isEssential(0) && !index.isEssential(1))
    #expect(index.isProtected(1) && !index.isProtected(0))
    #expect(index.priority(of: 0) == .required && index.priority(of: 1) == nil)
    #expect(index.multiArch(of: 0) == .same)
    #expect(!index.isForAll(0) && index.isForAll(1))
    // Names have numbers in the order of their first mention: a, virtual, b, other.
    #expect(["a", "virtual", "b", "other"].map { index.number(of: $0) } == [0, 1, 2, 3])
    let record = try PackageRecord(stanza: try #require(index.stanza(of: 1)), file: "Packages")
    #expect(record.provides.map(\.description) == ["virtual (= 2)", "other"])
  }

  @Test("Packages are found by name and by what they provide")
  func find() throws { try check(try Self.index(text)) }

  @Test("It is the same out of its cache file; a damaged one is seen")
  func serialized() throws {
    let whole = try Self.index(text)
    let bytes = withExtendedLifetime(whole) { whole.serialized.flatMap { Array($0) } }
    final class Owner {}
    func read(_ bytes: [UInt8]) throws -> PackageIndex? {
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
      memory.copyBytes(from: bytes)
      return PackageIndex(serialized: UnsafeRawBufferPointer(memory), owner: Owner())
    }
    try check(try #require(try read(bytes)))
    for length in [0, 7, 63, 64, bytes.count / 2, bytes.count - 1] {
      #expect(try read(Array(bytes[..<length])) == nil)
    }
    // A byte of the tables shows at once, one of the text where it is read.
    for index in stride(from: 0, to: bytes.count, by: 7) {
      var changed = bytes
      changed[index] ^= 0x10
      guard let found = try read(changed) else { continue }
      for package in 0..<3 {
        // Blank lines between paragraphs are nobody's.
        let stanza = found.stanza(of: package).map { Array($0) }
        #expect(stanza == nil || stanza == whole.stanza(of: package).map { Array($0) })
      }
    }
  }

  @Test(
    "What is no index is refused with its line",
    arguments: [
      ("Package: a\nVersion: 1\nArchitecture: all\n", "Filename"), ("Version: 1\n", "Package"),
      ("Package: a\nArchitecture: all\n", "Version"), ("<html>\n", "colon"), (" x\n", "continuation"),
    ])
  func refuse(_ text: String, _ word: String) {
    do {
      _ = try Self.index(text)
      Issue.record("accepted")
    } catch { #expect("\(error)".contains(word)) }
  }

  @Test("A name that leads out of the archive is refused")
  func escape() throws {
    let index = try Self.index(Self.stanza("../../x"))
    #expect(throws: SyntaxError.self) {
      try PackageRecord(stanza: try #require(index.stanza(of: 0)), file: "Packages")
    }
  }
}
