import Posix
import SystemPackage
import TestSupport
import Testing

/// Every rule on a real Debian tree, judged by dpkg, apt, find and podman. Needs root.
@Suite("garboard-squash --shrink on Debian")
struct ShrinkDebianTests {
  /// What find(1) says that all rules leave out of a tree.
  private static let goneScript = """
    {
      find usr/share/man -mindepth 1 ! \\( -type d -path 'usr/share/man/man*' ! -path 'usr/share/man/*/*' \\)
      find usr/share/info usr/share/lintian/overrides usr/share/doc-base usr/share/help -mindepth 1
      find usr/share/doc -mindepth 2
      find usr/share/locale usr/lib/locale -mindepth 1 ! -path usr/share/locale/locale.alias \\
        ! -path 'usr/lib/locale/C.utf8*'
      find var/lib/apt/lists var/cache root/.cache -type f ! -path 'var/cache/debconf/*.dat'
      find var/log -type f ! -name wtmp ! -name btmp
    } 2>/dev/null | sort -u
    """

  @Test("All rules: dpkg misses nothing, apt works, and all else is as it was")
  func allRules() throws {
    let folder = try TemporaryDirectory()
    let made = try garboard("garboard-bootstrap", "-q", "trixie", "plain.tar", in: folder.path)
    #expect(made.status.isSuccess, "\(made.errorText)")
    let before = folder.appending("before")
    try TreeBuilder.shell(
      """
      mkdir before; tar -C before -xpf plain.tar --numeric-owner --xattrs --xattrs-include='*'
      cd before
      mkdir -p root/.cache/pip var/log/apt
      echo log >var/log/apt/history.log; echo log >var/log/dpkg.log
      ln -s /dev/stdout var/log/access.log
      echo cache >var/cache/apt/pkgcache.bin; echo pip >root/.cache/pip/wheel
      echo list >var/lib/apt/lists/example.org_InRelease
      """, in: folder.path)
    for command in [
      ["garboard-import", "-q", "before/", "-t", "x:1", "-o", "x.oci.tar"],
      [
        "garboard-squash", "-q", "--shrink", "all", "--shrink", "copyright", "x.oci.tar", "-o", "s.oci.tar",
        "--report", "report.json",
      ],
    ] {
      let result = try garboard(command[0], Array(command.dropFirst()), in: folder.path)
      #expect(result.status.isSuccess, "\(result.errorText)")
    }
    let expected = try Tool.check("sh", ["-c", Self.goneScript], in: before).text
      .split(separator: "\n").map(String.init)
    #expect(expected.count > 1000)

    let script = "dpkg --verify; apt-get check >&2; dpkg -l | tail -n +6"
    let images = try verify(
      image: "oci-archive:\(folder.appending("s.oci.tar"))", running: .command(["/bin/sh", "-ec", script]))
    let image = try #require(images.first)
    let packages = try Tool.check("sh", ["-c", "chroot before dpkg -l | tail -n +6"], in: folder.path).text
    #expect(packages.split(separator: "\n").count > 50)
    #expect(image.output == packages, "dpkg --verify finds something, or the packages differ")

    let differences = try TreeListing.of(before).differences(image.tree, ignoring: [.nanoseconds])
    let gone = differences.filter { $0.hasPrefix("- ") }.compactMap {
      $0.split(separator: " ").dropFirst().first
    }
    #expect(Set(gone.map(String.init)) == Set(expected))
    for line in differences where !line.hasPrefix("- ") {
      let isList =
        line.hasPrefix("~ var/lib/dpkg/info/") && (line.contains(".list ") || line.contains(".md5sums "))
      #expect(isList && !line.contains("mode:") && !line.contains("mtime:"), "\(line)")
    }

    // Bytes and paths that are said to be saved, as find and stat see them.
    let said = try Tool.python(
      """
      import json, sys; s = json.load(open(sys.argv[1]))["images"][0]["savings"]
      print(sum(x["paths"] for x in s), sum(x["bytes"] for x in s), len(s), min(x["bytes"] >= 0 for x in s))
      """, [folder.appending("report.json").string]
    ).text.split(separator: " ").map(String.init)
    #expect(said.first == "\(expected.count)")
    let bytes = try Tool.python(
      """
      import os, sys; seen = {}
      for p in sys.stdin.read().split("\\n"):
          s = os.lstat(os.path.join(sys.argv[1], p))
          if p and os.path.isfile(os.path.join(sys.argv[1], p)) and not os.path.islink(os.path.join(sys.argv[1], p)):
              seen[s.st_ino] = s.st_size
      print(sum(seen.values()))
      """, [before.string], input: Array(expected.joined(separator: "\n").utf8)
    ).text
    #expect(said.dropFirst().first == bytes.split(separator: "\n").first.map(String.init))

    // The paths of every list are there, as far as they were before.
    let lists =
      "cat var/lib/dpkg/info/*.list | sort -u | while read -r p; do [ -e \".$p\" ] || [ -L \".$p\" ] || echo $p; done"
    let after = folder.appending("after")
    let flat = try garboard("garboard-squash", "-q", "s.oci.tar", "rootfs:after", in: folder.path)
    #expect(flat.status.isSuccess, "\(flat.errorText)")
    let missingBefore = try Tool.check("sh", ["-c", lists], in: before).text
    #expect(try Tool.check("sh", ["-c", lists], in: after).text == missingBefore)

    // That dpkg says something of the like: without the lists' change it does.
    try Tool.check(
      "sh", ["-ec", "xargs -d '\\n' rm -rf"], input: Array(expected.joined(separator: "\n").utf8), in: before)
    let verified = try Tool.run("dpkg", ["--root=\(before)", "--verify"])
    #expect(verified.text.contains("missing     /usr/share/doc/bash/copyright"))
  }
}
