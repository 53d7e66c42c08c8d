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
      // The second run has kept what it decompressed, and the third takes that.
      let data = try Tool.check("sh", ["-c", "ls \"$0\" | wc -l", "\(try Self.cache.get().path)/data"]).text
      #expect(try #require(Int(data.prefix { $0 != "\n" })) > 80)
      #expect(ours.differences(try tree(request, try nativeEngine(.memory))) == [])
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

    @Test func `special hooks and overridden owners are as with mmdebstrap`() throws {
      let archive = try DebianArchive(packages: [
        .init(
          "garboard-overrides",
          files: [
            ("usr/share/over/file", "f"), ("usr/share/over/other", "o"),
          ],
          scripts: [
            (
              "preinst",
              """
              #!/bin/sh
              set -e
              dpkg-statoverride --add games daemon 4750 /usr/share/over/file
              dpkg-statoverride --add '#77' mail 2770 /usr/share/later
              dpkg-statoverride --add '#77' games 0640 /usr/share/later/file

              """
            )
          ]),
        // Unpacked by another run of dpkg, which has read the overrides.
        .init(
          "garboard-later", fields: ["Pre-Depends: garboard-overrides"],
          files: [("usr/share/later/file", "l"), ("usr/share/later/other", "l")]),
      ])
      let outside = try TemporaryDirectory()
      _ = outside.path.withPlatformString { chmod($0, 0o777) }
      for name in ["in/a dir/sub", "sync/etc"] { try makeDirectories(outside.appending(name)) }
      try outside.write("in/a dir/one", "1")
      try outside.write("sync/etc/synced", "s")
      try outside.write("up", "u")
      let (here, inside) = ("'\(outside.path)'", outside.path.string)
      try Tool.check(
        "sh",
        [
          "-c",
          """
          cd "$0" && ln 'in/a dir/one' 'in/a dir/sub/two' && ln -s one 'in/a dir/link'
          chmod 4711 'in/a dir/one' && tar cf t.tar -C in .
          find . -exec touch -hd 2001-01-01 {} +
          """, inside,
        ])
      var request = try request(.essential, ["garboard-later", "garboard-overrides"])
      let lines = try Bootstrapper(request, engine: MmdebstrapEngine()).mirrors().sources
        .flatMap { $0.lines() ?? [] }
      request.mirrors =
        lines
        + ["deb [signed-by=\(archive.keyring)] copy:\(archive.folder) \(archive.suite) main"]
      request.hooks.setup = ["copy-in \(here)/in/a\\ dir /var"]
      request.hooks.extract = ["upload \(here)/up /etc/up", "sync-in \(here)/sync /"]
      request.hooks.essential = ["tar-in \(here)/t.tar /srv", "copy-in \(here)/up \"\(inside)/in\" /lib"]
      func tree(_ engine: any Engine, _ name: String) throws -> TreeListing {
        request.hooks.customize = [
          "copy-out /lib/os-release /etc/dpkg \(here)/\(name)/copied",
          "download /etc/debian_version \(here)/\(name)/version",
          "test -s \(inside)/\(name)/version && echo seen > \"$1/seen\"",
          "tar-out /etc/dpkg \(here)/\(name)/some.tar", "sync-out /etc/dpkg \(here)/\(name)/synced",
        ]
        return try self.tree(request, engine)
      }
      let theirs = try tree(MmdebstrapEngine(), "theirs")
      let ours = try tree(try nativeEngine(.memory), "ours")
      #expect(theirs.differences(ours, ignoring: .directoryTimes) == [])
      for name in ["theirs", "ours"] {
        try Tool.check(
          "sh",
          [
            "-c", "cd \"$0\" && mkdir some && tar xf some.tar -C some && rm some.tar",
            outside.appending(name).string,
          ])
      }
      #expect(
        try Tool.run("diff", ["-r", "--no-dereference", "theirs", "ours"], in: outside.path).text == "")
      #expect(
        try Tool.check("ls", [outside.appending("ours").string]).text == "copied\nsome\nsynced\nversion\n")
      #expect(try leftovers() == [])
    }

    @Test func `a special hook that can't be done is named, with its reason`() throws {
      var request = try request(.essential)
      func message(_ hook: String) throws -> String {
        request.hooks.setup = [hook]
        do {
          _ = try tree(request, try nativeEngine())
        } catch let error as BootstrapError {
          return error.description
        }
        return ""
      }
      let absent = try message("copy-in /garboard/none /var")
      #expect(absent.contains("the hook copy-in failed: ") && absent.contains("/garboard/none"), "\(absent)")
      let target = try message("upload /etc/passwd /none/x")
      #expect(target.contains("the hook upload failed: ") && target.contains("/none/x"), "\(target)")
      #expect(try message("download /etc/passwd").contains("it takes what is read, and where it goes"))
      #expect(try leftovers() == [])
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
