import Posix
import SystemPackage
import TestSupport
import Testing

/// The main job, from the machine's own mirror to a running container. Needs root.
@Suite("A Debian base image as root", .serialized)
struct BaseImageTests {
  @Test("is made twice the same, checked by outside tools, and runs in podman")
  func runs() throws {
    let folder = try TemporaryDirectory()
    let first = try garboard(
      "garboard-bootstrap", "trixie", "one.oci.tar", "-t", "debian:trixie", in: folder.path)
    #expect(first.status.isSuccess, "\(first.errorText)")
    let lines = first.errorText.split(separator: "\n")
    #expect(
      lines.first?.hasPrefix("one.oci.tar  debian:trixie  linux/amd64  sha256:") == true, "\(first.errorText)"
    )
    #expect(lines.last?.contains("total") == true)
    let second = try garboard(
      "garboard-bootstrap", "--jobs", "1", "-t", "debian:trixie", "trixie", "two.oci.tar",
      environment: ["TZ=Asia/Kathmandu", "LC_ALL=C"], in: folder.path)
    #expect(second.status.isSuccess, "\(second.errorText)")
    try Tool.check("cmp", ["one.oci.tar", "two.oci.tar"], in: folder.path)

    let script = "cat /etc/debian_version && apt-get update && dpkg -l"
    let images = try verify(
      image: "oci-archive:" + folder.appending("one.oci.tar").string,
      running: .command(["/bin/sh", "-c", script]))
    let output = try #require(images.first?.output)
    #expect(images.count == 1 && images[0].platform == "linux/amd64")
    #expect(output.hasPrefix("13"), "\(output.prefix(200))")
    #expect(output.contains("ii  dpkg "), "\(output.suffix(300))")
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
      environment: ["PATH=\(products.string):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
    #expect(result.text.split(separator: "\n").last?.hasPrefix("13") == true, "\(result.text)")
  }

  @Test(
    "that can't be made is one line that says why",
    arguments: [
      (["nosuchsuite", "x.oci.tar"], "nosuchsuite"),
      (["--include", "no-such-package", "trixie", "x.oci.tar"], "no-such-package"),
      (["trixie", "x.oci.tar", "http://127.0.0.1:1/debian"], "127.0.0.1:1"),
      (["--arch", "vax", "trixie", "x.oci.tar"], "vax"),
    ])
  func refused(_ arguments: [String], _ reason: String) throws {
    let folder = try TemporaryDirectory()
    let result = try garboard("garboard-bootstrap", arguments, in: folder.path)
    #expect(result.status == .exited(1))
    #expect(result.errorText.contains(reason), "\(result.errorText)")
    #expect(result.errorText.contains("garboard-bootstrap: error: "))
    #expect(try Tool.check("ls", ["-A", folder.path.string]).text == "")
  }
}
