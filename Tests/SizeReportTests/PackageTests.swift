import Archive
import Posix
import SizeReport
import SystemPackage
import TestSupport
import Testing

@Suite("Which package owns which bytes")
struct PackageOwnershipTests {
  /// Installs packages by dpkg itself into a merged-/usr tree, and says with `dpkg-query --listfiles` how
  /// many bytes each has. Needs root.
  private static let script = #"""
    import os, subprocess, sys, tarfile
    top = sys.argv[1]
    os.chdir(top)
    os.makedirs("root/usr/bin"); os.makedirs("root/usr/lib")
    for name in ("bin", "lib"): os.symlink("usr/" + name, "root/" + name)
    os.makedirs("root/opt"); os.symlink("../usr/share/elsewhere", "root/opt/away")
    def package(name, files, architecture="all", more="", links=()):
        tree = "build-" + name + architecture
        os.makedirs(tree + "/DEBIAN")
        with open(tree + "/DEBIAN/control", "w") as f:
            f.write("Package: %s\nVersion: 1:%s-1\nArchitecture: %s\nMaintainer: T <t@example.org>\n%sDescription: d\n more\n"
                    % (name, "2.0+b", architecture, more))
        for path, size in files.items():
            os.makedirs(os.path.dirname(tree + path), exist_ok=True)
            with open(tree + path, "wb") as f: f.write(b"x" * size)
        for target, path in links: os.link(tree + target, tree + path)
        with open(tree + "/DEBIAN/conffiles", "w") as f:
            f.writelines(p + "\n" for p in files if p.startswith("/etc/"))
        subprocess.check_call(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, tree + ".deb"], stdout=subprocess.DEVNULL)
        return tree + ".deb"
    debs = [
        package("old-paths", {"/bin/tool": 101, "/lib/deep/er/x.so.1": 203, "/usr/share/doc/old-paths/copyright": 7}),
        package("new-paths", {"/usr/bin/other": 307, "/usr/lib/deep/er/y.so": 409, "/etc/new.conf": 11}),
        package("linked", {"/usr/bin/l1": 503}, links=[("/usr/bin/l1", "/usr/bin/l2")]),
        package("through-link", {"/opt/away/z": 601}),
        package("same", {"/usr/lib/t1/s": 701}, "amd64", "Multi-Arch: same\n"),
        package("empty", {}),
        package("gone", {"/usr/share/gone": 809, "/etc/gone.conf": 13}),
    ]
    os.makedirs("root/usr/share/elsewhere")
    os.makedirs("root/var/lib/dpkg/info"); os.makedirs("root/var/lib/dpkg/updates")
    open("root/var/lib/dpkg/status", "w").close()
    base = ["dpkg", "--root=root", "--log=/dev/null", "--force-not-root", "--force-architecture"]
    environment = dict(os.environ, PATH="/usr/sbin:/usr/bin:/sbin:/bin", DPKG_MAINTSCRIPT_DEBUG="")
    subprocess.check_call(base + ["--install"] + debs, stdout=subprocess.DEVNULL, env=environment)
    subprocess.check_call(base + ["--remove", "gone"], stdout=subprocess.DEVNULL, env=environment)
    with open("root/usr/bin/nobody", "wb") as f: f.write(b"x" * 907)
    query = ["dpkg-query", "--admindir=root/var/lib/dpkg"]
    for line in subprocess.check_output(query + ["-W", "-f", "${binary:Package}\t${Package}\t${Version}\t${Status}\n"], text=True).splitlines():
        binary, name, version, status = line.split("\t")
        if not status.endswith(" installed"): continue
        seen, total = set(), 0
        for path in subprocess.check_output(query + ["-L", binary], text=True).splitlines():
            real = os.path.realpath("root" + path)
            if os.path.isfile(real):
                s = os.stat(real)
                if s.st_ino not in seen:
                    seen.add(s.st_ino); total += s.st_size
        print("%s %s %d %d" % (name, version, len(seen), total))
    with tarfile.open("tree.tar", "w") as tar: tar.add("root", ".")
    """#

  @Test("The bytes of each package are those of dpkg's own lists (needs root)")
  func dpkg() throws {
    _ = try Tool.find("dpkg-deb")
    let folder = try TemporaryDirectory()
    let truth = try Tool.python(Self.script, [folder.path.string]).text.split(separator: "\n").map(
      String.init)
    let report = try ImageReport(of: [ReportedLayer(tar: try readBytes(folder.appending("tree.tar")))])
    let shares = report.shares(by: .package)
    var ours: [String] = []
    for package in report.packages where package.version != nil {
      let share = shares.first { $0.name == package.name }
      ours.append("\(package.name) \(package.version ?? "") \(share?.files ?? 0) \(share?.bytes ?? 0)")
    }
    #expect(ours == truth.sorted())
    #expect(truth.count == 6)
    // A removed package still lists its configuration.
    #expect(report.bytes(ofPackage: "gone") == 13)
    #expect(report.bytes(ofPackage: "missing") == nil)
    #expect(
      report.largestFiles(2).map(\.package) == ["same", nil] || report.largestFiles(1)[0].package == nil)
    let unowned = try #require(shares.first { $0.name == "(none)" })
    #expect(unowned.bytes >= 907)
    #expect(shares.reduce(0) { $0 + $1.bytes } == report.totals.bytes)
    #expect(report.notices == [])
  }

  @Test("An upper layer's database counts, and what it removed is gone")
  func upperDatabase() throws {
    var lower = HandmadeTar()
    lower.add("var/lib/dpkg/status", data: "Package: p\nStatus: install ok installed\nVersion: 1\n\n")
    lower.add("var/lib/dpkg/info/p.list", data: "/.\n/usr\n/usr/a\n/usr/b\n")
    lower.add("usr/a", data: String(repeating: "x", count: 10))
    lower.add("usr/b", data: String(repeating: "x", count: 20))
    var upper = HandmadeTar()
    upper.add(
      "var/lib/dpkg/status",
      data: "Package: q\nStatus: install ok installed\nVersion: 2\n\nPackage: p\nStatus: x ok not-installed\n"
    )
    upper.add("var/lib/dpkg/info/.wh.p.list")
    upper.add("var/lib/dpkg/info/q:amd64.list", data: "/usr/b\n/usr/missing\n\n/../bad\n")
    upper.add("usr/.wh.a")
    let report = try ImageReport(of: [lower, upper].map { ReportedLayer(tar: $0.finished) })
    #expect(report.packages.map { "\($0.name) \($0.version ?? "-")" } == ["q 2"])
    #expect(report.bytes(ofPackage: "q") == 20)
    #expect(report.mostWasted(1).map(\.path.description) == ["var/lib/dpkg/status"])
  }

  @Test("Distroless: a paragraph and sums for each package")
  func distroless() throws {
    var tar = HandmadeTar()
    tar.add("var/lib/dpkg/status.d/bGliYzY", data: "Package: libc6\nVersion: 2.36\nDescription: C\n more\n")
    tar.add(
      "var/lib/dpkg/status.d/bGliYzY.md5sums",
      data: "d41d8cd98f00b204e9800998ecf8427e  lib/x.so\nd41d8cd98f00b204e9800998ecf8427e  usr/share/y\n")
    tar.add("var/lib/dpkg/status.d/base", data: "Package: base-files\nVersion: 12\n")
    tar.add("lib", type: "2", link: "/usr/lib")
    tar.add("usr/lib/x.so", data: "12345")
    tar.add("usr/share/y", data: "123")
    let report = try ImageReport(of: [ReportedLayer(tar: tar.finished)])
    #expect(report.bytes(ofPackage: "libc6") == 8)
    #expect(report.bytes(ofPackage: "base-files") == 0)
    #expect(report.packages.map(\.version) == ["12", "2.36"])
  }

  @Test("Symlinks in a circle and out of the tree lead nowhere, and nothing fails")
  func circles() throws {
    var tar = HandmadeTar()
    tar.add("var/lib/dpkg/info/p.list", data: "/loop/a\n/up/etc/x\n/etc/x/y\n/\n\0\n")
    tar.add("loop", type: "2", link: "loop2")
    tar.add("loop2", type: "2", link: "./loop/")
    tar.add("up", type: "2", link: "../../..")
    tar.add("etc/x", data: "123")
    let report = try ImageReport(of: [ReportedLayer(tar: tar.finished)])
    // As in a chroot: above the root is the root.
    #expect(report.bytes(ofPackage: "p") == 3)
  }

  @Test("A status file that is none is said, and loses only the versions")
  func malformed() throws {
    var tar = HandmadeTar()
    tar.add("var/lib/dpkg/status", data: "what is this\n")
    tar.add("var/lib/dpkg/info/p.list", data: "/a\n")
    tar.add("a", data: "123")
    let report = try ImageReport(of: [ReportedLayer(tar: tar.finished)])
    #expect(report.packages.map { "\($0.name) \($0.version ?? "-")" } == ["p -"])
    #expect(report.bytes(ofPackage: "p") == 3)
    #expect(report.notices.count == 1)
    #expect(report.notices.first?.hasPrefix("var/lib/dpkg/status:1: ") == true)
  }
}
