import Cache
import Digest
import Posix
import SystemPackage
import TestSupport
import Testing

/// What garboard-bootstrap keeps of packages that it uses again. dpkg-deb and zstd say what is in it.
@Suite("garboard-bootstrap: decompressed packages in the cache")
struct KeptDataTests {
  private let folder: TemporaryDirectory
  private let archive: DebianArchive
  private let server: ArchiveServer

  init() throws {
    folder = try TemporaryDirectory()
    archive = try DebianArchive(packages: [
      .init("one", files: [("usr/share/one/data", (0..<40_000).map { "\($0 &* 7919 % 10_007) " }.joined())]),
      .init("two", files: [("usr/share/two/data", "two\n")]),
    ])
    server = try ArchiveServer(archive.folder)
  }

  /// The digest of the tar that a run makes.
  private func make(_ mirror: String? = nil) throws -> Digest {
    let result = try garboard(
      "garboard-bootstrap", "-q", "--variant", "extract", "--include", "one,two", "--keyring",
      archive.keyring.string, "--cache", "cache", archive.suite, "x.tar", mirror ?? server.url,
      in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
    #expect(result.errorText == "")
    defer { _ = try? Tool.check("rm", ["x.tar"], in: folder.path) }
    return SHA256.digest(try readBytes(folder.appending("x.tar")))
  }

  private var kept: [FilePath] {
    get throws {
      try Tool.run("sh", ["-c", "ls cache/data/* 2>/dev/null"], in: folder.path).text
        .split(separator: "\n").map { folder.appending(String($0)) }
    }
  }

  /// The names of the kept files, each with the tar in it, are those of the packages in the cache.
  private func expectKept(_ count: Int) throws {
    let script = """
      for f in cache/data/*; do
        deb=cache/debs/$(basename "$f" .tar.zst).deb
        dpkg-deb --fsys-tarfile "$deb" >wanted.tar
        zstd -q -d -c "$f" | cmp - wanted.tar
        echo "$f"
      done
      """
    let lines = try Tool.check("sh", ["-euc", script], in: folder.path).text
    #expect(lines.split(separator: "\n").count == count)
  }

  @Test("The first run keeps nothing, the second all, and the third takes that")
  func secondUse() throws {
    let first = try make()
    #expect(try kept == [])
    #expect(try make() == first)
    try expectKept(2)
    #expect(try make() == first)
    // Where another tar stands under the seal, the tree is another: the files are really taken.
    let one = try #require(
      try kept.max { (try readBytes($0).count, $0.string) < (try readBytes($1).count, $1.string) })
    let script = """
      mkdir -p usr/share/one && echo other >usr/share/one/data && tar c ./usr | zstd -q -c
      """
    let other = try Tool.check("sh", ["-euc", script], in: folder.path).output
    let package = try Digest("sha256:" + (one.lastComponent?.string.prefix(64) ?? ""))
    var seal = Seal(of: package)
    other.withUnsafeBytes { seal.update($0) }
    try write(other + seal.finish(), to: one)
    #expect(try make() != first)
  }

  @Test("What is damaged is made again", arguments: ["cut", "flip", "empty", "swap", "directory"])
  func damaged(_ damage: String) throws {
    let first = try make()
    _ = try make()
    let script = """
      cd cache/data; set -- *
      case $0 in
        cut) truncate -s -1 "$1" ;;
        flip) printf x | dd of="$1" bs=1 seek=20 conv=notrunc status=none ;;
        empty) : >"$1" ;;
        swap) mv "$1" x; mv "$2" "$1"; mv x "$2" ;;
        directory) rm "$1"; mkdir "$1"; ;;
      esac
      """
    try Tool.check("sh", ["-euc", script, damage], in: folder.path)
    #expect(try make() == first)
    if damage == "directory" {
      try Tool.check("sh", ["-c", "rmdir cache/data/*.zst 2>/dev/null; true"], in: folder.path)
    }
    #expect(try make() == first)
    try expectKept(2)
  }

  @Test("A cache that can't take them is no reason to fail")
  func unwritable() throws {
    let first = try make()
    try folder.write("cache/data", "in the way")
    #expect(try make() == first)
    #expect(try make() == first)
  }

  @Test("Packages of an archive on this machine are kept at once")
  func local() throws {
    let first = try make("file://\(archive.folder)")
    #expect(try kept.count == 2)
    #expect(try make("file://\(archive.folder)") == first)
    // The same packages of another address; with them in the cache, too, there is something to compare with.
    _ = try make()
    try expectKept(2)
  }

  private func write(_ bytes: [UInt8], to path: FilePath) throws {
    var file = try AtomicFile(path)
    try bytes.withUnsafeBytes { try file.descriptor.write($0) }
    try file.commit()
  }
}
