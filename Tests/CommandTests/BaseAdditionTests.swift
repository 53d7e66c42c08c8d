import Posix
import SystemPackage
import TestSupport
import Testing

/// `garboard-bootstrap --base` with hand-made packages that are only unpacked: nothing of it needs privileges.
@Suite("Packages on a base that are only unpacked")
struct BaseExtractionTests {
  private let archive: DebianArchive
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    archive = try DebianArchive(packages: [
      .init(
        "base-files", fields: ["Provides: usr-is-merged"],
        files: [("etc/base", "base\n"), ("usr/lib/base", "b"), ("usr/share/common/a", "a")]),
      .init("lib", files: [("usr/lib/lib.so", "1"), ("usr/share/common/b", "b")]),
      .init(
        "lib", version: "2", files: [("usr/lib/lib.so", "2")]),
      .init(
        "tool", fields: ["Depends: lib"],
        files: [("usr/bin/tool", "#!/bin/sh\n"), ("etc/tool.conf", "x\n"), ("usr/share/common/c", "c")],
        scripts: [
          ("conffiles", "/etc/tool.conf\n"), ("triggers", "interest-noawait /usr/share/watched\n"),
          ("postinst", "#!/bin/sh\nexit 0\n"),
        ]),
      .init("newer", fields: ["Depends: lib (>= 2)"], files: [("usr/bin/newer", "n")]),
      .init("needs", fields: ["Depends: nowhere"], files: [("usr/bin/needs", "n")]),
    ])
  }

  @discardableResult
  private func bootstrap(_ arguments: [String]) throws -> Tool.Result {
    try garboard(
      "garboard-bootstrap",
      ["--keyring", archive.keyring.string, "--cache", folder.appending("cache").string] + arguments
        + [archive.fileURI], in: folder.path)
  }

  private func checked(_ arguments: [String]) throws {
    let result = try bootstrap(arguments)
    #expect(result.status.isSuccess, "\(result.errorText)")
  }

  private func tree(_ layout: String) throws -> TreeListing {
    try Tool.check("umoci", ["unpack", "--image", "\(layout):one", layout + ".tree"], in: folder.path)
    return try TreeListing.of(folder.appending(layout + ".tree").appending("rootfs"))
  }

  private func makeBase() throws {
    try checked(
      ["--variant", "extract", "--include", "base-files,lib=1", "trixie", "oci:base:one"])
  }

  @Test("One step after the other gives what one run gives, dpkg's database too; twice the same bytes")
  func steps() throws {
    try makeBase()
    try checked(["--base", "oci:base:one", "--include", "tool", "trixie", "oci:both:one"])
    try checked(["--variant", "extract", "--include", "base-files,lib=1,tool", "trixie", "oci:direct:one"])
    #expect(try tree("both").differences(try tree("direct"), ignoring: .directoryTimes) == [])
    let status = try Tool.check(
      "dpkg-query", ["--admindir", folder.appending("both.tree/rootfs/var/lib/dpkg").string, "-W"])
    #expect(status.text == "base-files\t1\nlib\t1\ntool\t1\n")
    try checked(["--base", "oci:base:one", "--include", "tool", "--jobs", "1", "trixie", "oci:again:one"])
    #expect(
      try readBytes(folder.appending("both/index.json")) == readBytes(folder.appending("again/index.json")))
    // The layer below is the same file.
    for name in try Tool.check("ls", [folder.appending("base/blobs/sha256").string]).text.split(
      separator: "\n")
    {
      let path = "blobs/sha256/\(name)"
      let other = folder.appending("both").pushing(FilePath(path))
      guard let there = try? readBytes(other) else { continue }
      #expect(try readBytes(folder.appending("base").pushing(FilePath(path))) == there)
    }
    let shared = try Tool.python(
      """
      import json, sys
      def layers(d):
          get = lambda g: json.load(open(d + "/blobs/sha256/" + g.split(":")[1]))
          m = get(json.load(open(d + "/index.json"))["manifests"][0]["digest"])
          return [l["digest"] for l in m["layers"]], get(m["config"]["digest"])
      one, _ = layers(sys.argv[1]); two, config = layers(sys.argv[2])
      assert two[:-1] == one and len(two) == 2 and len(config["history"]) == 2, (one, two)
      print("good")
      """, [folder.appending("base").string, folder.appending("both").string])
    #expect(shared.text == "good\n")
  }

  @Test("Without what they need, and from a lock file")
  func alone() throws {
    try makeBase()
    try checked(
      [
        "--base", "oci:base:one", "--no-dependencies", "--include", "needs", "--lock", "l", "trixie",
        "oci:a:one",
      ])
    try checked(
      [
        "--base", "oci:base:one", "--no-dependencies", "--include", "needs", "--locked", "l", "trixie",
        "oci:b:one",
      ])
    #expect(try readBytes(folder.appending("a/index.json")) == readBytes(folder.appending("b/index.json")))
    #expect(try tree("a").lines.contains { $0.path == "usr/bin/needs" })
  }

  @Test("A base that records its packages in status.d gets records of the same form")
  func records() throws {
    let status = "Package: base-files\nVersion: 1\nArchitecture: all\nProvides: usr-is-merged\n"
    try folder.write("root/var/lib/dpkg/status.d/base-files", status)
    try folder.write("root/usr/lib/x", "x")
    try Tool.check("ln", ["-s", "usr/lib", folder.appending("root/lib").string])
    let imported = try garboard("garboard-import", "root", "-o", "oci:base:one", in: folder.path)
    #expect(imported.status.isSuccess, "\(imported.errorText)")
    try checked(["--base", "oci:base:one", "--include", "tool", "trixie", "oci:both:one"])
    let paths = try tree("both").lines.map(\.path)
    for path in [
      "usr/bin/tool", "usr/lib/lib.so", "var/lib/dpkg/status.d/tool", "var/lib/dpkg/status.d/tool.md5sums",
      "var/lib/dpkg/status.d/lib",
    ] { #expect(paths.contains(path), "\(path)") }
    #expect(!paths.contains("var/lib/dpkg/status") && !paths.contains("etc/apt"))
    let record = try readBytes(folder.appending("both.tree/rootfs/var/lib/dpkg/status.d/tool"))
    #expect(String(decoding: record, as: UTF8.self).hasPrefix("Package: tool\nVersion: 1\n"))
  }

  @Test(
    "What can't be added is refused in one line",
    arguments: [
      (["--include", "needs"], "nowhere"), (["--include", "newer"], "the base has 1"),
      (["--include", "none-such"], "none-such"), (["--include", "tool", "--arch", "s390x"], "s390x"),
      (["--include", "tool", "--customize-hook", "true"], "nothing runs there"),
      (["--variant", "apt", "--include", "tool"], "--variant"), ([], "--include"),
    ])
  func refused(_ arguments: [String], _ reason: String) throws {
    try makeBase()
    let result = try bootstrap(["--base", "oci:base:one"] + arguments + ["trixie", "oci:no:one"])
    #expect(result.status != .exited(0))
    #expect(result.errorText.contains(reason), "\(result.errorText)")
    #expect(!result.errorText.contains("\n  |"))
    #expect(throws: (any Error).self) { try readBytes(folder.appending("no/index.json")) }
  }

  @Test("An image that is no Debian system, and a destination for whole trees")
  func foreign() throws {
    try folder.write("root/hello", "x")
    try garboard("garboard-import", "root", "-o", "oci:base:one", in: folder.path)
    let result = try bootstrap(["--base", "oci:base:one", "--include", "tool", "trixie", "oci:no:one"])
    #expect(result.status == .exited(1))
    #expect(result.errorText.contains("no Debian system"), "\(result.errorText)")
    let other = try DebianArchive(packages: [.init("x")])
    _ = other
    let tar = try bootstrap(["--base", "oci:base:one", "--include", "tool", "trixie", "no.tar"])
    #expect(tar.status != .exited(0))
  }
}

