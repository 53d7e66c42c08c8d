import Bootstrap
import Debian
import Posix
import SystemPackage
import TestSupport
import Testing

extension EngineTests {
  /// The engines against what they drive, on the machine's own mirror.
  @Suite struct RealBootstrapTests {
    private let epoch: Int64 = 1_700_000_000

    private func request() -> BootstrapRequest {
      var request = BootstrapRequest(suite: "trixie")
      request.sourceDateEpoch = epoch
      return request
    }

    @Test func `trixie by the engine mmdebstrap is mmdebstrap's tar but for what docs/bootstrap.md lists`()
      throws
    {
      let folder = try TemporaryDirectory()
      let file = folder.appending("plain.tar")
      let request = request()
      let mirrors = try Bootstrapper(request, engine: MmdebstrapEngine()).mirrors().sources.flatMap {
        $0.lines() ?? []
      }
      #expect(mirrors.count == 3)
      try Tool.check(
        "mmdebstrap", ["--variant=minbase", "trixie", file.string] + mirrors,
        environment: ["SOURCE_DATE_EPOCH=\(epoch)"])
      let differences = try TreeListing.ofTar(file).differences(try listing(request))
      #expect(
        differences.map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == [
          "- etc/hostname", "- etc/resolv.conf", "- var/cache/debconf/config.dat-old",
          "- var/cache/debconf/templates.dat-old", "- var/lib/dpkg/diversions-old",
          "- var/lib/dpkg/status-old",
        ])
      #expect(try leftovers() == [])
    }

    @Test func `a package that is left out of a set is not there, and the rest is`() throws {
      var request = request()
      request.exclude = ["tzdata"]
      request.include = ["ca-certificates"]
      request.pathRules = .slim
      let paths = Set(try listing(request).lines.map(\.path))
      #expect(!paths.contains("usr/share/zoneinfo"))
      #expect(!paths.contains("usr/share/doc/tzdata"))
      #expect(paths.contains("usr/bin/apt-get"))
      #expect(paths.contains("usr/share/doc/ca-certificates/copyright"))
      #expect(!paths.contains { $0.hasPrefix("usr/share/man/man1/") })
    }

    @Test
    func `trixie by the engine debootstrap is debootstrap's directory but for what docs/bootstrap.md lists`()
      throws
    {
      let folder = try TemporaryDirectory()
      let plain = folder.appending("plain")
      var request = request()
      request.hooks.customize = [
        "chroot \"$1\" sh -c 'test -r /proc/self/status && ls /sys/kernel > /dev/null'"
      ]
      let source = try #require(
        try Bootstrapper(request, engine: DebootstrapEngine()).mirrors().sources.first)
      try Tool.check(
        "debootstrap", ["--variant=minbase", "trixie", plain.string, source.uris[0]],
        environment: ["SOURCE_DATE_EPOCH=\(epoch)"])
      let theirs = try TreeListing.of(plain)
      let ours = try listing(request, .debootstrap)
      let differences = theirs.differences(ours, ignoring: .times)
      let allowed = [
        "- etc/hostname", "- etc/resolv.conf", "- run/mount", "- var/cache/apt/archives/",
        "- var/cache/debconf/",
        "- var/cache/ldconfig/aux-cache", "- var/lib/apt/lists/", "- var/lib/dpkg/diversions-old",
        "- var/lib/dpkg/status-old", "- var/log/alternatives.log", "- var/log/bootstrap.log",
        "- var/log/dpkg.log",
      ]
      #expect(differences.filter { line in !allowed.contains(where: line.hasPrefix) } == [])
      for prefix in allowed { #expect(differences.contains { $0.hasPrefix(prefix) }, "\(prefix)") }
      #expect(!ours.lines.contains { $0.path.hasSuffix(".deb") || $0.path.hasSuffix("-old") })
      // Times are the same up to the clamp.
      let times = Dictionary(theirs.lines.map { ($0.path, $0["mtime"] ?? "") }, uniquingKeysWith: { $1 })
      for line in ours.lines {
        guard let time = line["mtime"], let their = times[line.path] else { continue }
        let isLate = (Double(their) ?? 0) > Double(epoch)
        #expect(time == (isLate ? "\(epoch).000000000" : their), "\(line.path)")
      }
      #expect(try leftovers() == [])
    }
  }
}
