import Archive
import Bootstrap
import Debian
import Glibc
import Posix
import Rootfs
import SystemPackage
import TestSupport
import Testing

extension EngineTests {
  /// The native engine against mmdebstrap, on the machine's own mirror. Needs root.
  @Suite struct NativeRealTests {
    /// Packages for all tests, fetched once.
    private static let cache = Result { try TemporaryDirectory() }

    private func request(_ variant: BootstrapRequest.Variant, _ include: [String] = []) throws
      -> BootstrapRequest
    {
      var request = BootstrapRequest(suite: "trixie")
      request.sourceDateEpoch = 1_790_000_000
      request.variant = variant
      request.include = include
      let cache = try Self.cache.get().path
      _ = cache.withPlatformString { chmod($0, 0o755) }
      request.cache = cache
      return request
    }

    private func tree(_ request: BootstrapRequest, _ engine: any Engine) throws -> TreeListing {
      try Bootstrapper(request, engine: engine).run { try TreeListing.of(try $0.entries()) }
    }

    @Test func `minbase with packages is what mmdebstrap makes, in memory and on disk, with any jobs`() throws
    {
      let request = try request(.minbase, ["ca-certificates", "systemd-sysv"])
      let theirs = try tree(request, MmdebstrapEngine())
      let ours = try tree(request, try nativeEngine(.memory))
      #expect(theirs.differences(ours, ignoring: .directoryTimes) == [])
      let again = try tree(request, try nativeEngine(.disk, jobs: 1))
      #expect(ours.differences(again) == [])
      #expect(try leftovers() == [])
    }

    @Test func `packages that are only unpacked are what mmdebstrap unpacks, with dpkg's database`() throws {
      let request = try request(.extract, ["base-files", "bash", "nginx"])
      let theirs = try tree(request, MmdebstrapEngine())
      let folder = try TemporaryDirectory()
      try unpack(request, try nativeEngine(), into: folder.path)
      let differences = theirs.differences(try TreeListing.of(folder.path), ignoring: .directoryTimes)
      let allowed = [
        "+ var/lib/dpkg/info/", "+ var/lib/dpkg/triggers/", "~ var/lib/dpkg/status ",
        "~ var/cache/apt/archives/partial owner:", "~ var/lib/apt/lists/partial owner:",
      ]
      #expect(differences.filter { line in !allowed.contains(where: line.hasPrefix) } == [])
      #expect(differences.contains { $0.hasPrefix("+ var/lib/dpkg/info/nginx.list") })
    }

    @Test func `a script that fails is named, with what it said, and nothing is left`() throws {
      let archive = try DebianArchive(packages: [
        .init(
          "garboard-broken",
          scripts: [("postinst", "#!/bin/sh\necho a telling word\nexit 3\n")])
      ])
      var request = try request(.essential, ["garboard-broken"])
      let engine = try nativeEngine()
      let lines = try Bootstrapper(request, engine: engine).mirrors().sources.flatMap { $0.lines() ?? [] }
      request.mirrors =
        lines + ["deb [signed-by=\(archive.keyring)] \(archive.fileURI) \(archive.suite) main"]
      do {
        _ = try tree(request, engine)
        Issue.record("a failing script passed")
      } catch let error as BootstrapError {
        let text = error.description
        #expect(text.contains("configuring garboard-broken"), "\(text)")
        #expect(text.contains("exit status 3"), "\(text)")
        #expect(text.contains("a telling word"), "\(text)")
      }
      #expect(try leftovers() == [])
    }
  }
}