/// `garboard-bootstrap --base` against apt in a chroot of the same base. Needs root.
@Suite("Packages on a configured base, as root")
struct BaseAdditionTests {
  private static let cache = Result { try TemporaryDirectory() }

  /// apt-get in a chroot of an unpacked base: BUNDLE, EPOCH, FOLDER (of archives, seen there too), packages.
  private static let script = """
    root=$1/rootfs; epoch=$2; folder=$3; shift 3
    mount --bind "$root" "$root"
    mount -t tmpfs none "$root/dev"
    for name in null zero random urandom; do
      : > "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"
    done
    mkdir "$root/dev/shm"; ln -s /proc/self/fd "$root/dev/fd"
    mount -t proc proc "$root/proc"; mount --rbind /sys "$root/sys"
    mkdir -p "$root/dev/shm/archives"; mount --bind "$folder" "$root/dev/shm/archives"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    printf '#!/bin/sh\\nexit 101\\n' > "$root/usr/sbin/policy-rc.d"; chmod 755 "$root/usr/sbin/policy-rc.d"
    inside() {
      env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 LANG=C.UTF-8 LANGUAGE=C.UTF-8 \\
        DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true SOURCE_DATE_EPOCH="$epoch" \\
        chroot "$root" "$@"
    }
    inside apt-get -qq update
    inside apt-get -y --no-install-recommends install "$@"
    inside apt-get clean
    rm "$root/usr/sbin/policy-rc.d" "$root/etc/resolv.conf"
    """

