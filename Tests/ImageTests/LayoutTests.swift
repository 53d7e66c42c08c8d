import Digest
import Glibc
import Image
import OCI
import Posix
import SystemPackage
import Testing
import TestSupport

/// A layout directory that is written more than once, or not to the end.
@Suite struct LayoutTests {
  static func read(_ path: FilePath) throws -> ImageSource { try ImageSource(.layout(path, name: nil)) }

  static func files(_ path: FilePath) throws -> [String] {
    try Tool.check("find", [path.string, "-printf", "%P %y %#m\n"]).text.split(separator: "\n").map(
      String.init
    ).sorted()
  }

  @Test func otherTagsStayAndTheSameIsReplaced() throws {
    let directory = try TemporaryDirectory()
    let layout = directory.appending("layout")
    let one = try ImageFixture.write(to: ["oci:\(layout):one"], text: "1")
    let two = try ImageFixture.write(to: ["oci:\(layout):two"], text: "2")
    #expect(try Self.read(layout).images.map(\.names) == [["one"], ["two"]])
    let again = try ImageFixture.write(to: ["oci:\(layout):one"], text: "3")
    let source = try Self.read(layout)
    #expect(source.images.map(\.names) == [["two"], ["one"]])
    #expect(try source.select(name: "one").digest == again.first?.digest)
    #expect(try source.select(name: "two").digest == two.first?.digest)
    #expect(one.first?.digest != again.first?.digest)
    // What others put there stays too, unknown fields included.
    try Tool.check("umoci", ["tag", "--image", layout.string + ":two", "three"])
    try ImageFixture.write(to: ["oci:\(layout):four"])
    #expect(Set(try Self.read(layout).images.flatMap(\.names)) == ["one", "two", "three", "four"])
    try Tool.check("umoci", ["gc", "--layout", layout.string])
    for image in try Self.read(layout).images { #expect(try image.validate() == []) }
  }

  @Test func namesWithTheSameTag() throws {
    let directory = try TemporaryDirectory()
    let layout = directory.appending("layout").string
    // The tag alone stands once; the second name is still found in full.
    try ImageFixture.write(to: [layout], tags: ["a", "b"])
    try ImageFixture.write(to: [layout], tags: ["a", "b"])
    let source = try ImageSource(.layout(FilePath(layout), name: nil))
    #expect(
      source.images.map(\.names) == [["docker.io/library/a:latest", "docker.io/library/b:latest", "latest"]])
    try Tool.check("skopeo", ["inspect", "oci:" + layout + ":latest"])
    let digest = try Reference("x@sha256:" + String(repeating: "0", count: 64))
    #expect(throws: ImageError.self) {
      try ImageWriter(destinations: [.layout("x", name: nil)], tags: [digest])
    }
  }

  @Test func permissionsDoNotDependOnTheUmask() throws {
    let directory = try TemporaryDirectory()
    let old = umask(0o077)
    defer { umask(old) }
    try ImageFixture.write(to: [directory.appending("a").string])
    for line in try Self.files(directory.appending("a")) {
      #expect(line.hasSuffix(" d 0755") || line.hasSuffix(" f 0644"), "\(line)")
    }
  }

  @Test func damagedBlobsAreReplacedAndGoodOnesKept() throws {
    let directory = try TemporaryDirectory()
    let layout = directory.appending("layout")
    try ImageFixture.write(to: ["oci:\(layout):t"])
    let image = try Self.read(layout).select()
    let blobs = image.layers.map {
      layout.appending("blobs").appending("sha256").appending($0.descriptor.digest.hex)
    }
    let kept = try Tool.check("stat", ["-c", "%i", blobs[0].string]).text
    try Tool.check("truncate", ["-s", "5", blobs[1].string])
    #expect(!(try image.validate()).isEmpty)
    try ImageFixture.write(to: ["oci:\(layout):t"])
    #expect(try Self.read(layout).select().validate() == [])
    #expect(try Tool.check("stat", ["-c", "%i", blobs[0].string]).text == kept)
  }

  @Test func refusesDirectoriesOfOthers() throws {
    let directory = try TemporaryDirectory()
    try directory.write("d/file", "x")
    #expect(throws: ImageError.self) { try ImageFixture.write(to: [directory.appending("d").string]) }
    #expect(try Self.files(directory.appending("d")).count == 2)
    try directory.write("v/oci-layout", #"{"imageLayoutVersion":"2.0.0"}"#)
    #expect(throws: ImageError.self) { try ImageFixture.write(to: [directory.appending("v").string]) }
    try directory.write("i/oci-layout", #"{"imageLayoutVersion":"1.0.0"}"#)
    try directory.write("i/index.json", #"{"schemaVersion":2,"manifests":[],"manifests":[]}"#)
    #expect(throws: ImageError.self) { try ImageFixture.write(to: [directory.appending("i").string]) }
    #expect(throws: PosixError.self) { try ImageFixture.write(to: [directory.appending("d/file/x").string]) }
    // An empty directory becomes a layout, as does what a killed writer left.
    try directory.write("killed/blobs/sha256/" + String(repeating: "0", count: 64), "x")
    try ImageFixture.write(to: [directory.appending("killed").string])
    #expect(try Self.read(directory.appending("killed")).select().validate() == [])
    try makeDirectories(directory.appending("empty"))
    try ImageFixture.write(to: [directory.appending("empty").string])
    #expect(try Self.read(directory.appending("empty")).images.count == 1)
  }

  @Test func givingUpLeavesNothing() throws {
    let directory = try TemporaryDirectory()
    do {
      let writer = try ImageWriter(destinations: [
        .layout(directory.appending("a/b"), name: nil), .ociArchive(directory.appending("c.tar"), name: nil),
      ])
      _ = try ImageFixture.layer(["x": "y"], writer)
      let sink = try writer.beginBlob()
      try Array("half".utf8).withUnsafeBytes { try sink.write($0) }
      writer.abort()
    }
    #expect(try Self.files(directory.path) == [" d 0700"])
  }

  @Test func aLayerMustBeStored() throws {
    let directory = try TemporaryDirectory()
    let writer = try ImageWriter(destinations: [.layout(directory.appending("a"), name: nil)])
    var assembly = ImageAssembly(platform: .host)
    let digest = SHA256.digest([1])
    assembly.layers = [
      NewLayer(OCI.Descriptor(.layer, digest: digest, size: 1), diffID: digest, history: History())
    ]
    let image = try assembly.assemble()
    #expect(throws: ImageError.self) { try writer.finish([image]) }
  }

  @Test func manyWritersAtOnce() throws {
    let directory = try TemporaryDirectory()
    let layout = directory.appending("layout")
    let workers = (0..<8).map { number in
      Worker {
        for round in 0..<4 {
          try ImageFixture.write(to: ["oci:\(layout):t\(number)"], text: "\(number) \(round)")
        }
      }
    }
    for worker in workers { try worker.join() }
    let source = try Self.read(layout)
    #expect(Set(source.images.flatMap(\.names)) == Set((0..<8).map { "t\($0)" }))
    for image in source.images { #expect(try image.validate() == []) }
    #expect(try !Self.files(layout).contains { $0.contains(".garboard") })
  }

  @Test func identicalLayersAreStoredOnce() throws {
    let directory = try TemporaryDirectory()
    for place in ["oci:\(directory.appending("l"))", "oci-archive:\(directory.appending("a"))"] {
      let writer = try ImageWriter(destinations: [try ImageLocation(place, for: .output)])
      var assembly = ImageAssembly(platform: .host)
      let first = try ImageFixture.layer(["x": "a long text"], writer)
      assembly.layers = [
        first, try ImageFixture.layer(["x": "a long text"], writer),
        try ImageFixture.layer(["z": ""], writer),
      ]
      _ = try writer.finish([try assembly.assemble()])
      let image = try ImageSource(ImageLocation(place, for: .input)).select()
      #expect(try image.validate() == [])
      #expect(image.layers[0].descriptor.digest == image.layers[1].descriptor.digest)
    }
    let listing = try Tool.check("tar", ["-tf", directory.appending("a").string]).text.split(separator: "\n")
    #expect(listing.count == Set(listing).count)
  }

  @Test func severalPlatformsMakeAnIndex() throws {
    let directory = try TemporaryDirectory()
    for place in ["oci:\(directory.appending("l"))", "docker-archive:\(directory.appending("d.tar"))"] {
      let writer = try ImageWriter(
        destinations: [try ImageLocation(place, for: .output)], tags: [try Reference("multi:1")])
      var images: [ImageToStore] = []
      for text in ["linux/amd64", "linux/arm64", "linux/arm/v7"] {
        var assembly = ImageAssembly(platform: try Platform(text))
        assembly.layers = [try ImageFixture.layer(["p": text], writer)]
        images.append(try assembly.assemble())
      }
      _ = try writer.finish(images)
      let source = try ImageSource(ImageLocation(place, for: .input))
      #expect(source.images.map(\.platform.description) == ["linux/amd64", "linux/arm64", "linux/arm/v7"])
      #expect(
        try source.select(name: "multi:1", platform: Platform("linux/arm64/v8")).platform.architecture
          == "arm64")
      #expect(try source.select().platform == .host)
      let error = #expect(throws: ImageError.self) { try source.select(platform: Platform("linux/s390x")) }
      #expect("\(error.map { "\($0)" } ?? "")".contains("linux/arm/v7"))
    }
    let inspected = try json(
      Tool.check("skopeo", ["inspect", "--override-arch", "arm64", "oci:\(directory.appending("l")):1"]))
    #expect(inspected["Architecture"] == .string("arm64"))
  }
}
