import Bootstrap
import Debian
import Fetch
import Glibc
import Posix
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// A little archive on 127.0.0.1 whose server does wrong on purpose, and a cache that must stay sound.
@Suite("What a bad mirror sends")
struct TamperingTests {
  private let archive: DebianArchive
  private let server: ArchiveServer
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    archive = try DebianArchive(packages: Self.packages)
    server = try ArchiveServer(archive.folder)
  }

  private static let packages: [DebianArchive.Package] = [
    .init(
      "one", fields: ["Depends: two"],
      files: [("usr/share/one/data", String(repeating: "one\n", count: 20_000))]),
    .init("two", files: [("usr/share/two/data", "two\n")]),
  ]

  private func planner(keys: [FilePath]? = nil, options: String = "") throws -> (Planner, [AptSource]) {
    var request = BootstrapRequest(suite: "trixie")
    request.variant = .extract
    request.include = ["one"]
    request.keyrings = keys ?? [archive.keyring]
    var planner = Planner(request, cache: try PackageCache(folder.appending("cache")))
    planner.transfer = Self.quick
    let line = "deb \(options) \(server.url) trixie main"
    return (planner, [try #require(try AptSource.parseLine(line, file: "test"))])
  }

  private static var quick: TransferOptions {
    var options = TransferOptions()
    options.retries = 2
    options.firstDelay = .milliseconds(1)
    return options
  }

  /// Plans and fetches all, and gives what the packages are.
  private func work(
    keys: [FilePath]? = nil, options: String = "", transfer: TransferOptions = quick
  ) throws -> [[UInt8]] {
    let (planner, sources) = try planner(keys: keys, options: options)
    let plan = try planner.plan(sources)
    #expect(plan.packages.map(\.record.name) == ["one", "two"])
    var fetch = PackageFetch(into: try PackageCache(folder.appending("cache")))
    fetch.transfer = transfer
    return try fetch.fetch(plan).map(\.path).map { path in
      try Tool.check("dpkg-deb", ["-f", path.string, "Package"]).output
    }
  }

  /// The one line that a person reads; nil when all went well.
  private func failure(
    keys: [FilePath]? = nil, options: String = "", transfer: TransferOptions = quick
  ) -> String? {
    do {
      _ = try work(keys: keys, options: options, transfer: transfer)
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// That the same work succeeds once the mirror is good again, with the cache as it was left.
  private func expectRecovery() throws {
    server.behave()
    #expect(try work() == [Array("one\n".utf8), Array("two\n".utf8)])
  }

  @Test("A good mirror, twice: the second time nothing but InRelease is asked for")
  func good() throws {
    #expect(try work() == [Array("one\n".utf8), Array("two\n".utf8)])
    let before = server.paths.count
    #expect(try work() == [Array("one\n".utf8), Array("two\n".utf8)])
    #expect(server.paths.dropFirst(before) == ["/dists/trixie/InRelease"])
  }

  /// What a planner tells: each phase, with the bytes that it announces and those that came in it.
  private func told(_ options: String = "", by source: AptSource? = nil) throws -> [[String]] {
    var (planner, sources) = try planner(options: options)
    let heard = Mutex<[(phase: String, bytes: Int)]>([])
    planner.onPhase = { phase in heard.withLock { $0.append(("\(phase)", 0)) } }
    planner.onBytes = { count in heard.withLock { $0[$0.count - 1].bytes += count } }
    _ = try planner.plan(source.map { [$0] } ?? sources)
    return heard.withLock { $0.map { [$0.phase, "\($0.bytes)"] } }
  }

  @Test(
    "What is told of the bytes of indexes adds up, also where some came for nothing",
    arguments: [nil, .cutShort, .page] as [ArchiveServer.Fault?])
  func announced(_ fault: ArchiveServer.Fault?) throws {
    func size(_ path: String) throws -> UInt64 {
      try openFile(archive.folder.appending("dists/trixie").appending(path), .read).size()
    }
    if let fault { server.fail("Packages.gz", fault, times: 1) }
    let (release, index) = try (
      size("InRelease"), size("main/binary-\(hostArchitecture())/Packages.gz")
    )
    #expect(
      try told() == [
        ["releases", "\(release)"], ["indexes(bytes: \(index))", "\(index)"], ["choice", "0"],
      ])
    #expect(try told() == [["releases", "\(release)"], ["choice", "0"]])
    // What is on this machine is not fetched.
    let line = "deb \(archive.fileURI) trixie main"
    let local = try #require(try AptSource.parseLine(line, file: "test"))
    #expect(try told(by: local) == [["releases", "0"], ["choice", "0"]])
  }

  @Test("A wrong byte of InRelease, wherever it is", arguments: [0.05, 0.3, 0.5, 0.9])
  func changedRelease(_ part: Double) throws {
    server.fail("InRelease", .changedByte(at: part))
    let line = try #require(failure())
    #expect(line.contains("can't trust \(server.url)/dists/trixie/InRelease"))
    #expect(!line.contains("\n"))
    try expectRecovery()
  }

  @Test("Text outside the signed part of InRelease")
  func smuggledRelease() throws {
    let file = try openFile(archive.folder.appending("dists/trixie/InRelease"), .read)
    var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
    _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    for smuggled in [
      Array("Suite: other\n".utf8) + bytes, bytes + Array("Suite: other\n".utf8), bytes + bytes,
    ] {
      server.behave()
      server.fail("InRelease", .replaced(smuggled))
      #expect(try #require(failure()).contains("it is no clear-signed message"))
    }
    try expectRecovery()
  }

  @Test("A wrong key, no signature, and a source that trusts all")
  func keys() throws {
    let other = try DebianArchive(packages: Self.packages, isSigned: false)
    #expect(try #require(failure(keys: [other.keyring])).contains("which no keyring has"))
    server.serve(other.folder)
    #expect(try #require(failure()).contains("it is not signed"))
    #expect(failure(options: "[trusted=yes]") == nil)
    server.serve(archive.folder)
    // Keys named by the source itself, as a file, a folder, and by their fingerprint.
    let name = try planner(options: "[signed-by=\(archive.keyring)]")
    var byFile = name.0
    byFile.request.keyrings = []
    #expect(try byFile.plan(name.1).packages.count == 2)
    let keys = folder.appending("keys")
    try makeDirectories(keys)
    try Tool.check("cp", [archive.keyring.string, keys.appending("test.asc").string])
    #expect(failure(keys: [keys]) == nil)
    try expectRecovery()
  }

  @Test("An expired, a future and a foreign Release")
  func releases() throws {
    func other(_ fields: [String], date: Int64 = 1_790_000_000) throws -> (DebianArchive, String?) {
      let other = try DebianArchive(packages: Self.packages, date: date, releaseFields: fields)
      server.serve(other.folder)
      return (other, failure(keys: [other.keyring]))
    }
    let (expired, line) = try other(["Valid-Until: Sat, 03 Oct 2026 00:00:00 UTC"])
    #expect(try #require(line).contains("it expired"))
    #expect(failure(keys: [expired.keyring], options: "[check-valid-until=no]") == nil)
    var (unchecked, sources) = try planner(keys: [expired.keyring])
    unchecked.request.checksValidUntil = false
    #expect(try unchecked.plan(sources).packages.count == 2)
    // What a source says itself holds.
    sources[0].checkValidUntil = true
    #expect(throws: BootstrapError.self) { try unchecked.plan(sources) }
    #expect(try #require(try other([], date: 4_000_000_000).1).contains("in the future"))
    let foreign = try other(["Suite: stable", "Codename: bookworm"]).1
    #expect(try #require(foreign).contains("it is of the suite stable, bookworm and not of trixie"))
    // Either of the two names will do.
    #expect(try other(["Suite: stable", "Codename: trixie"]).1 == nil)
    server.serve(archive.folder)
    try expectRecovery()
  }

  @Test("An older state than the one before")
  func downgrade() throws {
    let older = try DebianArchive(packages: Self.packages, date: 1_780_000_000)
    let both = [archive.keyring, older.keyring]
    #expect(failure(keys: both) == nil)
    server.serve(older.folder)
    #expect(try #require(failure(keys: both)).contains("older than what this archive had before"))
    server.serve(archive.folder)
    try expectRecovery()
  }

  @Test("A newer state takes the place of the one before in the cache")
  func newer() throws {
    let newer = try DebianArchive(
      packages: Self.packages + [.init("three")], date: 1_791_000_000)
    let both = [archive.keyring, newer.keyring]
    func indexes() throws -> [Substring] {
      try Tool.check("ls", [folder.appending("cache/indexes").string]).text.split(separator: "\n")
        .filter { $0.hasSuffix(".index") }
    }
    #expect(failure(keys: both) == nil)
    let before = try indexes()
    server.serve(newer.folder)
    #expect(failure(keys: both) == nil)
    let after = try indexes()
    #expect(before.count == 1 && after.count == 1 && before != after)
  }

  @Test("A wrong byte of Packages", arguments: [0.01, 0.5, 0.99])
  func changedIndex(_ part: Double) throws {
    server.fail("Packages.gz", .changedByte(at: part))
    let line = try #require(failure())
    #expect(line.contains("Packages.gz"))
    #expect(!line.contains("\n"))
    try expectRecovery()
  }

  @Test("A wrong byte of a package is fetched once more, then refused", arguments: [0.0, 0.5, 0.999])
  func changedPackage(_ part: Double) throws {
    server.fail("one_1_all.deb", .changedByte(at: part), times: 1)
    #expect(failure() == nil)
    try removeTree(folder.appending("cache"))
    server.fail("one_1_all.deb", .changedByte(at: part))
    let line = try #require(failure())
    #expect(line.contains("its SHA-256 differs"))
    #expect(line.contains("one_1_all.deb"))
    try expectRecovery()
  }

  @Test("Downloads that break off go on where they were")
  func cutShort() throws {
    server.fail("one_1_all.deb", .cutShort, times: 2)
    server.fail("Packages.gz", .cutShort, times: 1)
    #expect(failure() == nil)
    try removeTree(folder.appending("cache"))
    server.fail("one_1_all.deb", .cutShort)
    // Each try brings half of what is left, so it ends well all the same, or in one clear line.
    if let line = failure() { #expect(line.contains("one_1_all.deb")) }
    try expectRecovery()
  }

  @Test("What one process got is gone on with by the next")
  func resumed() throws {
    server.fail("one_1_all.deb", .stall)
    var impatient = TransferOptions()
    impatient.stallTimeout = 1
    impatient.retries = 0
    let line = try #require(failure(transfer: impatient))
    #expect(line.contains("nothing came for 1 seconds"))
    let debs = folder.appending("cache/debs")
    let parts = try Tool.check("ls", [debs.string]).text.split(separator: "\n").filter {
      $0.hasSuffix(".part")
    }
    #expect(parts.count == 1)
    try expectRecovery()
    // A try that was given up while the server was busy may have been noted late: what counts comes after
    // InRelease, and doesn't begin at the file's start.
    let requests = server.requests
    let start = try #require(requests.lastIndex { $0.hasPrefix("GET /dists/trixie/InRelease ") })
    let asked = requests[(start + 1)...]
    #expect(!asked.isEmpty)
    for request in asked {
      #expect(request.contains("/one_1_all.deb ") && request.contains("\r\nRange: bytes="))
      #expect(!request.contains("\r\nRange: bytes=0-"))
    }
  }

  @Test("A page of HTML in place of a file", arguments: ["InRelease", "Packages.gz", "one_1_all.deb"])
  func page(_ file: String) throws {
    server.fail(file, .page)
    let line = try #require(failure())
    #expect(line.contains(file))
    #expect(line.contains("HTML") || line.contains("no clear-signed message"))
    try expectRecovery()
  }

  @Test(
    "Errors of the server and redirects for ever",
    arguments: ["InRelease", "Packages.gz", "one_1_all.deb"])
  func errors(_ file: String) throws {
    server.fail(file, .status("500 Internal Server Error"))
    #expect(try #require(failure()).contains("500 Internal Server Error"))
    server.behave()
    server.fail(file, .status("500 Internal Server Error"), times: 2)
    #expect(failure() == nil)
    try removeTree(folder.appending("cache"))
    server.behave()
    server.fail(file, .redirect)
    #expect(try #require(failure()).contains("redirect"))
    try expectRecovery()
  }

  @Test("A damaged file in the cache is made again")
  func damagedCache() throws {
    #expect(failure() == nil)
    let indexes = folder.appending("cache/indexes")
    for name in try Tool.check("ls", [indexes.string]).text.split(separator: "\n")
    where name.hasSuffix(".index") {
      let path = indexes.appending(String(name))
      let file = try openFile(path, .update)
      try file.truncate(to: try file.size() / 2)
    }
    // Of the same size, with another byte.
    let packages = folder.appending("cache/debs")
    let names = try Tool.check("ls", [packages.string]).text.split(separator: "\n").map(String.init)
    #expect(!names.isEmpty)
    for name in names {
      let file = try openFile(packages.appending(name), .update)
      var byte: UInt8 = 0
      _ = try withUnsafeMutableBytes(of: &byte) { try file.read(into: $0, at: 100) }
      byte ^= 1
      try withUnsafeBytes(of: byte) { try file.write($0, at: 100) }
    }
    #expect(failure() == nil)
    for name in names {
      let sum = try Tool.check("sha256sum", [packages.appending(name).string]).text.prefix(64)
      #expect(name == sum + ".deb")
    }
    try expectRecovery()
  }
}
