import Posix
import SystemPackage
import TestSupport
import Testing

/// A folder with an input, from which an import must fail without a trace.
struct RefusedImport {
  let folder: TemporaryDirectory

  init(_ name: String, _ input: [UInt8]) throws {
    folder = try TemporaryDirectory()
    try folder.write(name, input)
    try TreeBuilder.shell("mkdir out tmp victim; echo safe >victim/file", in: folder.path)
  }

  /// Runs the import into every kind of output, and gives its one line of complaint.
  func complaint(_ source: String, options: [String] = [], input: [UInt8] = []) throws -> String {
    let before = try TreeListing.of(folder.path)
    let result = try garboard(
      "garboard-import",
      [source] + options + [
        "-o", "out/a.oci.tar", "-o", "out/b.docker.tar", "-o", "out/layout", "-o", "out/c.tar.gz",
        "-o", "rootfs:out/root",
      ], input: input, environment: ["TMPDIR=\(folder.appending("tmp").string)"], in: folder.path)
    #expect(result.status == .exited(1), "\(result.errorText)")
    #expect(result.output.isEmpty)
    let lines = result.errorText.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count == 2 && lines.last == "", "\(result.errorText)")
    #expect(result.errorText.hasPrefix("garboard-import: error: "), "\(result.errorText)")
    #expect(before.differences(try TreeListing.of(folder.path), ignoring: .directoryTimes) == [])
    return result.errorText
  }
}

@Suite("garboard-import: what it must refuse")
struct ImportRefusalTests {
  private static let sample = Result { () throws -> TemporaryDirectory in
    let folder = try TemporaryDirectory()
    try TreeBuilder.shell(
      """
      mkdir t; dd if=/bin/sh of=t/a bs=1000 count=90 status=none; seq 20000 >t/b; cp -a /etc/passwd t/c
      tar -C t --sort=name --format=posix -cf none .
      gzip -nk none; xz -k none; zstd -q --check none; bzip2 -k none; mv none.bz2 bz2
      mv none.gz gz; mv none.xz xz; mv none.zst zst
      """, in: folder.path)
    return folder
  }

  static let compressions = ["none", "gz", "xz", "zst", "bz2"]

  @Test("An archive that is cut off, from a file and from a stream", arguments: compressions)
  func truncated(_ name: String) throws {
    let whole = try readBytes(Self.sample.get().appending(name))
    // A tar without its end marker is accepted, as everywhere: so its cuts are in what it holds.
    let end = name == "none" ? 200_000 : whole.count
    for count in [end / 5, end / 2, end - 4001, end - (name == "none" ? 77 : 1)] {
      let cut = Array(whole[..<count])
      let message = try RefusedImport("x", cut).complaint("x")
      #expect(!message.contains("format"), "cut at \(count): \(message)")
      _ = try RefusedImport("y", []).complaint("-", input: cut)
    }
  }

  @Test("Flipped bits are refused, or change nothing that counts", arguments: compressions.dropFirst())
  func flipped(_ name: String) throws {
    let folder = try TemporaryDirectory()
    var bytes = try readBytes(Self.sample.get().appending(name))
    func digest() throws -> String? {
      try folder.write("x", bytes)
      let result = try garboard("garboard-import", "x", "-q", "-o", "x.tar", in: folder.path)
      if result.status.isSuccess {
        let sum = try Tool.check("sha256sum", ["x.tar"], in: folder.path).text
        try Tool.check("rm", ["x.tar"], in: folder.path)
        return sum
      }
      #expect(result.status == .exited(1))
      #expect(result.errorText.hasPrefix("garboard-import: error: "), "\(result.errorText)")
      #expect(try Tool.check("ls", [], in: folder.path).text == "x\n")
      return nil
    }
    let right = try #require(try digest())
    var refused = 0
    for number in 0..<16 {
      let position = number * 7919 % bytes.count
      bytes[position] ^= 1 << (number % 8)
      let found = try digest()
      bytes[position] ^= 1 << (number % 8)
      if found == nil { refused += 1 }
      #expect(found == nil || found == right, "bit \(number % 8) of byte \(position)")
    }
    #expect(refused > 10)
  }

  @Test("Something behind the end of the compressed stream", arguments: compressions.dropFirst())
  func garbage(_ name: String) throws {
    let whole = try readBytes(Self.sample.get().appending(name))
    _ = try RefusedImport("x", whole + Array("garbage".utf8)).complaint("x")
  }

