import Archive
@testable import Bootstrap
import Debian
import Glibc
import Posix
import SystemPackage
import TestSupport
import Testing

extension EngineTests {
  @Suite struct DebootstrapEngineTests {
    @Test func `what it can't do is refused, with the engine that can`() throws {
      func message(_ change: (inout BootstrapRequest) -> Void) throws -> String {
        var request = BootstrapRequest(suite: "trixie")
        change(&request)
        let error = #expect(throws: BootstrapError.self) { try listing(request, .debootstrap) }
        return error?.description ?? ""
      }
      for variant in [BootstrapRequest.Variant.extract, .custom, .essential, .apt, .standard] {
        #expect(
          try message { $0.variant = variant }
            == "the engine debootstrap has no variant \(variant.rawValue): use --engine mmdebstrap")
      }
      let other = ": use --engine mmdebstrap"
      #expect(
        try message { $0.hooks.setup = ["true"] } == "the engine debootstrap has no setup hooks" + other)
      #expect(
        try message { $0.hooks.extract = ["true"] } == "the engine debootstrap has no extract hooks" + other)
      #expect(try message { $0.aptOptions = ["x"] } == "the engine debootstrap has no --aptopt" + other)
      #expect(try message { $0.mode = .unshare } == "the engine debootstrap has no mode unshare" + other)
      #expect(
        try message { $0.include = ["?essential"] }
          == "the engine debootstrap has no package \"?essential\": it takes names only" + other)
      #expect(
        try message { $0.mirrors = ["http://example.org/a", "http://example.org/b"] }
          == "the engine debootstrap has no second mirror or suite" + other)
      #expect(
        try message { $0.mirrors = ["deb http://example.org/debian sid main"] }
          == "the engine debootstrap has no suite trixie in the mirrors that were named")
      #expect(
        try message { $0.mirrors = ["copy:///srv/debian"] }
          == "the engine debootstrap has no way to copy:///srv/debian" + other)
    }

    @Test func `failures say why in one line`() throws {
      let archive = try DebianArchive(packages: [
        .init("two", fields: ["Essential: yes", "Priority: required"])
      ])
      func message(_ change: (inout BootstrapRequest) throws -> Void) throws -> String {
        var request = BootstrapRequest(suite: "trixie")
        request.mirrors = [archive.fileURI]
        request.keyrings = [archive.keyring]
        try change(&request)
        let error = #expect(throws: BootstrapError.self) { try listing(request, .debootstrap) }
        let text = error?.description ?? ""
        #expect(!text.contains("\n"))
        #expect(try leftovers() == [])
        return text
      }
      // The archive is read and believed; then what debootstrap itself needs is not in it.
      let lacking = try message { _ in }
      #expect(lacking.hasPrefix("debootstrap failed (exit status 1): "))
      #expect(lacking.contains("Couldn't find these debs"), "\(lacking)")
      let other = try DebianArchive(packages: [.init("x")])
      let mistrusted = try message { $0.keyrings = [other.keyring] }
      #expect(mistrusted.contains("Release signed by unknown key"), "\(mistrusted)")
      let unsigned = try DebianArchive(packages: [.init("two")], isSigned: false)
      let unsignedText = try message { $0.mirrors = [unsigned.fileURI] }
      #expect(unsignedText.contains("Release"), "\(unsignedText)")
      let unreachable = try message {
        $0.mirrors = ["http://127.0.0.1:1/debian"]
        $0.sourceDateEpoch = 1
      }
      #expect(unreachable.contains("http://127.0.0.1:1/debian"), "\(unreachable)")
      let unknown = try DebianArchive(suite: "nosuch", packages: [.init("two")])
      let suiteText = try message {
        $0.suite = "nosuch"
        $0.mirrors = [unknown.fileURI]
      }
      #expect(suiteText.contains("No such script: /usr/share/debootstrap/scripts/nosuch"), "\(suiteText)")
      let missing = try message { $0.keyrings = ["/nowhere/key.gpg"] }
      #expect(missing == "can't use the keyring /nowhere/key.gpg: No such file or directory")
    }

    @Test func `what the rules leave out of a directory is what dpkg leaves out of a package`() throws {
      let archive = try DebianArchive(packages: [
        .init(
          "p",
          files: [
            ("usr/share/doc/p/copyright", "c"), ("usr/share/doc/p/x/y", "y"), ("usr/share/doc/q/z", "z"),
            ("usr/share/locale/locale.alias", "a"), ("usr/share/locale/de/LC_MESSAGES/p.mo", "m"),
            ("usr/share/man/man1/p.1", "m"), ("usr/share/lintian/overrides/p", "o"), ("usr/bin/p", "p"),
          ])
      ])
      let deb = archive.folder.appending("pool/main/p_1_all.deb").string
      let folder = try TemporaryDirectory()
      for name in ["dpkg", "own"] {
        try makeDirectories(folder.appending(name).pushing("var/lib/dpkg/info"))
        try makeDirectories(folder.appending(name).pushing("var/lib/dpkg/updates"))
        try folder.write(name + "/var/lib/dpkg/status", "")
      }
      for rules in [PathRules.slim, PathRules([.exclude("/usr/share/*"), .include("/usr/share/l*")])] {
        try Tool.check(
          "dpkg",
          ["--root=" + folder.appending("dpkg").string, "--force-all", "--log=/dev/null"]
            + rules.rules.map { "--" + $0.option } + ["--unpack", deb])
        try Tool.check("dpkg-deb", ["-x", deb, folder.appending("own").string])
        try DebootstrapEngine.prune(folder.appending("own"), rules)
        func paths(_ name: String) throws -> [String] {
          try TreeListing.of(folder.appending(name)).lines.map(\.path).filter { $0.hasPrefix("usr") }
        }
        #expect(try paths("own") == paths("dpkg"))
        try Tool.check(
          "rm",
          [
            "-r", folder.appending("own").appending("usr").string,
            folder.appending("dpkg").appending("usr").string,
          ])
      }
    }
  }
}
