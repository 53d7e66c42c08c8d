import Archive
import Digest
import Dockerfile
@testable import Image
import OCI
import Posix
import SystemPackage
import Testing
import TestSupport

/// Images that other tools wrote.
@Suite struct ForeignImageTests {
  static func read(_ location: String) throws -> ImageSource {
    try ImageSource(ImageLocation(location, for: .input))
  }

  static func good(_ source: ImageSource, layers: Int = 2) throws {
    #expect(source.images.count == 1)
    for image in source.images {
      #expect(image.layers.count == layers)
      #expect(try image.validate() == [])
      #expect(image.config.content.runtime.command == ["/hello"])
    }
  }

  @Test func skopeo() throws {
    let directory = try TemporaryDirectory()
    let ours = "oci:" + directory.appending("ours").string + ":t"
    try ImageFixture.write(to: [ours])
    let original = try Self.read(ours).select()
    let copies = [
      ("oci:\(directory.appending("a")):x/y:1", [String]()),
      ("oci-archive:\(directory.appending("b")):t", []),
      ("docker-archive:\(directory.appending("c")):a/b:c", []),
      ("oci:\(directory.appending("d")):z", ["--dest-compress-format", "zstd", "--dest-compress"]),
    ]
    for (place, options) in copies {
      try Tool.check("skopeo", ["copy", "-q"] + options + [ours, place])
      try Self.good(Self.read(place))
      let image = try Self.read(place).select()
      #expect(image.layers.map(\.diffID) == original.layers.map(\.diffID))
    }
    // A layout keeps the bytes that we wrote.
    #expect(try Self.read("oci:\(directory.appending("a"))").select(name: "x/y:1").digest == original.digest)
    // Without prefix all are told by their content.
    for name in ["a", "b", "c", "d"] { try Self.good(Self.read(directory.appending(name).string)) }
    #expect(
      try Self.read("docker-archive:\(directory.appending("c"))").select(name: "a/b:c").names == [
        "docker.io/a/b:c"
      ])
    #expect(throws: ImageError.self) { try Self.read("docker-archive:\(directory.appending("b"))") }
    #expect(throws: ImageError.self) { try Self.read("oci-archive:\(directory.appending("c"))") }
  }

  @Test func podmanAsRoot() throws {
    let directory = try TemporaryDirectory()
    let podman = try Podman()
    let ours = directory.appending("ours.docker.tar").string
    try ImageFixture.write(to: [ours], tags: ["a/b:c"])
    try podman.check(["load", "-i", ours])
    for format in ["docker-archive", "oci-archive"] {
      let path = directory.appending(format).string
      try podman.check(["save", "-q", "--format", format, "-o", path, "a/b:c"])
      try Self.good(Self.read(path))
      #expect(try Self.read(path).select(name: "a/b:c").validate() == [])
    }
    // Two images in one archive.
    try ImageFixture.write(
      to: [directory.appending("second.docker.tar").string], tags: ["d:e"], text: "other")
    try podman.check(["load", "-i", directory.appending("second.docker.tar").string])
    let both = directory.appending("both").string
    try podman.check(["save", "-q", "-m", "--format", "docker-archive", "-o", both, "a/b:c", "d:e"])
    let source = try Self.read(both)
    #expect(source.images.count == 2)
    #expect(try source.select(name: "d:e").config.digest != source.select(name: "a/b:c").config.digest)
    for image in source.images { #expect(try image.validate() == []) }
    let error = #expect(throws: ImageError.self) { try source.select() }
    #expect("\(error.map { "\($0)" } ?? "")".contains("docker.io/library/d:e"))
    #expect(throws: ImageError.self) { try source.select(name: "nobody") }
  }

  @Test func umoci() throws {
    let directory = try TemporaryDirectory()
    let layout = directory.appending("layout").string
    try Tool.check("umoci", ["init", "--layout", layout])
    try Tool.check("umoci", ["new", "--image", layout + ":t"])
    try directory.write("file", "text")
    try Tool.check(
      "umoci", ["insert", "--image", layout + ":t", directory.appending("file").string, "/file"])
    try Tool.check("umoci", ["config", "--image", layout + ":t", "--config.cmd", "/hello"])
    try Self.good(Self.read("oci:" + layout + ":t"), layers: 1)
  }

  @Test(arguments: ["gzip", "xz", "zstd", "bzip2"])
  func compressedAndPiped(_ program: String) throws {
    let directory = try TemporaryDirectory()
    let path = directory.appending("x.docker.tar")
    try ImageFixture.write(to: [path.string], tags: ["a:b"])
    try directory.write("plain", readBytes(path))
    let compressed = try Tool.check(program, ["-c", path.string]).output
    try Self.good(Self.read(directory.write("compressed", compressed).string))
    for name in ["compressed", "plain"] {
      var pipe = try Pipe()
      let writer = pipe.takeWriter().release()
      let bytes = try readBytes(directory.appending(name))
      let feeder = Worker {
        let writer = Descriptor(owning: writer)
        try bytes.withUnsafeBytes { try writer.write($0) }
      }
      let store = try ArchiveStore(pipe.takeReader(), place: "a pipe")
      try feeder.join()
      #expect(try store.read(file: "manifest.json", limit: 10_000)?.isEmpty == false)
    }
  }

  @Test func oldDockersLinks() throws {
    let directory = try TemporaryDirectory()
    let ours = "oci:" + directory.appending("ours").string + ":t"
    try ImageFixture.write(to: [ours])
    let archive = directory.appending("skopeo.tar").string
    try Tool.check("skopeo", ["copy", "-q", ours, "docker-archive:" + archive + ":a:b"])
    // Docker before 25 names the layers by directories, which may be links to each other.
    try makeDirectories(directory.appending("tree"))
    try Tool.check("tar", ["-xf", archive, "-C", directory.appending("tree").string])
    let script = """
      import json, os, sys
      os.chdir(sys.argv[1])
      manifest = json.load(open("manifest.json"))
      layers = []
      for name in os.listdir("."):
          if os.path.islink(name + "/layer.tar"):
              layers.append((manifest[0]["Layers"].index(os.readlink(name + "/layer.tar")[3:]), name + "/layer.tar"))
      manifest[0]["Layers"] = [name for _, name in sorted(layers)]
      json.dump(manifest, open("manifest.json", "w"))
      """
    try Tool.python(script, [directory.appending("tree").string])
    try Tool.check(
      "tar", ["-cf", directory.appending("old.tar").string, "-C", directory.appending("tree").string, "."])
    try Self.good(Self.read(directory.appending("old.tar").string))
  }

  @Test func attestationsAndMissingPlatforms() throws {
    let directory = try TemporaryDirectory()
    var image = HandmadeImage()
    let original = String(decoding: image.files.removeLast().bytes, as: UTF8.self)
    let zeros = HostileImageTests.zeros
    let attestation = image.add(
      Array(
        #"{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"\#(zeros)","size":2},"layers":[]}"#
          .utf8))
    let more = """
      {"mediaType":"\(MediaType.manifest)","digest":"\(zeros)","size":9,"platform":{"os":"linux","architecture":"s390x"}},\
      {"mediaType":"\(MediaType.manifest)","digest":"\(attestation)","size":1,\
      "platform":{"os":"unknown","architecture":"unknown"}},
      """
    let index = image.add(Array(original.replacing("\"manifests\":[", by: "\"manifests\":[" + more).utf8))
    let size = image.files.last?.bytes.count ?? 0
    image.set(
      "index.json",
      #"{"schemaVersion":2,"manifests":[{"mediaType":"\#(MediaType.index)","digest":"\#(index)","size":\#(size),"annotations":{"org.opencontainers.image.ref.name":"t"}}]}"#
    )
    let source = try ImageSource(.layout(image.layout(in: directory), name: nil))
    #expect(source.images.map(\.names) == [["t"]])
    #expect(source.others.map(\.digest) == [attestation])
    #expect(source.missing.compactMap(\.platform?.architecture) == ["s390x"])
    #expect(try source.select(name: "t").validate() == [])
  }

  @Test func copyingKeepsEveryByte() throws {
    let directory = try TemporaryDirectory()
    let from = "oci:" + directory.appending("from").string + ":t"
    try ImageFixture.write(to: [from])
    let image = try Self.read(from).select()
    let writer = try ImageWriter(destinations: [
      .dockerArchive(directory.appending("to"), reference: try Reference("a:b"))
    ])
    for layer in image.layers { try writer.copy(layer) }
    _ = try writer.finish([ImageToStore(config: image.config, manifest: image.manifest)])
    #expect(try Self.read(directory.appending("to").string).select(name: "a:b").digest == image.digest)
  }

  @Test func onTopOfAnother() throws {
    let directory = try TemporaryDirectory()
    let from = "oci:" + directory.appending("from").string + ":t"
    try ImageFixture.write(to: [from], changes: ["ENV A=1", "LABEL x=y"])
    let base = try Self.read(from).select()
    let writer = try ImageWriter(destinations: [.layout(directory.appending("to"), name: "u")])
    for layer in base.layers { try writer.copy(layer) }
    var assembly = ImageAssembly(base: base)
    assembly.layers = [try ImageFixture.layer(["top": "t"], writer)]
    assembly.changes = try Instruction.parseChanges(["ENV B=$A"])
    _ = try writer.finish([try assembly.assemble()])
    let image = try Self.read("oci:" + directory.appending("to").string).select(name: "u")
    #expect(image.layers.count == 3)
    #expect(try image.validate() == [])
    #expect(image.config.content.runtime.environment == ["A=1", "B=1"])
    #expect(image.config.content.runtime.labels == ["x": "y"])
    #expect(image.layers.allSatisfy { $0.history?.createdBy == "fixture" })
  }
}
