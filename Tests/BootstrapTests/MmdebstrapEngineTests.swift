import Archive
import Bootstrap
import Debian
import Glibc
import Posix
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// A request for `packages` of a hand-made archive, unpacked.
func handmade(_ archive: DebianArchive, _ packages: [String]) -> BootstrapRequest {
  var request = BootstrapRequest(suite: archive.suite)
  request.variant = .extract
  request.include = packages
  request.mirrors = ["deb [signed-by=\(archive.keyring)] copy://\(archive.folder) \(archive.suite) main"]
  return request
}

/// A whole run's listing.
func listing(
  _ request: BootstrapRequest, _ name: EngineName = .mmdebstrap,
  _ observer: BootstrapObserver = BootstrapObserver()
) throws -> TreeListing {
  try Bootstrapper(request, engine: name.engine(), observer: observer).run {
    try TreeListing.of(try $0.entries())
  }
}

/// Mounts and files that a run would leave behind.
func leftovers() throws -> [String] {
  let mounts = try Tool.check("grep", ["-c", "", "/proc/mounts"]).text
  let mounted = try Tool.run("grep", [".garboard-bootstrap-\(getpid())", "/proc/mounts"]).text
  #expect(!mounts.isEmpty)
  let folder = try openFile("/tmp", .directory)
  let names = try listDirectory(folder.raw, shown: "/tmp").map { String(decoding: $0, as: UTF8.self) }
  return names.filter { $0.hasPrefix(".garboard-bootstrap-\(getpid())-") }
    + (mounted.isEmpty ? [] : [mounted])
}

/// One after the other: each looks whether this process left anything behind.
@Suite(.serialized) enum EngineTests {}

extension EngineTests {
  @Suite struct MmdebstrapEngineTests {
    private let archive: DebianArchive

    init() throws {
      archive = try DebianArchive(packages: [
        .init(
          "one", fields: ["Depends: two"],
          files: [("usr/share/one/a b", "one\n"), ("usr/share/man/man1/one.1", "m")]),
        .init(
          "two",
          files: [
            ("usr/bin/two", "#!/bin/sh\n"), ("usr/share/doc/two/copyright", "c"),
            ("usr/share/doc/two/x", "x"),
          ]),
      ])
    }

    @Test func `packages and what they depend on are there, twice the same`() throws {
      let phases = Mutex<[String]>([])
      let first = try listing(
        handmade(archive, ["one"]), .mmdebstrap,
        BootstrapObserver(phase: { phase in phases.withLock { $0.append(phase) } }))
      let paths = first.lines.map(\.path)
      #expect(paths.contains("usr/share/one/a\\x20b"))
      #expect(paths.contains("usr/bin/two"))
      #expect(!paths.contains("etc/resolv.conf"))
      #expect(!paths.contains("etc/hostname"))
      #expect(paths.contains("dev/null"))
      #expect(phases.withLock { $0 }.contains { $0.hasPrefix("running apt-get update") })
      // Nothing is newer than the archive's Release file says.
      let times = first.lines.compactMap { $0["mtime"].flatMap { Double($0) } }
      #expect(times.max() == Double(archive.date))
      // In tree order, so that it streams into a layer.
      let order = paths.map { $0 == "." ? [] : $0.split(separator: "/").map { Array($0.utf8) } }
      #expect(zip(order, order.dropFirst()).allSatisfy { precedes($0, $1) })
      #expect(try listing(handmade(archive, ["one"])).differences(first) == [])
      #expect(try leftovers() == [])
    }

    private func precedes(_ one: [[UInt8]], _ other: [[UInt8]]) -> Bool {
      for (left, right) in zip(one, other) where left != right {
        return left.lexicographicallyPrecedes(right)
      }
      return one.count < other.count
    }

    @Test func `the tree is mmdebstrap's own but for the host's names`() throws {
      let folder = try TemporaryDirectory()
      let file = folder.appending("plain.tar")
      let request = handmade(archive, ["one"])
      try Tool.check(
        "mmdebstrap", ["--variant=extract", "--include=one", archive.suite, file.string] + request.mirrors,
        environment: ["SOURCE_DATE_EPOCH=\(archive.date)"])
      let lines = try TreeListing.ofTar(file).differences(try listing(request))
      #expect(
        lines.map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == [
          "- etc/hostname", "- etc/resolv.conf",
        ])
    }

