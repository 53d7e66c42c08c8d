import Bootstrap
import Debian
import Fetch
import Glibc
import Posix
import SystemPackage
import TestSupport
import Testing

@Suite("Plans on the command line")
struct SimulateTests {
  private let archive: DebianArchive
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    archive = try DebianArchive(packages: [
      .init("base", fields: ["Essential: yes", "Priority: required", "Depends: libbase | other"]),
      .init("libbase"), .init("other"),
      .init("tool", fields: ["Priority: important", "Recommends: extra"]),
      .init("extra", fields: ["Conflicts: other"]), .init("build-essential", fields: ["Depends: extra"]),
      .init("needs", fields: ["Depends: base, nowhere"]),
      .init("apt", fields: ["Priority: required", "Depends: virtual"]),
      .init("provider", fields: ["Provides: virtual (= 2)"]),
    ])
  }

  private func run(_ arguments: [String], uri: String? = nil) throws -> Tool.Result {
    let common = [
      "--simulate", "--keyring", archive.keyring.string, "--cache", folder.appending("cache").string,
    ]
    return try garboard(
      "garboard-bootstrap", common + arguments + ["trixie", "none", uri ?? archive.fileURI])
  }

  private func names(_ result: Tool.Result) -> [String] {
    result.text.split(separator: "\n").dropFirst().map { String($0.prefix { $0 != " " }) }
  }

  @Test(
    "The sets of variants",
    arguments: [
      ("essential", ["base", "libbase"]), ("apt", ["apt", "base", "libbase", "provider"]),
      ("required", ["base", "libbase", "apt", "provider"]),
      ("minbase", ["base", "libbase", "apt", "provider"]),
      ("important", ["base", "libbase", "apt", "provider", "tool"]),
      ("standard", ["base", "libbase", "apt", "provider", "tool"]),
      ("buildd", ["base", "libbase", "apt", "build-essential", "extra", "provider"]), ("custom", []),
    ])
  func variants(_ variant: String, _ expected: [String]) throws {
    let result = try run(["--variant", variant])
    #expect(result.status.isSuccess, "\(result.errorText)")
    #expect(names(result) == expected)
  }

  @Test(
    "An archive on the disk need not have each file that its Release names, as Debian's has no plain index")
  func localIndexes() throws {
    let expected = try run(["--variant", "apt"])
    try Tool.check("find", [archive.folder.string, "-name", "Packages", "-delete"])
    let other = ["--variant", "apt", "--cache", folder.appending("other").string]
    let result = try run(other)
    #expect(result.status.isSuccess, "\(result.errorText)")
    #expect(result.text == expected.text)
    try Tool.check("find", [archive.folder.string, "-name", "Packages.gz", "-delete"])
    let none = try run(["--variant", "apt", "--cache", folder.appending("third").string])
    #expect(none.status == .exited(1))
    #expect(none.errorText.contains("/Packages"), "\(none.errorText)")
  }

  @Test("Packages without what they depend on, whatever that is, and from a lock file again")
  func alone() throws {
    let lock = folder.appending("alone.lock").string
    for variant in ["extract", "custom"] {
      let result = try run(
        [
          "--variant", variant, "--no-dependencies", "--include", "needs,tool", "--include", "tool", "--lock",
          lock,
        ])
      #expect(result.status.isSuccess, "\(result.errorText)")
      #expect(names(result) == ["needs", "tool"])
      let locked = try run([
        "--variant", variant, "--no-dependencies", "--include", "needs", "--locked", lock,
      ])
      #expect(locked.text == result.text)
    }
    let with = try run(["--variant", "extract", "--include", "needs,tool"])
    #expect(with.errorText.contains("nowhere"), "\(with.errorText)")
  }

  @Test(
    "What does not go with --no-dependencies is refused in one line",
    arguments: [
      (["--include", "tool"], "the variant minbase"), (["--variant", "extract"], "--include"),
      (["--variant", "extract", "--include", "tool", "--exclude", "other"], "--exclude"),
    ])
  func refusedAlone(_ arguments: [String], _ expected: String) throws {
    let result = try run(["--no-dependencies"] + arguments)
    #expect(result.status == .exited(1))
    #expect(result.errorText.contains(expected), "\(result.errorText)")
  }

  @Test("Includes, excludes, and why each package is there")
  func reasons() throws {
    let result = try run(["--variant", "essential", "--include", "tool,build-essential"])
    #expect(
      result.text.split(separator: "\n").dropFirst().map { line in
        // Without the size, which is two words.
        let words = line.split(separator: " ")
        return (words.prefix(3) + words.dropFirst(5)).joined(separator: " ")
      } == [
        "base 1 all essential", "libbase 1 all Depends of base: libbase | other",
        "build-essential 1 all requested as build-essential",
        "extra 1 all Depends of build-essential: extra", "tool 1 all requested as tool",
      ])
    #expect(result.errorText.contains("5 packages"))
    #expect(names(try run(["--variant", "essential", "--exclude", "libbase"])) == ["base", "other"])
    let excluded = try run(["--variant", "essential", "--exclude", "libbase,other"])
    #expect(!excluded.status.isSuccess)
    #expect(excluded.errorText.contains("base 1 depends on libbase | other, but libbase is excluded"))
    let impossible = try run(["--include", "needs"])
    #expect(impossible.errorText.contains("needs 1 depends on nowhere, but no source has nowhere"))
    #expect(impossible.errorText.split(separator: "\n").count == 1)
  }

  @Test("The JSON document has what the design says")
  func json() throws {
    let result = try run(["--variant", "essential", "--json"])
    let check = """
      import json, sys, hashlib, os
      plan = json.load(sys.stdin)
      assert plan["suite"] == "trixie", plan
      assert [p["name"] for p in plan["packages"]] == ["base", "libbase"], plan
      for p in plan["packages"]:
          data = open(os.path.join(sys.argv[1], p["filename"]), "rb").read()
          assert p["size"] == len(data) and p["sha256"] == hashlib.sha256(data).hexdigest(), p
          assert p["version"] == "1" and p["architecture"] == "all" and "installedSize" in p and p["reason"], p
      """
    try Tool.python(check, [archive.folder.string], input: result.output)
  }

  @Test("A lock file brings the same plan back, without an index, whatever else is asked")
  func lock() throws {
    let lock = folder.appending("lock").string
    let first = try run(["--variant", "important", "--lock", lock])
    #expect(first.status.isSuccess, "\(first.errorText)")
    let again = try run(["--locked", lock], uri: "http://127.0.0.1:1/gone")
    #expect(again.text == first.text)
    // The plan keeps the paragraphs that the status file is made from.
    let plan = try PlanLock.read(FilePath(lock))
    #expect(plan.packages.map(\.record.name) == names(first))
    #expect(plan.packages[2].isAutomatic == false && plan.packages[3].isAutomatic)
    #expect(
      plan.packages.allSatisfy { String(decoding: $0.record.stanza, as: UTF8.self).hasPrefix("Package: ") })
    try Tool.check("sed", ["-i", "s/^Suite: trixie/Suite: sid/", lock])
    #expect(try run(["--locked", lock]).errorText.contains("it is for the suite sid and not for trixie"))
    try folder.write("lock", "nothing\n")
    #expect(try run(["--locked", lock]).errorText.contains("can't use the lock file"))
  }

  @Test("Locked packages are taken by their digest or not at all")
  func lockedFetch() throws {
    let server = try ArchiveServer(archive.folder)
    let lock = folder.appending("lock").string
    #expect(try run(["--variant", "essential", "--lock", lock], uri: server.url).status.isSuccess)
    let plan = try PlanLock.read(FilePath(lock))
    let changed = try DebianArchive(packages: [
      .init("base", files: [("usr/share/base", "other\n")]), .init("libbase"),
    ])
    server.serve(changed.folder)
    var fetch = PackageFetch(into: try PackageCache(folder.appending("other")))
    fetch.transfer.retries = 0
    do {
      _ = try fetch.fetch(plan)
      Issue.record("another package was taken")
    } catch { #expect("\(error)".contains("base_1_all.deb")) }
    server.serve(archive.folder)
    #expect(try fetch.fetch(plan).count == 2)
  }

  @Test("Offline takes what the cache has and asks nobody")
  func offline() throws {
    let server = try ArchiveServer(archive.folder)
    let refused = try run(["--offline"], uri: server.url)
    #expect(refused.errorText.contains("is not in the cache, and --offline forbids to fetch it"))
    #expect(server.paths == [])
    let online = try run([], uri: server.url)
    #expect(online.status.isSuccess, "\(online.errorText)")
    let asked = server.paths
    #expect(try run(["--offline"], uri: server.url).text == online.text)
    #expect(server.paths == asked)
    let fetch = try run(["--lock", folder.appending("lock").string], uri: server.url)
    #expect(fetch.status.isSuccess)
    var packages = PackageFetch(into: try PackageCache(folder.appending("cache")))
    packages.isOffline = true
    let plan = try PlanLock.read(folder.appending("lock"))
    #expect(throws: BootstrapError.self) { try packages.fetch(plan) }
    packages.isOffline = false
    let paths = try packages.fetch(plan).map(\.path)
    packages.isOffline = true
    #expect(try packages.fetch(plan).map(\.path) == paths)
  }

  @Test("Several processes share one cache: each package is asked for once")
  func shared() throws {
    let server = try ArchiveServer(archive.folder)
    let lock = folder.appending("lock").string
    #expect(try run(["--variant", "important", "--lock", lock], uri: server.url).status.isSuccess)
    let plan = try PlanLock.read(FilePath(lock))
    let cache = try PackageCache(folder.appending("shared"))
    let before = server.paths.count
    let workers = (0..<4).map { _ in Worker { _ = try PackageFetch(into: cache).fetch(plan) } }
    for worker in workers { try worker.join() }
    #expect(server.paths.count - before == plan.packages.count)
    let left = try Tool.check("ls", [folder.appending("shared/debs").string]).text
    #expect(!left.contains(".part"))
  }

  @Test("Options that only a plan of our own can honour are refused with another engine")
  func wrongUsage() throws {
    let result = try garboard(
      "garboard-bootstrap", ["--engine", "mmdebstrap", "--lock", "x", "trixie", "none", archive.fileURI])
    #expect(result.status == .exited(64))
    #expect(result.errorText.contains("--lock needs --simulate"))
  }
}
