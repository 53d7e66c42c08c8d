import Bootstrap
import Debian
import Posix
import SystemPackage
import TestSupport
import Testing

/// Suites, pins and components together, as apt takes them.
@Suite("Several archives at once")
struct SeveralSourcesTests {
  private let archives: [DebianArchive]
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    archives = [
      try DebianArchive(packages: [
        .init("base", fields: ["Essential: yes"]), .init("tool", fields: ["Depends: lib"]), .init("lib"),
        .init("old", version: "3"),
      ]),
      try DebianArchive(
        suite: "trixie-security",
        packages: [
          .init("lib", version: "1+deb13u1"), .init("old", version: "2"), .init("base", version: "2"),
        ]),
      try DebianArchive(
        suite: "trixie-backports",
        packages: [
          .init("tool", version: "9", fields: ["Depends: lib"]), .init("only", fields: ["Depends: tool"]),
        ],
        releaseFields: ["NotAutomatic: yes", "ButAutomaticUpgrades: yes"]),
      try DebianArchive(
        suite: "experimental", packages: [.init("tool", version: "99"), .init("only", version: "99")],
        releaseFields: ["NotAutomatic: yes"]),
    ]
  }

  private var sources: [String] {
    archives.map { "deb [signed-by=\($0.keyring)] \($0.fileURI) \($0.suite) main" }
  }

  private func plan(_ include: [String], sources: [String], mirror: (AptSource) -> AptSource = { $0 }) throws
    -> BootstrapPlan
  {
    var request = BootstrapRequest(suite: "trixie")
    request.variant = .custom
    request.include = include
    let parsed = try sources.compactMap { try AptSource.parseLine($0, file: "test") }.map(mirror)
    return try Planner(request, cache: try PackageCache(folder.appending("cache"))).plan(parsed)
  }

  @Test(
    "The version of each package is the one that apt takes",
    arguments: [
      ["base"], ["tool"], ["old"], ["only"], ["tool/trixie-backports"], ["tool=99"], ["lib=1"],
      ["tool", "lib=1"],
      ["only/experimental"], ["base", "only"],
    ])
  func versions(_ include: [String]) throws {
    let own = try plan(include, sources: sources).packages.map { "\($0.record.name)=\($0.record.version)" }
    #expect(own.sorted() == (try AptOracle(sources: sources).install(include)))
  }

  @Test("Each package comes from the suite that has it; the date is the newest")
  func origins() throws {
    let plan = try plan(["tool", "base"], sources: sources)
    #expect(
      plan.packages.map { "\($0.record.name) \($0.suite)" } == [
        "base trixie-security", "lib trixie-security", "tool trixie",
      ])
    #expect(plan.packages.map(\.mirror) == [archives[1].fileURI, archives[1].fileURI, archives[0].fileURI])
    #expect(plan.date == archives[0].date)
    let paths = try PackageFetch(into: try PackageCache(folder.appending("cache"))).fetch(plan).map(\.path)
    // What is on this machine is not copied.
    #expect(paths.map(\.string) == plan.packages.map { String($0.url.dropFirst("file://".count)) })
  }

  @Test("What is essential is asked of the suite itself, and taken in the version that apt takes")
  func essential() throws {
    var request = BootstrapRequest(suite: "trixie")
    request.variant = .essential
    let parsed = try sources.compactMap { try AptSource.parseLine($0, file: "test") }
    let plan = try Planner(request, cache: nil).plan(parsed)
    let architecture = try hostArchitecture()
    let pattern =
      "?narrow(?or(?archive(^trixie$),?codename(^trixie$)),?architecture(\(architecture)),?essential)"
    let apt = try AptOracle(sources: sources).install(["-opkgCacheGen::ForceEssential=,", pattern])
    #expect(plan.packages.map { "\($0.record.name)=\($0.record.version)" } == apt)
    #expect(apt == ["base=2"])
  }

  @Test("A component or an architecture that the suite does not have is said so")
  func missingParts() throws {
    let line = sources[0].replacing(" main", with: " main games")
    #expect(throws: BootstrapError.self) { try plan(["base"], sources: [line]) }
    do {
      _ = try plan(["base"], sources: [line])
    } catch { #expect("\(error)".contains("the suite has no component games, only main")) }
    var request = BootstrapRequest(suite: "trixie")
    request.architecture = "riscv64"
    do {
      _ = try Planner(request, cache: nil).plan([try #require(try AptSource.parseLine(sources[0], file: "t"))]
      )
      Issue.record("an architecture that is not there was accepted")
    } catch { #expect("\(error)".contains("no packages of main for riscv64")) }
  }

  @Test("Files by their hash, and by name where the hash is not there")
  func byHash() throws {
    let archive = try DebianArchive(
      packages: [.init("base"), .init("lib")], releaseFields: ["Acquire-By-Hash: yes"])
    let server = try ArchiveServer(archive.folder)
    let line = "deb [signed-by=\(archive.keyring)] \(server.url) trixie main"
    #expect(try plan(["lib"], sources: [line]).packages.count == 1)
    #expect(server.paths.count == 3)
    #expect(server.paths[1].contains("/by-hash/SHA256/"))
    #expect(server.paths[2].hasSuffix("/Packages.gz"))
    let index = archive.folder.appending("dists/trixie/main/binary-\(try hostArchitecture())")
    try makeDirectories(index.appending("by-hash/SHA256"))
    try Tool.check(
      "sh",
      [
        "-c", "cd \"$1\" && cp Packages.gz by-hash/SHA256/$(sha256sum < Packages.gz | cut -c-64)", "sh",
        index.string,
      ])
    try removeTree(folder.appending("cache"))
    #expect(try plan(["lib"], sources: [line]).packages.count == 1)
    #expect(server.paths.count == 5)
  }

  @Test("Settings of apt that change the answer are honoured or refused")
  func settings() throws {
    let expired = try DebianArchive(
      packages: [.init("base")], releaseFields: ["Valid-Until: Sat, 03 Oct 2026 00:00:00 UTC"])
    var request = BootstrapRequest(suite: "trixie")
    request.variant = .custom
    request.include = ["base"]
    let line = "deb [signed-by=\(expired.keyring)] \(expired.fileURI) trixie main"
    let source = try #require(try AptSource.parseLine(line, file: "test"))
    #expect(throws: BootstrapError.self) { try Planner(request, cache: nil).plan([source]) }
    request.aptOptions = ["Acquire::Check-Valid-Until \"false\";"]
    #expect(try Planner(request, cache: nil).plan([source]).packages.count == 1)
    let file = folder.appending("99pin").string
    try folder.write("99pin", "Dir::Etc::preferences \"/tmp/pins\";\n")
    for other in ["APT::Install-Recommends \"true\";", "apt::default-release \"sid\";", file] {
      var request = request
      request.aptOptions.append(other)
      #expect(throws: BootstrapError.self, "\(other)") { try Planner(request, cache: nil).plan([source]) }
    }
  }
}