    @Test func `a URL, a line, a file and named keyrings are taken`() throws {
      let folder = try TemporaryDirectory()
      let file = try folder.write(
        "x.sources",
        "Types: deb\nURIs: copy://\(archive.folder)\nSuites: trixie\nComponents: main\nSigned-By: \(archive.keyring)\n"
      )
      var url = handmade(archive, ["two"])
      url.mirrors = ["copy://\(archive.folder)"]
      url.keyrings = [archive.keyring]
      var named = handmade(archive, ["two"])
      named.mirrors = [file.string]
      var mounted = url
      mounted.mirrors = [archive.fileURI]
      for request in [url, named, mounted] {
        #expect(try listing(request).lines.contains { $0.path == "usr/bin/two" })
      }
    }

    @Test func `named keyrings are the only ones`() throws {
      let other = try DebianArchive(packages: [.init("x")])
      var request = handmade(archive, ["two"])
      request.mirrors = ["copy://\(archive.folder)"]
      request.keyrings = [other.keyring]
      let error = #expect(throws: BootstrapError.self) { try listing(request) }
      #expect(
        error?.description.contains("NO_PUBKEY") == true || error?.description.contains("not signed") == true,
        "\(error!)")
      request.keyrings = ["/nowhere/key.gpg"]
      let missing = #expect(throws: BootstrapError.self) { try listing(request) }
      #expect(missing?.description == "can't use the keyring /nowhere/key.gpg: No such file or directory")
    }

    @Test func `hooks get the root, and what they write stays`() throws {
      var request = handmade(archive, ["two"])
      request.hooks.setup = ["echo setup > \"$1/setup\""]
      request.hooks.extract = [
        "test -e \"$1/usr/bin/two\"",
        "echo mine > \"$1/etc/hostname\"; echo \"$SOURCE_DATE_EPOCH\" > \"$1/epoch\"",
      ]
      let lines = try listing(request).lines
      #expect(lines.contains { $0.path == "etc/hostname" && $0["size"] == "5" })
      #expect(!lines.contains { $0.path == "etc/resolv.conf" })
      #expect(lines.contains { $0.path == "setup" })
      #expect(lines.contains { $0.path == "epoch" && $0["size"] == "11" })
      request.hooks.extract = ["echo about to fail >&2; exit 3"]
      let error = #expect(throws: BootstrapError.self) { try listing(request) }
      guard case .engineFailed(let failure) = error else { return }
      #expect(failure.lastLines.contains("about to fail"))
      #expect(try leftovers() == [])
    }

    @Test func `paths are left out as dpkg leaves them out`() throws {
      var request = handmade(archive, ["one"])
      request.pathRules = .slim
      request.dpkgOptions = ["force-unsafe-io"]
      request.aptOptions = ["Acquire::Retries \"1\""]
      let paths = try listing(request).lines.map(\.path)
      #expect(paths.contains("usr/share/doc/two/copyright"))
      #expect(!paths.contains("usr/share/doc/two/x"))
      #expect(!paths.contains("usr/share/man/man1/one.1"))
      #expect(paths.contains("etc/dpkg/dpkg.cfg.d/99mmdebstrap"))
      #expect(paths.contains("etc/apt/apt.conf.d/99mmdebstrap"))
    }

    @Test func `the mode unshare gives the same`() throws {
      var request = handmade(archive, ["two"])
      let root = try listing(request)
      request.mode = .unshare
      #expect(try listing(request).differences(root) == [])
    }

    @Test func `whoever stops reading stops the engine`() throws {
      struct Enough: Error {}
      #expect(throws: Enough.self) {
        try Bootstrapper(handmade(archive, ["two"]), engine: MmdebstrapEngine()).run { tree in
          _ = try tree.entries().next()
          throw Enough()
        }
      }
      #expect(try leftovers() == [])
    }

    @Test func `failures say why in one line`() throws {
      func message(_ change: (inout BootstrapRequest) throws -> Void) throws -> String {
        var request = handmade(archive, ["two"])
        try change(&request)
        let error = #expect(throws: BootstrapError.self) { try listing(request) }
        let text = error?.description ?? ""
        #expect(!text.contains("\n"))
        #expect(try leftovers() == [])
        return text
      }
      #expect(
        try message { $0.include = ["nothing"] }
          == "mmdebstrap failed (exit status 25): Unable to locate package nothing")
      let folder = archive.folder
      #expect(
        try message {
          $0.mirrors = ["copy://\(folder)"]; $0.suite = "plucky"
        }
          == "can't read the suite plucky at copy://\(folder): can't open \(folder)/dists/plucky/InRelease: No such file or directory"
      )
      let refused = try message { $0.mirrors = ["http://127.0.0.1:1/debian"] }
      #expect(refused.hasPrefix("can't read the suite trixie at http://127.0.0.1:1/debian: "))
      #expect(refused.contains("Could not connect to 127.0.0.1:1"), "\(refused)")
      let unreachable = try message {
        $0.mirrors = ["http://127.0.0.1:1/debian"]
        $0.sourceDateEpoch = 1
      }
      #expect(unreachable.hasPrefix("mmdebstrap failed (exit status 25): "))
      #expect(unreachable.contains("127.0.0.1:1"), "\(unreachable)")
      let unsigned = try DebianArchive(packages: [.init("two")], isSigned: false)
      let unsignedText = try message { $0.mirrors = ["copy://\(unsigned.folder)"] }
      #expect(unsignedText.contains("is not signed"), "\(unsignedText)")
      #expect(try message { $0.suite = "a b" } == "\"a b\" can't be a suite")
      #expect(try message { $0.include = ["-y"] } == "\"-y\" can't be a package")
      // An architecture that no qemu here has: whatever is installed, its programs don't run.
      let foreign = try message {
        $0.variant = .apt; $0.architecture = "ia64"
      }
      #expect(foreign.hasPrefix("programs of the architecture ia64 don't run here: "), "\(foreign)")
    }

    @Test func `an unsigned archive is taken when it is trusted`() throws {
      let unsigned = try DebianArchive(
        packages: [.init("two", files: [("usr/bin/two", "x")])], isSigned: false)
      var request = handmade(unsigned, ["two"])
      request.mirrors = ["deb [trusted=yes] copy://\(unsigned.folder) trixie main"]
      #expect(try listing(request).lines.contains { $0.path == "usr/bin/two" })
    }

    @Test func `a kill in the middle leaves nothing mounted and nothing running`() async throws {
      let folder = try TemporaryDirectory()
      try Tool.check("chmod", ["711", folder.path.string])
      let place = folder.path.string
      let mirror = "deb [signed-by=\(archive.keyring)] \(archive.fileURI) \(archive.suite) main"
      await #expect(processExitsWith: .signal(SIGKILL)) {
        [place = place as String, mirror = mirror as String] in
        setenv("TMPDIR", place, 1)
        var request = BootstrapRequest(suite: "trixie")
        request.variant = .extract
        request.include = ["two"]
        request.mirrors = [mirror]
        request.hooks.setup = [
          "mkdir \"$1/mnt\"; mount -t tmpfs none \"$1/mnt\"; grep \"$1/mnt\" /proc/mounts >&2; sleep 100"
        ]
        // The kernel's word that it is mounted.
        let observer = BootstrapObserver(line: { if $0.hasPrefix("none ") { kill(getpid(), SIGKILL) } })
        try Bootstrapper(request, engine: MmdebstrapEngine(), observer: observer).run { tree in
          _ = try tree.entries().next()
        }
      }
      #expect(try Tool.run("grep", [place, "/proc/mounts"]).text == "")
      // The last process of the namespace takes a moment to go.
      var running = ""
      for _ in 0..<600 {
        running = try Tool.run("pgrep", ["-fa", place]).text
        if running.isEmpty { break }
        usleep(100_000)
      }
      #expect(running == "")
    }
  }
}
