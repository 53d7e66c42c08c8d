import Posix
import SystemPackage
import TestSupport
import Testing

/// The main job, from the machine's own mirror to a running container. Needs root.
@Suite("A Debian base image as root", .serialized)
struct BaseImageTests {
  /// Packages for all tests, fetched once.
  private static let cache = Result { try TemporaryDirectory() }

  private func cache() throws -> String { "GARBOARD_CACHE=\(try Self.cache.get().path)" }

  @Test("is made twice the same, checked by outside tools, and runs in podman")
  func runs() throws {
    let folder = try TemporaryDirectory()
    let first = try garboard(
      "garboard-bootstrap", "trixie", "one.oci.tar", "-t", "debian:trixie", "--lock", "lock",
      environment: [try cache()], in: folder.path)
    #expect(first.status.isSuccess, "\(first.errorText)")
    let lines = first.errorText.split(separator: "\n")
    #expect(
      lines.first?.hasPrefix("one.oci.tar  debian:trixie  linux/amd64  sha256:") == true, "\(first.errorText)"
    )
    #expect(lines.last?.contains("total") == true)
    let second = try garboard(
      "garboard-bootstrap", "--jobs", "1", "-t", "debian:trixie", "--storage", "disk", "--locked", "lock",
      "--offline", "trixie", "two.oci.tar",
      environment: ["TZ=Asia/Kathmandu", "LC_ALL=C", try cache()], in: folder.path)
    #expect(second.status.isSuccess, "\(second.errorText)")
    try Tool.check("cmp", ["one.oci.tar", "two.oci.tar"], in: folder.path)

    // What is wrong with an installed file, dpkg prints; its exit status says nothing.
    let script = """
      set -e
      cat /etc/debian_version
      apt-get check
      dpkg -l
      test -z "$(dpkg --verify)" && test -z "$(dpkg --audit)"
      apt-get update
      apt-get install -y --no-install-recommends curl
      curl --version
      test -z "$(dpkg --verify)" && test -z "$(dpkg --audit)"
      apt-get check
      echo all is well
      """
    let images = try verify(
      image: "oci-archive:" + folder.appending("one.oci.tar").string,
      running: .command(["/bin/sh", "-c", script]))
    let output = try #require(images.first?.output)
    #expect(images.count == 1 && images[0].platform == "linux/amd64")
    #expect(output.hasPrefix("13"), "\(output.prefix(200))")
    #expect(output.contains("ii  dpkg "), "\(output.suffix(300))")
    #expect(output.hasSuffix("all is well\n"), "\(output.suffix(300))")
    // What dpkg says is there is what a report attributes to packages.
    let installed = output.split(separator: "\n").filter { $0.hasPrefix("ii ") }.count
    let report = try garboard(
      "garboard-report", "--by", "package", "--top", "500", "one.oci.tar", in: folder.path)
    #expect(report.status.isSuccess, "\(report.errorText)")
    for name in ["perl-base", "dpkg", "libc6"] { #expect(report.text.contains(name)) }
    #expect(installed > 70 && installed < 100)
    let broken = try garboard(
      "garboard-report", "-q", "--budget", "total<1MB", "one.oci.tar", in: folder.path)
    #expect(broken.status == .exited(1))
    #expect(broken.errorText.contains("total<1MB"))
  }

  @Test("by the engine mmdebstrap is the same, entry by entry")
  func byMmdebstrap() throws {
    let folder = try TemporaryDirectory()
    var trees: [TreeListing] = []
    for engine in ["mmdebstrap", "native"] {
      let made = try garboard(
        "garboard-bootstrap", "-q", "--engine", engine, "--variant", "apt", "--source-date-epoch",
        "1790000000",
        "trixie", engine + ".tar", environment: [try cache()], in: folder.path)
      #expect(made.status.isSuccess, "\(made.errorText)")
      trees.append(try TreeListing.ofTar(folder.appending(engine + ".tar")))
    }
    #expect(trees[0].lines.count > 4000)
    #expect(trees[0].differences(trees[1], ignoring: .directoryTimes) == [])
  }

