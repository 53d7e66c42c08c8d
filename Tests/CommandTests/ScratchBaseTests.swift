import Posix
import SystemPackage
import TestSupport
import Testing

@Suite("garboard-scratch on a base")
struct ScratchBaseTests {
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    try Tool.check(
      "sh",
      [
        "-euc",
        """
        mkdir -p root/etc root/usr/lib root/usr/share/ca-certificates/mozilla root/usr/local/share/ca-certificates
        mkdir -m 1777 root/tmp; mkdir -m 700 root/root; ln -s usr/lib root/lib
        printf 'root:x:0:0:root:/root:/bin/sh\\ngames:x:5:60:games:/usr/games:/usr/sbin/nologin\\n' >root/etc/passwd
        printf 'root:x:0:\\ngames:x:60:\\n' >root/etc/group
        for name in b a 'c (1)'; do
          openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj "/CN=$name" -days 3650 \\
            -out "root/usr/share/ca-certificates/mozilla/$name.crt" 2>/dev/null
        done
        # One without an end of its last line.
        printf '%s' "$(cat root/usr/share/ca-certificates/mozilla/b.crt)" >b; mv b root/usr/share/ca-certificates/mozilla/b.crt
        cp root/usr/share/ca-certificates/mozilla/a.crt root/usr/local/share/ca-certificates/own.crt
        """,
      ], in: folder.path)
    try scratchless(
      "garboard-import", ["root", "-c", "CMD [\"old\"]", "-c", "ENV A=1", "-o", "oci:base:one"])
  }

  private func scratchless(_ tool: String, _ arguments: [String]) throws {
    let result = try garboard(tool, arguments, in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
  }

  private func unpacked(_ layout: String) throws -> FilePath {
    try Tool.check("umoci", ["unpack", "--image", "\(layout):one", layout + ".tree"], in: folder.path)
    return folder.appending(layout + ".tree").appending("rootfs")
  }

  private func config(_ layout: String) throws -> String {
    try Tool.python(
      """
      import json, sys
      d = sys.argv[1]
      get = lambda g: json.load(open(d + "/blobs/sha256/" + g.split(":")[1]))
      m = get(json.load(open(d + "/index.json"))["manifests"][0]["digest"])
      c = get(m["config"]["digest"])
      print(len(m["layers"]), len(c["history"]), json.dumps(c["config"], sort_keys=True))
      """, [folder.appending(layout).string]
    ).text
  }

  @Test("Extras alone: users are added to those of the base, folders stay as they are, the configuration too")
  func extras() throws {
    try scratchless(
      "garboard-scratch", ["--base", "oci:base:one", "--user", "app:1234", "--tmp", "-o", "oci:more:one"])
    let before = try TreeListing.of(try unpacked("base"))
    let root = try unpacked("more")
    let differences = before.differences(try TreeListing.of(root), ignoring: [.times, .directoryTimes])
    #expect(
      differences.map { $0.split(separator: " ").prefix(2).joined(separator: " ") }.sorted() == [
        "+ home", "+ home/app", "~ etc/group", "~ etc/passwd",
      ])
    let users = String(decoding: try readBytes(root.appending("etc/passwd")), as: UTF8.self)
    #expect(
      users
        == "root:x:0:0:root:/root:/bin/sh\ngames:x:5:60:games:/usr/games:/usr/sbin/nologin\n"
        + "app:x:1234:1234:app:/home/app:/sbin/nologin\n")
    #expect(try config("more") == #"2 2 {"Cmd": ["old"], "Env": ["A=1"], "User": "1234:1234"}"# + "\n")
    try scratchless(
      "garboard-scratch", ["--base", "oci:base:one", "--user", "app:1234", "--tmp", "-o", "oci:again:one"])
    #expect(
      try readBytes(folder.appending("more/index.json")) == readBytes(folder.appending("again/index.json")))
  }

  @Test("The bundle of certificates is what update-ca-certificates makes of those of the base")
  func certificates() throws {
    func bundle(_ list: String?) throws -> (ours: [UInt8], theirs: [UInt8]) {
      let name = list == nil ? "all" : "some"
      let configuration: String
      if let list {
        try folder.write("root/etc/ca-certificates.conf", list)
        try scratchless("garboard-import", ["root", "-o", "oci:listed:one"])
        configuration = list
      } else {
        // As the package's own configuration lists them.
        configuration = "mozilla/a.crt\nmozilla/b.crt\nmozilla/c (1).crt\n"
      }
      try folder.write("conf", configuration)
      try makeDirectories(folder.appending(name))
      try makeDirectories(folder.appending("hooks"))
      let shares = folder.appending("root/usr")
      try Tool.check(
        "/usr/sbin/update-ca-certificates",
        [
          "--certsconf", folder.appending("conf").string, "--certsdir",
          shares.appending("share/ca-certificates").string, "--localcertsdir",
          shares.appending("local/share/ca-certificates").string, "--etccertsdir",
          folder.appending(name).string, "--hooksdir", folder.appending("hooks").string,
        ])
      let base = list == nil ? "base" : "listed"
      try scratchless(
        "garboard-scratch",
        ["--base", "oci:\(base):one", "--ca-certificates", "-o", "oci:\(name)-made:one"])
      let root = try unpacked("\(name)-made")
      return (
        try readBytes(root.appending("etc/ssl/certs/ca-certificates.crt")),
        try readBytes(folder.appending(name).appending("ca-certificates.crt"))
      )
    }
    let all = try bundle(nil)
    #expect(all.ours == all.theirs)
    let some = try bundle("# a remark\nmozilla/b.crt\n!mozilla/a.crt\n")
    #expect(some.ours == some.theirs)
    #expect(some.ours.count < all.ours.count)
  }

  @Test("A program changes the command, and its libraries go where the base has none")
  func program() throws {
    try folder.write("root/lib64/ld-linux-x86-64.so.2", "the base's own")
    try scratchless("garboard-import", ["root", "-c", "ENTRYPOINT [\"e\"]", "-o", "oci:own:one"])
    try scratchless(
      "garboard-scratch", ["--base", "oci:own:one", "/bin/true:/bin/", "--cmd", "x", "-o", "oci:p:one"])
    #expect(try config("p") == #"2 2 {"Cmd": ["x"], "Entrypoint": ["e"]}"# + "\n")
    let result = try garboard(
      "garboard-scratch", "--base", "oci:base:one", "--libraries", "/bin/true:/bin/", "-o", "oci:q:one",
      in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
    #expect(try config("q").contains(#""Cmd": ["/bin/true"], "Env": ["A=1"]"#))
    try Tool.check("chroot", [try unpacked("q").string, "/bin/true"])
  }

  @Test(
    "What can't be is refused",
    arguments: [
      (["--user", "games:7"], "there already"), ([], "Name a program"),
      (["--tmp", "--multi-arch"], "--multi-arch"), (["--tmp", "-f", "Dockerfile"], "--base"),
      (["--platform", "linux/arm64", "--tmp"], "linux/arm64"),
    ])
  func refused(_ arguments: [String], _ reason: String) throws {
    var arguments = arguments
    if arguments.contains("-f") { arguments.append(".") }
    let result = try garboard(
      "garboard-scratch", ["--base", "oci:base:one"] + arguments + ["-o", "oci:no:one"], in: folder.path)
    #expect(result.status != .exited(0))
    #expect(result.errorText.contains(reason), "\(result.errorText)")
    #expect(throws: (any Error).self) { try readBytes(folder.appending("no/index.json")) }
  }
}
