import Bootstrap
import Debian
import Digest
import Posix
import SystemPackage
import TestSupport
import Testing

@Suite("Packages from the machine's mirror")
struct RealFetchTests {
  @Test("A plan of the machine's own sources is fetched, and the second time nothing is")
  func fetch() throws {
    let folder = try TemporaryDirectory()
    let cache = try PackageCache(folder.appending("cache"))
    var request = BootstrapRequest(suite: "trixie")
    request.variant = .custom
    request.include = ["hostname", "netbase", "sensible-utils"]
    let sources = try Bootstrapper(request, engine: MmdebstrapEngine()).mirrors().sources
    #expect(sources.count == 3)
    let plan = try Planner(request, cache: cache).plan(sources)
    // All but the large ones.
    var small = plan
    small.packages.removeAll { $0.record.size > 200_000 }
    #expect(small.packages.count >= 3)
    var fetch = PackageFetch(into: cache)
    let paths = try fetch.fetch(small).map(\.path)
    for (package, path) in zip(small.packages, paths) {
      let fields = try Tool.check("dpkg-deb", ["-f", path.string, "Package", "Version"]).text
      #expect(fields == "Package: \(package.record.name)\nVersion: \(package.record.version)\n")
      let sum = try Tool.check("sha256sum", [path.string]).text.prefix(64)
      #expect(sum == package.record.sha256.hex)
    }
    fetch.isOffline = true
    #expect(try fetch.fetch(small).map(\.path) == paths)
    var planner = Planner(request, cache: cache)
    planner.isOffline = true
    #expect(try planner.plan(sources).packages.map(\.record.sha256) == plan.packages.map(\.record.sha256))
  }
}