  @Test("takes its mirrors from standard input, and its packages from the cache alone")
  func offline() throws {
    let folder = try TemporaryDirectory()
    let own = "GARBOARD_CACHE=" + folder.appending("cache").string
    let archive = try DebianArchive(packages: [.init("one", fields: ["Depends: two"]), .init("two")])
    let server = try ArchiveServer(archive.folder)
    let line = "deb [signed-by=\(archive.keyring)] \(server.url) \(archive.suite) main\n"
    func make(_ file: String, _ options: [String]) throws -> Tool.Result {
      try garboard(
        "garboard-bootstrap",
        options + ["--variant", "extract", "--include", "one", archive.suite, file, "-"],
        input: Array(line.utf8), environment: [own], in: folder.path)
    }
    let refused = try make("zero.tar", ["--offline"])
    #expect(refused.status == .exited(1))
    #expect(refused.errorText.contains("--offline forbids to fetch it"), "\(refused.errorText)")
    let first = try make("one.tar", ["--lock", "lock"])
    #expect(first.status.isSuccess, "\(first.errorText)")
    let asked = server.paths.count
    #expect(asked > 2)
    for (number, options) in [["--offline"], ["--locked", "lock"]].enumerated() {
      let again = try make("again-\(number).tar", options)
      #expect(again.status.isSuccess, "\(again.errorText)")
      try Tool.check("cmp", ["one.tar", "again-\(number).tar"], in: folder.path)
    }
    #expect(server.paths.count == asked)
    #expect(
      try Tool.check("tar", ["-tf", "one.tar"], in: folder.path).text.contains("var/lib/dpkg/info/two.list"))
  }

  @Test("of packages that are only unpacked needs no privilege, and has the same bytes")
  func unprivileged() throws {
    let folder = try TemporaryDirectory()
    let archive = try DebianArchive(packages: [
      .init("one", fields: ["Depends: two"], files: [("usr/bin/one", "#!/bin/sh\n"), ("etc/one", "1\n")]),
      .init("two", scripts: [("postinst", "#!/bin/sh\nexit 1\n")]),
    ])
    let server = try ArchiveServer(archive.folder)
    let script = """
      cp "$0" tool; cp "$1" keys.asc; mkdir out own; chown 65534:65534 out; chmod 755 . tool; chmod 644 keys.asc
      make() {
        "$@" ./tool -q --variant extract --include one --keyring keys.asc --source-date-epoch 1700000000 \
          --cache "$where/cache" trixie "$where/x.tar" "$url"
      }
      url=$2; export TMPDIR=$PWD/own
      where=own; make env
      where=out; export TMPDIR=$PWD/out; make setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs
      cmp own/x.tar out/x.tar
      stat -c %u out/x.tar
      ls -A out
      """
    let result = try Tool.check(
      "sh",
      [
        "-euc", script, try productsDirectory().appending("garboard-bootstrap").string,
        archive.keyring.string, server.url,
      ], in: folder.path)
    #expect(result.text == "65534\ncache\nx.tar\n")
    let owners = try Tool.check(
      "tar", ["--numeric-owner", "-tvf", "out/x.tar", "usr/bin/one"], in: folder.path)
    #expect(owners.text.contains(" 0/0 "), "\(owners.text)")
  }

  @Test("comes from a pipe into podman")
  func piped() throws {
    let folder = try TemporaryDirectory()
    let script = """
      set -e
      umount /sys/fs/cgroup/unified 2>/dev/null || true
      garboard-bootstrap --variant essential trixie root.tar
      garboard-import root.tar base:1 -c 'CMD ["/bin/cat", "/etc/debian_version"]' - |
        podman --root "$PWD/storage" --runroot "$PWD/run" load
      podman --root "$PWD/storage" --runroot "$PWD/run" run --rm --cgroups=disabled --network=host \\
        --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 docker.io/library/base:1
      """
    let products = try productsDirectory()
    let result = try Tool.run(
      "unshare", ["-m", "sh", "-c", script],
      environment: [
        "PATH=\(products.string):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", try cache(),
      ],
      in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
    #expect(result.text.split(separator: "\n").last?.hasPrefix("13") == true, "\(result.text)")
  }

  @Test(
    "that can't be made is one line that says why",
    arguments: [
      ("native", ["nosuchsuite", "x.oci.tar"], "nosuchsuite"),
      ("native", ["--include", "no-such-package", "trixie", "x.oci.tar"], "no-such-package"),
      ("native", ["trixie", "x.oci.tar", "http://127.0.0.1:1/debian"], "127.0.0.1:1"),
      ("native", ["--arch", "vax", "trixie", "x.oci.tar"], "vax"),
      ("mmdebstrap", ["nosuchsuite", "x.oci.tar"], "nosuchsuite"),
      ("mmdebstrap", ["--include", "no-such-package", "trixie", "x.oci.tar"], "no-such-package"),
    ])
  func refused(_ engine: String, _ arguments: [String], _ reason: String) throws {
    let folder = try TemporaryDirectory()
    let result = try garboard(
      "garboard-bootstrap", ["--engine", engine] + arguments, environment: [try cache()], in: folder.path)
    #expect(result.status == .exited(1))
    #expect(result.errorText.contains(reason), "\(result.errorText)")
    // The engine native says it in one line; what a program said itself stands below ours.
    #expect(engine != "native" || result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
    #expect(result.errorText.contains("garboard-bootstrap: error: "))
    #expect(try Tool.check("ls", ["-A", folder.path.string]).text == "")
  }
}
