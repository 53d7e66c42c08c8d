import Archive
import Bootstrap
import Debian
import Glibc
import Posix
import Rootfs
import SystemPackage
import TestSupport
import Testing

/// The native engine, whose root is made by this build's garboard-bootstrap.
func nativeEngine(_ storage: NativeEngine.Storage = .auto, jobs: Int? = nil) throws -> NativeEngine {
  var engine = NativeEngine(storage: storage, jobs: jobs, NativeEngine.planned)
  engine.program = try builtProgram("garboard-bootstrap")
  return engine
}

/// A run's tree in a directory.
func unpack(_ request: BootstrapRequest, _ engine: NativeEngine, into folder: FilePath) throws {
  try Bootstrapper(request, engine: engine).run { tree in
    let unpacker = try Unpacker(into: folder)
    let entries = try tree.entries()
    while let entry = try entries.next() { try unpacker.add(entry) { try entries.read(into: $0) } }
    try unpacker.finish()
  }
}

extension EngineTests {
  /// Needs root.
  @Suite struct NativeEngineTests {
    private func archive(_ packages: [DebianArchive.Package]) throws -> DebianArchive {
      try DebianArchive(packages: packages)
    }

    /// Packages with all that dpkg's database has a special place for.
    private static let special: [DebianArchive.Package] = [
      .init(
        "alpha", fields: ["Depends: beta"],
        files: [
          ("etc/alpha.conf", "a = 1\n"), ("etc/alpha.d/x y", "b"), ("usr/share/both/file", "alpha's"),
          ("usr/share/alpha/data", "data"),
        ],
        scripts: [("conffiles", "/etc/alpha.conf\n/etc/alpha.d/x y\nremove-on-upgrade /etc/old.conf\n")]),
      .init(
        "beta", architecture: "amd64", fields: ["Multi-Arch: same", "Replaces: alpha"],
        files: [("usr/share/both/file", "beta's"), ("usr/lib/beta/lib.so", "elf")],
        scripts: [
          ("triggers", "# comment\ninterest-noawait /usr/share/watched\ninterest beta-named\n"),
          ("postinst", "#!/bin/sh\nexit 0\n"),
        ]),
    ]

    @Test func `dpkg's database of unpacked packages is what dpkg itself writes`() throws {
      let archive = try archive(Self.special)
      let plain = try TemporaryDirectory()
      for name in ["info", "updates", "triggers"] {
        try makeDirectories(plain.appending("var/lib/dpkg").appending(name))
      }
      try Tool.check("touch", [plain.appending("var/lib/dpkg/status").string])
      let pool = archive.folder.appending("pool/main")
      try Tool.check(
        "dpkg",
        ["--root=\(plain.path)", "--force-architecture", "--force-depends", "--unpack"]
          + ["beta_1_amd64.deb", "alpha_1_all.deb"].map { pool.appending($0).string })
      var request = handmade(archive, ["alpha"])
      request.mirrors = ["deb [signed-by=\(archive.keyring)] \(archive.fileURI) \(archive.suite) main"]
      let folder = try TemporaryDirectory()
      try unpack(request, try nativeEngine(), into: folder.path)
      func text(_ root: TemporaryDirectory, _ path: String) throws -> String {
        try Tool.check("cat", [root.appending(path).string]).text
      }
      let names = try Tool.check("ls", [plain.appending("var/lib/dpkg/info").string]).text
      #expect(try Tool.check("ls", [folder.appending("var/lib/dpkg/info").string]).text == names)
      #expect(names.contains("beta:amd64.triggers"))
      for name in names.split(separator: "\n") {
        let path = "var/lib/dpkg/info/\(name)"
        #expect(try text(folder, path) == text(plain, path), "\(name)")
      }
      for name in ["triggers/File", "triggers/beta-named"] {
        #expect(try text(folder, "var/lib/dpkg/\(name)") == text(plain, "var/lib/dpkg/\(name)"), "\(name)")
      }
      #expect(try text(folder, "usr/share/both/file") == "beta's")
      // dpkg has not put configuration files into their places yet, so it has no sums of them.
      func query(_ root: TemporaryDirectory, _ format: String) throws -> String {
        try Tool.check("dpkg-query", ["--admindir=\(root.appending("var/lib/dpkg"))", "-f", format, "-W"])
          .text
      }
      let format = "${Package} ${Status} ${Version} ${Architecture} ${Depends} ${Replaces} ${Maintainer}\n"
      #expect(try query(folder, format) == query(plain, format))
      let sum = try Tool.check("md5sum", [folder.appending("etc/alpha.conf").string]).text.prefix(32)
      let conffiles = try query(folder, "${Package}${Conffiles}\n")
      #expect(conffiles.contains(" /etc/alpha.conf \(sum)\n"))
      #expect(conffiles.contains(" /etc/old.conf newconffile remove-on-upgrade"))
    }

    @Test func `paths that are left out are not unpacked, and not in dpkg's list`() throws {
      let archive = try archive([
        .init("one", files: [("usr/share/doc/one/copyright", "c"), ("usr/share/doc/one/x", "x")])
      ])
      var request = handmade(archive, ["one"])
      request.mirrors = ["deb [signed-by=\(archive.keyring)] \(archive.fileURI) \(archive.suite) main"]
      request.pathRules = .slim
      let listing = try Bootstrapper(request, engine: try nativeEngine()).run {
        try TreeListing.of(try $0.entries())
      }
      let paths = listing.lines.map(\.path)
      #expect(paths.contains("usr/share/doc/one/copyright"))
      #expect(!paths.contains("usr/share/doc/one/x"))
    }
  }
}