  @Test("What is no archive at all")
  func noArchive() throws {
    _ = try RefusedImport("x", Array("just a text file, and no archive\n".utf8)).complaint("x")
    _ = try RefusedImport("x", []).complaint("x")
    #expect(try RefusedImport("x", []).complaint("missing").contains("missing"))
  }

  /// An archive that must be refused, and a part of the message.
  struct Attack: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var message: String
    var options: [String]
    var build: @Sendable (inout HandmadeTar) -> Void

    init(
      _ name: String, _ message: String, _ options: String...,
      build: @escaping @Sendable (inout HandmadeTar) -> Void
    ) {
      testDescription = name
      self.message = message
      self.options = options
      self.build = build
    }
  }

  static let attacks = [
    Attack("a parent in a name", "..") { $0.add("../victim/file", data: "evil") },
    Attack("a parent inside a name", "..") { $0.add("a/../../victim/file", data: "evil") },
    Attack("a hardlink to outside", "..") { $0.add("a", type: "1", link: "../victim/file") },
    Attack("a file below a symlink", "link") {
      $0.add("link", type: "2", link: "../victim")
      $0.add("link/file", data: "evil")
    },
    Attack("a file below an absolute symlink", "link") {
      $0.add("link", type: "2", link: "/")
      $0.add("link/etc/evil", data: "evil")
    },
    Attack("a hardlink through a symlink", "link") {
      $0.add("link", type: "2", link: "../victim")
      $0.add("h", type: "1", link: "link/file")
    },
    Attack("a file below a file", "\"f\"") {
      $0.add("f", data: "x")
      $0.add("f/g", data: "x")
    },
    Attack("the root as a symlink", "root") { $0.add("./", type: "2", link: "victim") },
    Attack("the root as a file", "root") { $0.add(".", data: "x") },
    Attack("a hardlink to nothing", "\"nothing\"") { $0.add("a", type: "1", link: "nothing") },
    Attack("hardlinks in a circle", "hardlink") {
      $0.add("a", type: "1", link: "b")
      $0.add("b", type: "1", link: "a")
    },
    Attack("a hardlink to a directory", "directory") {
      $0.add("d/", type: "5")
      $0.add("a", type: "1", link: "d")
    },
    Attack("a whiteout", "whiteout") { $0.add(".wh.etc") },
    Attack("an opaque marker", "whiteout") { $0.add("d/.wh..wh..opq") },
    Attack("a whiteout of nothing", "whiteout") { $0.add(".wh.") },
    Attack("a whiteout of the directory itself", "whiteout") { $0.add("d/.wh..") },
    Attack("a whiteout of the directory above", "whiteout") { $0.add("d/.wh...") },
    Attack("a directory that is a whiteout", "whiteout") { $0.add("d/.wh.x/f") },
    Attack("AUFS's notes", "whiteout") { $0.add(".wh..wh.plnk/1") },
    Attack("a header with a wrong checksum", "checksum") {
      $0.add("a")
      $0.append([UInt8](repeating: 0x41, count: 512))
    },
    Attack("an unknown type", "\"Z\"") { $0.add("a", type: "Z") },
    Attack("a size over 64 bits", "size") { tar in
      tar.add(Array("a".utf8)) {
        $0.replaceSubrange(124..<136, with: [0x80] + [UInt8](repeating: 255, count: 11))
      }
    },
    Attack("an extended header of gigabytes", "limit") { $0.add(Array("x".utf8), type: "x", size: 3 << 30) },
    Attack("a long name of gigabytes", "limit") {
      $0.add(Array("x".utf8), type: "L", size: 3 << 30, magic: .gnu)
    },
    Attack("a malformed extended header", "") {
      $0.addPax(raw: "99 path=x\n")
      $0.add("a")
    },
    Attack("a size for a directory", "size") {
      $0.addPax([("size", Array("512".utf8))])
      $0.add("d/", type: "5")
    },
    Attack("a sparse map past the end", "end") {
      $0.addPax([("GNU.sparse.size", Array("4".utf8)), ("GNU.sparse.map", Array("0,8".utf8))])
      $0.add(Array("a".utf8), data: [UInt8](repeating: 1, count: 8))
    },
    Attack("a sparse file of exabytes", "limit") {
      $0.addPax([
        ("GNU.sparse.size", Array("9000000000000000000".utf8)), ("GNU.sparse.map", Array("0,4".utf8)),
      ])
      $0.add(Array("a".utf8), data: [1, 2, 3, 4])
    },
    Attack("a sparse map without bound", "limit", "--max-sparse-runs", "100") {
      $0.addPax([
        ("GNU.sparse.major", [0x31]), ("GNU.sparse.minor", [0x30]), ("GNU.sparse.realsize", Array("9".utf8)),
      ])
      $0.add(Array("a".utf8), data: Array("99999999\n0\n1\n".utf8) + [UInt8](repeating: 0x30, count: 5000))
    },
    Attack("too many entries", "limit", "--max-entries", "2") { tar in
      for name in ["a", "b", "c"] { tar.add(name) }
    },
    Attack("too much data", "limit", "--max-size", "10") { $0.add("a", data: "12345678901") },
    Attack("a name that is too long", "limit", "--max-path-length", "300") {
      $0.addPax([("path", [UInt8](repeating: 0x61, count: 400))])
      $0.add("a")
    },
    Attack("a name that is too deep", "limit", "--max-path-depth", "2") { $0.add("a/b/c/d") },
    Attack("attributes that are too large", "limit", "--max-header-size", "1KiB") {
      $0.addPax([("SCHILY.xattr.user.x", [UInt8](repeating: 0x61, count: 2000))])
      $0.add("a")
    },
    Attack("an ACL of a name that nobody has", "this machine doesn't know") {
      $0.addPax([
        ("SCHILY.acl.access", Array("user::rwx,user:no-such-user:r--,group::r--,mask::r--,other::r--".utf8))
      ])
      $0.add("a")
    },
  ]

  @Test("A hostile archive, from a file and from a stream", arguments: attacks)
  func hostile(_ attack: Attack) throws {
    var tar = HandmadeTar()
    tar.add("first", data: "written before")
    attack.build(&tar)
    tar.add("last", data: "never reached")
    for name in ["x", "-"] {
      let folder = try RefusedImport("x", tar.finished)
      let result = try folder.complaint(name, options: attack.options, input: name == "-" ? tar.finished : [])
      #expect(result.contains(attack.message), "\(result)")
    }
  }

  @Test("Bombs", arguments: ["gzip -9", "xz", "zstd -q -19", "bzip2"])
  func bomb(_ compressor: String) throws {
    let folder = try TemporaryDirectory()
    try TreeBuilder.shell(
      "truncate -s 48M zeros; tar -c zeros | \(compressor) >bomb; rm zeros", in: folder.path)
    let bomb = try readBytes(folder.appending("bomb"))
    let tooLarge = try RefusedImport("x", bomb).complaint("x", options: ["--max-size", "20MB"])
    #expect(tooLarge.contains("limit"))
    // The kernel agrees that little memory was needed: 256 MiB of address space for data.
    let result = try Tool.run(
      "sh",
      [
        "-c", "ulimit -d 262144; exec \"$0\" \"$@\"", productsDirectory().appending("garboard-import").string,
        folder.appending("bomb").string, "--max-size", "20MB", "-o", folder.appending("x.oci.tar").string,
      ])
    #expect(result.status == .exited(1), "\(result.errorText)")
  }

  @Test("A zstd window that is too large")
  func window() throws {
    let folder = try TemporaryDirectory()
    try TreeBuilder.shell(
      "truncate -s 20M zeros; tar -c zeros | zstd -q --long=28 >x; rm zeros", in: folder.path)
    let bytes = try readBytes(folder.appending("x"))
    _ = try RefusedImport("x", bytes).complaint("x", options: ["--max-window", "1MiB"])
  }

  @Test("Wrong usage is 64 and makes nothing")
  func usage() throws {
    let folder = try TemporaryDirectory()
    try folder.write("x.tar", HandmadeTar().finished)
    for arguments in [
      ["x.tar"], [], ["x.tar", "-o", "a.oci.tar", "-c", "RUN true"], ["x.tar", "UPPER:x", "-o", "a.oci.tar"],
      ["x.tar", "-o", "a.oci.tar", "--compression", "bzip2"], ["x.tar", "-o", "a.oci.tar", "--clamp-mtime"],
      ["x.tar", "-o", "-", "--json"], ["x.tar", "-o", "a.oci.tar", "--owner", "root"],
    ] {
      let result = try garboard("garboard-import", arguments, in: folder.path)
      #expect(result.status == .exited(64), "\(arguments): \(result.errorText)")
      #expect(try Tool.check("ls", [], in: folder.path).text == "x.tar\n")
    }
  }
}