  /// What apt leaves and an image of ours does not have: downloads, logs, and what is computed anew.
  private static func isLeftOver(_ line: String) -> Bool {
    [
      "- var/lib/apt/lists/", "- var/log/", "- var/cache/ldconfig/aux-cache", "- var/cache/debconf/",
      "- var/lib/dpkg/status-old", "- var/cache/apt/", "- run/",
    ].contains { line.hasPrefix($0) } || line.hasPrefix("- var/lib/dpkg/") && line.contains("-old ")
  }

  private func bootstrap(_ arguments: [String], in folder: TemporaryDirectory) throws {
    let result = try garboard(
      "garboard-bootstrap", arguments,
      environment: ["GARBOARD_CACHE=\(try Self.cache.get().path)"], in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
  }

  private func unpacked(_ layout: String, _ name: String, in folder: TemporaryDirectory) throws -> FilePath {
    try Tool.check("umoci", ["unpack", "--image", "\(layout):one", name], in: folder.path)
    return folder.appending(name)
  }

  @Test("The tree is apt's, dpkg and apt find nothing amiss, and the same comes again")
  func real() throws {
    let folder = try TemporaryDirectory()
    try bootstrap(["--variant", "apt", "trixie", "oci:base:one"], in: folder)
    let packages = ["curl", "python3-minimal", "ca-certificates", "openssh-client"]
    let arguments = ["--base", "oci:base:one", "--include", packages.joined(separator: ","), "trixie"]
    try bootstrap(arguments + ["oci:more:one"], in: folder)
    let created = try Tool.check(
      "sh",
      [
        "-c",
        "umoci stat --image more:one --json | python3 -c 'import json,sys;"
          + "print(json.load(sys.stdin)[\"history\"][-1][\"created\"])' | xargs date +%s -d",
      ], in: folder.path)
    let epoch = created.text.split(separator: "\n").joined()
    let theirs = try unpacked("base", "theirs", in: folder)
    try Tool.check(
      "unshare", ["-m", "sh", "-euc", Self.script, "sh", theirs.string, epoch, "/tmp"] + packages)
    let ours = try unpacked("more", "ours", in: folder)
    let differences = try TreeListing.of(theirs.appending("rootfs"))
      .differences(try TreeListing.of(ours.appending("rootfs")), ignoring: [.times, .directoryTimes])
    #expect(differences.filter { !Self.isLeftOver($0) } == [])
    let root = ours.appending("rootfs").string
    #expect(try Tool.check("dpkg", ["--root", root, "--verify"]).text == "")
    #expect(try Tool.check("dpkg", ["--root", root, "--audit"]).text == "")
    try Tool.check("chroot", [root, "apt-get", "check"])
    try bootstrap(
      arguments.dropLast() + ["--jobs", "1", "--storage", "disk", "trixie", "oci:again:one"], in: folder)
    #expect(
      try readBytes(folder.appending("more/index.json")) == readBytes(folder.appending("again/index.json")))
    #expect(try Tool.check("sh", ["-c", "ls base/blobs/sha256 | wc -l"], in: folder.path).text == "3\n")
  }

