import Image
import OCI
import SystemPackage
import Testing
import TestSupport

@Suite struct LocationTests {
  static let digest = "sha256:" + String(repeating: "0", count: 64)

  static let outputs: [(String, ImageLocation)] = [
    ("oci:a/b", .layout("a/b", name: nil)),
    ("oci:a/b:t", .layout("a/b", name: "t")),
    ("oci:a:host/n:t", .layout("a", name: "host/n:t")),
    ("oci-archive:f.tar:1.0", .ociArchive("f.tar", name: "1.0")),
    ("docker-archive:f.tar", .dockerArchive("f.tar", reference: nil)),
    ("rootfs:/a:b", .directory("/a:b")), ("tar:a:b.tar", .tar("a:b.tar")), ("-", .stream),
    ("x.oci.tar", .ociArchive("x.oci.tar", name: nil)),
    ("d/x.docker.tar", .dockerArchive("d/x.docker.tar", reference: nil)),
    ("x.tar", .tar("x.tar")), ("x.tar.gz", .tar("x.tar.gz")), ("x.tar.zst", .tar("x.tar.zst")),
    ("x.tar.xz", .tar("x.tar.xz")), ("x.tar.bz2", .tar("x.tar.bz2")), ("x.tgz", .tar("x.tgz")),
    ("dir", .layout("dir", name: nil)), ("out:tag", .layout("out", name: "tag")),
    ("./-", .layout("./-", name: nil)),
    ("x.tar.lz", .layout("x.tar.lz", name: nil)),
  ]

  @Test(arguments: outputs)
  func outputsByName(_ text: String, _ expected: ImageLocation) throws {
    let location = try ImageLocation(text, for: .output)
    #expect(location == expected)
    #expect(try ImageLocation(location.description, for: .output) == expected)
  }

  @Test func references() throws {
    let reference = try Reference("debian:trixie")
    #expect(
      try ImageLocation("docker-archive:f:debian:trixie", for: .output)
        == .dockerArchive("f", reference: reference))
    #expect(
      try ImageLocation("docker-archive:f:debian", for: .output)
        == .dockerArchive("f", reference: Reference("debian:latest")))
    #expect(try ImageLocation("docker://debian:trixie", for: .input) == .registry(reference))
    #expect(
      try ImageLocation("docker://h:5000/a@" + Self.digest, for: .input)
        == .registry(Reference("h:5000/a@" + Self.digest)))
  }

  @Test func inputsByContent() throws {
    let directory = try TemporaryDirectory()
    let file = try directory.write("f", "x").string
    let odd = try directory.write("f:g", "x").string
    #expect(try ImageLocation(file, for: .input) == .detected(directory.appending("f"), name: nil))
    #expect(try ImageLocation(file + ":t", for: .input) == .detected(directory.appending("f"), name: "t"))
    #expect(try ImageLocation(odd, for: .input) == .detected(directory.appending("f:g"), name: nil))
    #expect(try ImageLocation("missing:t", for: .input) == .detected("missing:t", name: nil))
  }

  @Test(arguments: [
    "", "oci:", "oci::t", "oci:d:", "oci:d:-x", "oci:d:a b", "oci:d:a//b", "oci-archive::t",
    "docker-archive:f:B@d",
    "docker://", "docker://UPPER", "containers-storage:x", "docker-daemon:x:y", "dir:x", "ostree:x@y", ":t",
  ])
  func refused(_ text: String) {
    #expect(throws: ImageError.self) { try ImageLocation(text, for: .output) }
  }
}
