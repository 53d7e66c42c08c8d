import Archive
import Codec
import Digest
import Dockerfile
import Glibc
@testable import Image
import OCI
import Posix
import SystemPackage
import Testing
import TestSupport

/// What we write is read by us and by the tools of the world.
@Suite struct StoreTests {
  static let forms = ["oci:", "oci-archive:", "docker-archive:"]

  @Test(arguments: forms, [CompressionSettings.default, CompressionSettings(.zstd), .none])
  func everyFormComesBack(_ form: String, _ compression: CompressionSettings) throws {
    let directory = try TemporaryDirectory()
    let place = form + directory.appending("out").string
    let outputs = try ImageFixture.write(to: [place], tags: ["debian:trixie"], compression: compression)
    let source = try ImageSource(ImageLocation(place, for: .input))
    let image = try source.select(name: "trixie")
    #expect(image.digest == outputs.first?.digest)
    #expect(
      image.names == ["docker.io/library/debian:trixie", "trixie"] || image.names.contains("debian:trixie"))
    #expect(try source.select(name: "docker.io/library/debian:trixie").digest == image.digest)
    #expect(try source.select(name: "debian:trixie").digest == image.digest)
    #expect(try image.validate() == [])
    #expect(
      image.layers.map(\.descriptor.mediaType.compression?.rawValue) == [
        compression.format.rawValue, compression.format.rawValue,
      ])
    #expect(image.config.content.runtime.command == ["/hello"])
    for layer in image.layers {
      #expect(try SHA256.digest(ImageFixture.bytes(layer)) == layer.descriptor.digest)
    }
  }

  @Test(arguments: forms)
  func skopeoReads(_ form: String) throws {
    let directory = try TemporaryDirectory()
    let path = directory.appending("out").string
    let digest = try ImageFixture.write(to: [form + path], tags: ["debian:trixie"]).first?.digest.description
    let place = form == "docker-archive:" ? form + path + ":debian:trixie" : form + path + ":trixie"
    let inspected = try json(Tool.check("skopeo", ["inspect", place]))
    #expect(inspected["Layers"].array?.count == 2)
    #expect(inspected["Architecture"] == .string("amd64"))
    #expect(inspected["Created"] == .string("2023-11-14T22:13:20Z"))
    if form != "docker-archive:" { #expect(inspected["Digest"].string == digest) }
    // Copying reads and verifies every blob.
    try Tool.check("skopeo", ["copy", "-q", place, "dir:" + directory.appending("copy").string])
  }

  @Test func umociUnpacks() throws {
    let directory = try TemporaryDirectory()
    try ImageFixture.write(to: ["oci:" + directory.appending("out").string], tags: ["debian:trixie"])
    try Tool.check(
      "umoci",
      [
        "raw", "unpack", "--image", directory.appending("out").string + ":trixie",
        directory.appending("root").string,
      ])
    #expect(try readBytes(directory.appending("root/hello")) == Array("hello".utf8))
    #expect(try readBytes(directory.appending("root/etc/two")) == Array("2\n".utf8))
  }

  @Test(arguments: [CompressionSettings.default, CompressionSettings(.zstd)])
  func podmanLoadsAsRoot(_ compression: CompressionSettings) throws {
    let directory = try TemporaryDirectory()
    let podman = try Podman()
    for form in ["oci-archive:", "docker-archive:"] {
      let path = directory.appending("out-" + form.dropLast()).string
      try ImageFixture.write(
        to: [form + path], tags: ["local/\(form.dropLast()):t"], text: form, compression: compression)
      let loaded = try podman.check(["load", "-i", path])
      let name = form == "docker-archive:" ? "local/docker-archive:t" : "t"
      #expect(loaded.text.contains(name), "\(loaded.text)")
    }
    let listed = try json(podman.check(["images", "--format", "json"]))
    #expect(listed.array?.count == 2)
  }

  @Test func severalDestinationsHoldTheSame() throws {
    let directory = try TemporaryDirectory()
    let names = ["a.oci.tar", "layout", "b.docker.tar", "layout-2"].map { directory.appending($0).string }
    let outputs = try ImageFixture.write(to: names, tags: ["x:1", "y:2"])
    #expect(outputs.count == 4)
    #expect(Set(outputs.map(\.digest)).count == 1)
    for name in names {
      let source = try ImageSource(ImageLocation(name, for: .input))
      #expect(source.images.count == 1)
      #expect(try source.select(name: "x:1").validate() == [])
      #expect(try source.select(name: "docker.io/library/y:2").digest == outputs.first?.digest)
    }
    #expect(throws: ImageError.self) { try ImageFixture.write(to: [names[0], names[0]]) }
  }

  @Test func archivesAreTheSameEachTime() throws {
    let directory = try TemporaryDirectory()
    let old = umask(0o077)
    try ImageFixture.write(to: [directory.appending("1.docker.tar").string], tags: ["x"])
    umask(old)
    try ImageFixture.write(to: [directory.appending("2.docker.tar").string], tags: ["x"])
    #expect(
      try readBytes(directory.appending("1.docker.tar")) == readBytes(directory.appending("2.docker.tar")))
    let listing = try Tool.check(
      "tar", ["--utc", "--numeric-owner", "-tvf", directory.appending("1.docker.tar").string]
    ).text
    for line in listing.split(separator: "\n") {
      #expect(line.contains(" 0/0 ") && line.contains("1970-01-01 00:00"), "\(line)")
    }
    #expect(
      listing.split(separator: "\n").map { $0.split(separator: " ").last ?? "" }.prefix(3) == [
        "oci-layout", "blobs/", "blobs/sha256/",
      ])
  }

  @Test func schemasAccept() throws {
    let directory = try TemporaryDirectory()
    let layout = directory.appending("layout")
    let outputs = try ImageFixture.write(
      to: ["oci:" + layout.string], tags: ["x:1"],
      changes: [
        "ENV A=b", "EXPOSE 80", "VOLUME /v", "LABEL a=b", "USER u", "WORKDIR /w", "STOPSIGNAL 9",
        "ENTRYPOINT x",
        "HEALTHCHECK --interval=1s CMD x", "ONBUILD RUN x", "SHELL [\"a\"]",
      ])
    let image = try ImageSource(ImageLocation("oci:" + layout.string, for: .input)).select()
    let blobs = "blobs/sha256/"
    let documents = [
      ("image-layout-schema.json", "oci-layout"), ("image-index-schema.json", "index.json"),
      ("image-manifest-schema.json", blobs + image.digest.hex),
      ("config-schema.json", blobs + image.config.digest.hex),
    ]
    #expect(outputs.first?.digest == image.digest)
    for (schema, file) in documents {
      try Schema.check(layout.appending(FilePath(file).components), against: schema)
    }
    // The check can fail.
    let bad = try directory.write("bad.json", #"{"schemaVersion":2,"manifests":[{"digest":1}]}"#)
    #expect(throws: ToolFailure.self) { try Schema.check(bad, against: "image-index-schema.json") }
  }

  @Test func blobsOver8GiBHaveAHeaderThatTarReads() throws {
    let directory = try TemporaryDirectory()
    let size: UInt64 = 9 << 30
    let archive = try directory.write("large.tar", ArchiveDestination.header("blobs/large", size: size))
    // The data is a hole; what follows it is an entry that readers only find when they read the size right.
    try Tool.check("truncate", ["-s", String(512 + size), archive.string])
    let end = try directory.write(
      "end", ArchiveDestination.header("next", size: 0) + [UInt8](repeating: 0, count: 1024))
    try Tool.check("sh", ["-c", "cat \"$1\" >> \"$2\"", "sh", end.string, archive.string])
    for program in ["tar", "bsdtar"] {
      let listing = try Tool.check(program, ["-tvf", archive.string]).text
      #expect(listing.contains(" \(size) ") && listing.contains("next"), "\(listing)")
    }
    let names = try Tool.python(
      "import sys, tarfile; print([(m.name, m.size) for m in tarfile.open(sys.argv[1])])", [archive.string])
    #expect(names.text == "[('blobs/large', \(size)), ('next', 0)]\n")
    let file = try openFile(archive, .read)
    let reader = TarReader(RangeSource(file.raw, offset: 0, count: try file.size()))
    #expect(try reader.next()?.size == size)
    #expect(try reader.next()?.path == EntryPath("next"))
    // The largest size that pax and ustar write alike is written their way.
    let plain = try ArchiveDestination.header("x", size: 1 << 33 - 1)
    #expect(plain[124..<136].elementsEqual("77777777777\0".utf8))
  }
}

/// The JSON schemas of the OCI image specification.
enum Schema {
  private static let folder = "/usr/share/gocode/src/github.com/opencontainers/image-spec/schema/"

  private static let script = """
    import json, os, sys
    try:
        import jsonschema
    except ImportError:
        sys.exit("install the Debian package python3-jsonschema")
    folder, name, file = sys.argv[1:]
    if not os.path.exists(folder + name):
        sys.exit("install the Debian package golang-github-opencontainers-image-spec-dev")
    schema = json.load(open(folder + name))
    class Local(jsonschema.RefResolver):
        # Schemas name each other by addresses on the web.
        def resolve_remote(self, address):
            return json.load(open(folder + address.rsplit("/", 1)[1]))
    resolver = Local.from_schema(schema)
    validator = jsonschema.Draft4Validator(schema, resolver=resolver, format_checker=jsonschema.FormatChecker())
    errors = [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(json.load(open(file)))]
    sys.exit("\\n".join(errors) or 0)
    """

  /// Fails when the document in a file is not as the schema says.
  static func check(_ file: FilePath, against schema: String) throws {
    _ = try Tool.python(script, [folder, schema, file.string])
  }
}