  @Test("Upgrades, replaced and removed files, marks of apt and hooks, as apt does it")
  func upgrades() throws {
    let folder = try TemporaryDirectory()
    let first = try DebianArchive(packages: [
      .init(
        "gb-lib", files: [("usr/share/gb/lib", "1"), ("usr/share/gb/old/file", "x"), ("etc/gb.conf", "1\n")],
        scripts: [("conffiles", "/etc/gb.conf\n")]),
      .init("gb-app", fields: ["Depends: gb-lib"], files: [("usr/share/gb/app", "1")]),
    ])
    let second = try DebianArchive(packages: [
      .init(
        "gb-lib", version: "2", fields: ["Breaks: gb-app (<< 2)"],
        files: [("usr/share/gb/lib", "2"), ("etc/gb.conf", "2\n"), ("usr/share/gb/old", "now a file")],
        scripts: [
          ("conffiles", "/etc/gb.conf\n"), ("postinst", "#!/bin/sh\necho \"$1 $2\" > /etc/gb-configured\n"),
        ]),
      .init("gb-app", version: "2", fields: ["Depends: gb-lib"], files: [("usr/share/gb/app", "2")]),
      .init(
        "gb-new", fields: ["Depends: gb-lib (>= 2)", "Pre-Depends: gb-pre"], files: [("usr/bin/gb-new", "n")]),
      .init("gb-pre", scripts: [("postinst", "#!/bin/sh\ntouch /etc/gb-pre-is-configured\n")]),
    ])
    // In the chroot the archives are elsewhere, by names that are the same outside.
    let place = FilePath("/dev/shm/archives")
    try Tool.check(
      "unshare",
      [
        "-m", "sh", "-euc",
        """
        folder=$1; tool=$2; first=$3; second=$4
        mkdir -p archives && cp -r "$first" archives/first && cp -r "$second" archives/second
        mkdir -p /dev/shm/archives && mount --bind archives /dev/shm/archives
        line() { echo "deb [signed-by=/dev/shm/archives/$1/archive-key.asc] copy:///dev/shm/archives/$1 trixie main"; }
        "$tool" --variant apt --include gb-app trixie oci:base:one -c "CMD keep" -c "LABEL a=b" \\
          "$(sed -n 's/^URIs: //p' /etc/apt/sources.list.d/*.sources | head -n 1)" "$(line first)"
        "$tool" --base oci:base:one --include gb-new,gb-lib trixie oci:more:one \\
          --customize-hook 'touch "$1/etc/from-hook"' \\
          "$(sed -n 's/^URIs: //p' /etc/apt/sources.list.d/*.sources | head -n 1)" "$(line second)"
        line second > second.list
        umoci unpack --image base:one theirs
        cp second.list theirs/rootfs/etc/apt/sources.list.d/second.list
        \(Self.script.replacing("root=$1/rootfs; epoch=$2; folder=$3; shift 3", with:
          "root=theirs/rootfs; epoch=1790000000; folder=archives; set -- gb-new gb-lib"))
        rm theirs/rootfs/etc/apt/sources.list.d/second.list
        umount -l theirs/rootfs
        umoci unpack --image more:one ours
        """, "sh", folder.path.string, try builtProgram("garboard-bootstrap").string, first.folder.string,
        second.folder.string,
      ], environment: ["GARBOARD_CACHE=\(try Self.cache.get().path)"], in: folder.path)
    _ = place
    let differences = try TreeListing.of(folder.appending("theirs/rootfs"))
      .differences(try TreeListing.of(folder.appending("ours/rootfs")), ignoring: [.times, .directoryTimes])
    #expect(differences.filter { !Self.isLeftOver($0) }.map { $0.prefix(18) } == ["+ etc/from-hook ty"])
    let query = try Tool.check(
      "dpkg-query",
      ["--root", folder.appending("ours/rootfs").string, "-W", "-f", "${Package} ${Version}\n", "gb-*"])
    #expect(query.text == "gb-app 2\ngb-lib 2\ngb-new 1\ngb-pre 1\n")
    let config = try Tool.check("umoci", ["stat", "--image", "more:one", "--json"], in: folder.path)
    #expect(config.status.isSuccess)
  }

