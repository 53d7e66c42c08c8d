import Archive
import Glibc
import Posix
import Rootfs
import SystemPackage
import TestSupport
import Testing

/// Trees that must come through unchanged; run as root, for owners, devices and all attributes.
@Suite struct UnpackerTests {
  @Test func scanAndUnpackGiveTheSameTree() throws {
    let source = try TemporaryDirectory()
    let target = try TemporaryDirectory()
    try TreeBuilder.nasty(in: source.path)
    try copy(source.path, to: target.path)
    let differences = try TreeListing.of(source.path).differences(TreeListing.of(target.path))
    #expect(differences == [])
  }

  @Test func unpackingTwiceGivesTheSameTree() throws {
    let source = try TemporaryDirectory()
    let target = try TemporaryDirectory()
    try TreeBuilder.nasty(in: source.path)
    try copy(source.path, to: target.path)
    try copy(source.path, to: target.path)
    let differences = try TreeListing.of(source.path).differences(TreeListing.of(target.path))
    #expect(differences == [])
  }

  @Test func anotherUmaskAndADefaultACLChangeNothing() throws {
    let source = try TemporaryDirectory()
    let target = try TemporaryDirectory()
    try TreeBuilder.nasty(in: source.path)
    try TreeBuilder.shell("setfacl -m d:u:5:rwx,d:g:6:- . ; chmod g+s .", in: target.path)
    try copy(source.path, to: target.path)
    let differences = try TreeListing.of(source.path).differences(TreeListing.of(target.path))
    #expect(differences == [])
  }

  @Test func zerosTakeNoRoom() throws {
    let target = try TemporaryDirectory()
    let unpacker = try Unpacker(into: target.path)
    let size: UInt64 = 10 << 30
    var left = size
    // Two blocks of data, the rest zeros.
    var marks: [UInt64: UInt8] = [5 << 30: 1, size - 1: 2]
    try unpacker.add(Entry(EntryPath("big"), .file, size: size)) { buffer in
      if let base = buffer.baseAddress { memset(base, 0, buffer.count) }
      let offset = size - left
      for (mark, value) in marks where mark >= offset && mark - offset < UInt64(buffer.count) {
        buffer[Int(mark - offset)] = value
        marks[mark] = nil
      }
      left -= UInt64(buffer.count)
      return buffer.count
    }
    try unpacker.finish()
    let told = try Tool.check("stat", ["-c", "%s %b", target.appending("big").string]).text
    let numbers = told.split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) }
    #expect(numbers.first == size)
    #expect(numbers.last ?? .max <= 2 * 4096 / 512 * 2)
    let marked = try Tool.check(
      "sh", ["-c", "tail -c +5368709121 big | head -c 1 | od -An -tu1; tail -c 1 big | od -An -tu1"],
      in: target.path
    ).text
    #expect(marked.split(whereSeparator: \.isWhitespace) == ["1", "2"])
  }

  @Test func missingParentsHaveTheTimeOfTheirFirstChild() throws {
    let target = try TemporaryDirectory()
    let unpacker = try Unpacker(into: target.path)
    var first = Entry(try EntryPath("a/b/c"), .fifo)
    first.modified = Timestamp(seconds: 1_000_000_000, nanoseconds: 5)
    first.user = 7
    try unpacker.add(first) { _ in 0 }
    var named = Entry(try EntryPath("a"), .directory, mode: 0o700)
    named.modified = Timestamp(seconds: 9)
    named.group = 3
    try unpacker.add(named) { _ in 0 }
    try unpacker.finish()
    let lines = try TreeListing.of(target.path).lines.dropFirst()
    #expect(
      TreeListing(lines: Array(lines)).text == """
        a type=directory mode=0700 owner=0:3 mtime=9.000000000
        a/b type=directory mode=0755 owner=0:0 mtime=1000000000.000000005
        a/b/c type=fifo mode=0644 owner=7:0 mtime=1000000000.000000005

        """)
  }

  @Test func laterEntriesReplaceEarlierOnes() throws {
    let target = try TemporaryDirectory()
    try TreeBuilder.shell(
      "mkdir -p d/e/f keep; setfattr -n user.old -v x keep; echo > d/e/f/g; ln -s keep l; echo old > f; ln f f2",
      in: target.path)
    let unpacker = try Unpacker(into: target.path)
    func add(_ path: String, _ kind: EntryKind, _ change: (inout Entry) -> Void = { _ in }) throws {
      var entry = Entry(try EntryPath(path), kind)
      change(&entry)
      try unpacker.add(entry) { _ in 0 }
    }
    // A file on a directory that this unpacker has put something into; then a directory again.
    try add("d/e/h", .file)
    try add("d", .file)
    try add("d", .directory) { $0.mode = 0o711 }
    try add("d/new", .file)
    // A directory on a directory takes its metadata and keeps its contents; its old attributes go.
    try add("keep/inside", .file)
    try add("keep", .directory) { $0.mode = 0o500 }
    // A directory on a symlink doesn't go through it.
    try add("l", .directory) { $0.mode = 0o750 }
    try add("l/x", .file)
    // A symlink on a file with another name leaves that one.
    try add("f", .symlink) { $0.linkTarget = Array("gone".utf8) }
    try unpacker.finish()
    let listing = try TreeListing.of(target.path).lines.dropFirst().map { line in
      "\(line.path) \(line["type"] ?? "") \(line["mode"] ?? "") \(line["size"] ?? "") \(line["xattr:user.old"] ?? "")"
    }
    #expect(
      listing == [
        "d directory 0711  ", "d/new file 0644 0 ", "f symlink 0777  ", "f2 file 0644 4 ",
        "keep directory 0500  ", "keep/inside file 0644 0 ", "l directory 0750  ", "l/x file 0644 0 ",
      ])
  }

  @Test func hardlinksToThemselvesAndAgainAreNothing() throws {
    let target = try TemporaryDirectory()
    let unpacker = try Unpacker(into: target.path)
    try unpacker.add(Entry(EntryPath("a"), .file, size: 1)) {
      $0[0] = 65; return 1
    }
    for name in ["a", "b", "b"] {
      var link = Entry(try EntryPath(name), .hardlink)
      link.hardlinkTarget = try EntryPath("a")
      try unpacker.add(link) { _ in 0 }
    }
    try unpacker.finish()
    #expect(try readBytes(target.appending("a")) == [65])
    #expect(try Tool.check("stat", ["-c", "%h", target.appending("b").string]).text == "2\n")
  }

  @Test func pathsLongerThanThePathLimit() throws {
    let target = try TemporaryDirectory()
    let unpacker = try Unpacker(into: target.path)
    let long = Array(repeating: "d123456789", count: 500).joined(separator: "/")
    try unpacker.add(Entry(EntryPath(long + "/file"), .file)) { _ in 0 }
    try unpacker.finish()
    let found = try Tool.check("find", [target.path.string, "-name", "file", "-printf", "%d"]).text
    #expect(found == "501")
  }

  @Test func manyFilesQuickly() throws {
    let source = try TemporaryDirectory()
    let target = try TemporaryDirectory()
    try TreeBuilder.many(3000, in: source.path)
    try copy(source.path, to: target.path)
    let differences = try TreeListing.of(source.path).differences(TreeListing.of(target.path))
    #expect(differences == [])
  }

  private func copy(_ source: FilePath, to target: FilePath) throws {
    let scan = try DirectoryScan(source)
    let unpacker = try Unpacker(into: target)
    while let entry = try scan.next() { try unpacker.add(entry) { try scan.read(into: $0) } }
    try unpacker.finish()
  }
}
