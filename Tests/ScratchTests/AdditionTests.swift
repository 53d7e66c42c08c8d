import Posix
import SystemPackage
import TestSupport
import Testing

/// What else goes into an image. Needs root.
@Suite("Additions to an image from scratch, as root")
struct AdditionTests {
  @Test("files, folders and tars, with owners by name, permissions and capabilities")
  func add() throws {
    let folder = try TemporaryDirectory()
    try Tool.check(
      "sh",
      [
        "-euc",
        """
        umask 022
        mkdir -p data/sub tarred; echo one >data/one; echo two >data/sub/two; ln -s one data/link
        ln data/one data/same; chmod 640 data/sub/two; chown 77:88 data/one
        echo in >tarred/in; chown 5:6 tarred/in; tar -C tarred -czf x.tar.gz .
        gzip -c data/one >plain.gz
        cp /usr/bin/true ping; setcap cap_net_raw+ep ping
        """,
      ], in: folder.path)
    func tree(_ name: String, _ options: [String]) throws -> String {
      let root = folder.appending(name)
      let result = try garboard(
        "garboard-scratch",
        options + [
          "--shell", "ping", "--add", "data:/opt/data", "--add", "x.tar.gz:/opt/tar/", "--add",
          "plain.gz:/opt/",
          "--add", "data/one:/opt/renamed", "-o", "rootfs:\(name)",
        ], in: folder.path)
      #expect(result.status.isSuccess, "\(result.errorText)")
      return try Tool.check(
        "find",
        [root.appending("opt").string, root.appending("ping").string, "-printf", "%P %y %m %U:%G %n %l\n"]
      )
      .text.split(separator: "\n").filter { !$0.hasPrefix(" d") }.sorted().joined(separator: "\n")
    }
    #expect(
      try tree("plain", []) == """
         f 755 0:0 1\u{20}
        data d 755 0:0 3\u{20}
        data/link l 777 0:0 1 one
        data/one f 644 0:0 2\u{20}
        data/same f 644 0:0 2\u{20}
        data/sub d 755 0:0 2\u{20}
        data/sub/two f 640 0:0 1\u{20}
        plain.gz f 644 0:0 1\u{20}
        renamed f 644 0:0 1\u{20}
        tar d 755 0:0 2\u{20}
        tar/in f 644 5:6 1\u{20}
        """)
    let capabilities = try Tool.check("getcap", [folder.appending("plain/ping").string]).text
    #expect(capabilities.hasSuffix("cap_net_raw=ep\n"))
    #expect(
      try tree("owned", ["--user", "me:70:80", "--chown", "me", "--chmod", "700"]) == """
         f 700 70:80 1\u{20}
        data d 755 0:0 3\u{20}
        data/link l 777 70:80 1 one
        data/one f 700 70:80 2\u{20}
        data/same f 700 70:80 2\u{20}
        data/sub d 700 70:80 2\u{20}
        data/sub/two f 700 70:80 1\u{20}
        plain.gz f 700 70:80 1\u{20}
        renamed f 700 70:80 1\u{20}
        tar d 755 0:0 2\u{20}
        tar/in f 700 70:80 1\u{20}
        """)
  }

  @Test("a tar that leads out of the image is refused")
  func escape() throws {
    let folder = try TemporaryDirectory()
    try Tool.python(
      """
      import io, sys, tarfile
      with tarfile.open(sys.argv[1], "w") as tar:
          link = tarfile.TarInfo("out"); link.type = tarfile.SYMTYPE; link.linkname = "/etc"; tar.addfile(link)
          for name in sys.argv[2:]:
              file = tarfile.TarInfo(name); file.size = 3; tar.addfile(file, io.BytesIO(b"bad"))
      """, [folder.appending("a.tar").string, "../up"])
    let result = try garboard(
      "garboard-scratch", "/usr/bin/busybox", "--add", "\(folder.appending("a.tar")):/x", "-o",
      folder.appending("o.tar").string)
    #expect(result.status == .exited(1))
    #expect(result.errorText.contains("\"..\" part"))
    #expect(try !Tool.run("test", ["-e", folder.appending("o.tar").string]).status.isSuccess)
  }
}