  @Test("What hooks bring is in the one new layer, as it was, as root and as an ordinary user")
  func hooks() throws {
    let folder = try TemporaryDirectory()
    let archive = try DebianArchive(packages: [.init("hooked", files: [("usr/share/hooked/file", "f")])])
    try bootstrap(["--variant", "essential", "trixie", "oci:base:one"], in: folder)
    let said = try OrdinaryUser.check(
      """
      as=$1; tool=$2; mirror=$3; here=$4
      cp "$tool" tool; chmod 755 .; chmod -R a+rX base; mkdir -m 777 user; mkdir -p in/tree/sub in/sync/x11 want
      echo 1 >in/tree/one; ln in/tree/one in/tree/sub/two; ln -s ../../etc in/tree/link; echo u >in/up
      mkfifo in/tree/fifo; setfattr -n user.hello -v world in/tree/one; echo s >in/sync/x11/file
      cp /bin/true in/able; chown -R 4711:4711 in; setcap cap_net_raw+ep in/able; chown 3:4 in/sync/x11/file
      chmod 4711 in/tree/one; chmod 2770 in/tree/sub
      find in -exec touch -hd 2001-02-03 {} +; tar cf in/t.tar --xattrs -C in/tree .; touch -d 2001-02-03 in
      make() {
        TMPDIR="$here/user" "$@" -q --cache "$here/user/cache-$1" --base oci:base:one --include hooked \\
          --setup-hook 'ln -s ../etc "$1/srv/to-etc"' --customize-hook "copy-in $here/in/tree $here/in/able /srv" \\
          --customize-hook "tar-in $here/in/t.tar /opt" --customize-hook "sync-in $here/in/sync/x11 /srv/to-etc" \\
          --customize-hook "upload $here/in/up /srv/to-etc/debian_version" \\
          --customize-hook "copy-out /usr/share/hooked $here/user/out-$1" trixie "$here/user/more" "$mirror"
        mv user/more "more-$mode"
      }
      mode=root; make ./tool --mode root; mode=unshare; as_user() { "$as" "$here/tool" --mode unshare "$@"; }
      make as_user
      cat user/out-as_user/hooked/file; stat -c ' %u' user/out-as_user/hooked/file
      # What it should be, by other programs.
      mkdir -p want/srv want/opt want/etc; cp -a in/tree in/able want/srv; ln -s ../etc want/srv/to-etc
      tar -C want/opt --xattrs --xattrs-include='*' -xpf in/t.tar; cp -a in/sync/x11/file want/etc
      install -m 644 in/up want/etc/debian_version
      """,
      [
        try builtProgram("garboard-bootstrap").string,
        "deb [signed-by=\(archive.keyring)] copy:\(archive.folder) \(archive.suite) main", folder.path.string,
      ], in: folder.path)
    #expect(said.text == "f 4711\n")
    #expect(
      try readBytes(folder.appending("more-root/index.json"))
        == readBytes(folder.appending("more-unshare/index.json")))
    let digests = try Tool.python(
      """
      import json, sys
      get = lambda path: json.load(open(sys.argv[1] + "/" + path))
      blob = lambda digest: "blobs/sha256/" + digest.split(":")[1]
      print(*[blob(l["digest"]) for l in get(blob(get("index.json")["manifests"][0]["digest"]))["layers"]])
      """, [folder.appending("more-unshare").string]
    ).text.split(whereSeparator: \.isWhitespace)
    #expect(digests.count == 2)
    var layer = try TreeListing.ofTar(folder.appending("more-unshare").pushing(FilePath(String(digests[1]))))
    layer.lines.removeAll { line in
      line.path.hasPrefix("var/lib/dpkg/") || line.path == "usr/share/hooked/file"
        || line["type"] == "directory" && !line.path.hasPrefix("srv/") && !line.path.hasPrefix("opt/")
    }
    var wanted = try TreeListing.of(folder.appending("want"))
    wanted.lines.removeAll { [".", "etc", "opt", "srv"].contains($0.path) }
    // The two that have the time of the run.
    let (made, expected) = (layer.differences(wanted), ["srv/to-etc", "etc/debian_version"])
    #expect(made.filter { line in !expected.contains { line.hasPrefix("~ \($0) mtime: ") } } == [])
    #expect(!made.contains { $0.contains(", ") })
  }

  @Test("What is chosen is what apt would add to that base")
  func choices() throws {
    let folder = try TemporaryDirectory()
    try bootstrap(["--variant", "minbase", "--include", "libssl-dev", "trixie", "oci:base:one"], in: folder)
    let root = try unpacked("base", "base.tree", in: folder).appending("rootfs")
    let sources = try Tool.check("cat", [root.appending("etc/apt/sources.list").string]).text
      .split(separator: "\n").map(String.init).filter { $0.hasPrefix("deb ") }
    let oracle = try AptOracle(sources: sources)
    let status = try readBytes(root.appending("var/lib/dpkg/status"))
    try oracle.setInstalled(
      status: status, states: try readBytes(root.appending("var/lib/apt/extended_states")))
    for packages in [
      ["python3", "systemd-sysv"], ["default-mta", "cron"], ["build-essential"], ["network-manager"],
      ["mariadb-server"], ["xserver-xorg-core", "sudo"], ["libc6", "nginx-light"], ["exim4", "bsd-mailx"],
    ] {
      let ours = try garboard(
        "garboard-bootstrap",
        [
          "--base", "oci:base:one", "--simulate", "--include", packages.joined(separator: ","), "trixie",
          "none",
        ]
          + sources, environment: ["GARBOARD_CACHE=\(try Self.cache.get().path)"], in: folder.path)
      #expect(ours.status.isSuccess, "\(ours.errorText)")
      let names = ours.text.split(separator: "\n").dropFirst().map { line in
        line.split(separator: " ").prefix(2).joined(separator: "=")
      }
      #expect(names.sorted() == (try oracle.install(packages)), "\(packages)")
    }
  }
}
