import Archive
import Digest
import Image
import OCI
import Posix
import SystemPackage
import Testing
import TestSupport

/// Images from outside that lie. Each must fail with one clear line.
@Suite struct HostileImageTests {
  /// What opening says, or else what validating the first image finds.
  static func complaint(_ location: ImageLocation) throws -> String {
    do {
      let source = try ImageSource(location)
      return try source.select().validate().map(\.description).joined(separator: "; ")
    } catch let error as ImageError {
      return "\(error.reason)"
    } catch let error as ArchiveError {
      return "\(error)"
    }
  }

  @Test func theHandmadeOneIsGood() throws {
    let directory = try TemporaryDirectory()
    let image = HandmadeImage()
    #expect(try Self.complaint(.layout(image.layout(in: directory), name: nil)) == "")
    #expect(try Self.complaint(.ociArchive(image.archive(in: directory), name: nil)) == "")
    try Tool.check("skopeo", ["inspect", "oci:" + directory.appending("layout").string])
  }

  static let zeros = "sha256:" + String(repeating: "0", count: 64)

  static let lies: [(name: String, image: @Sendable () -> HandmadeImage, complaint: String)] = [
    (
      "digest with a path",
      { HandmadeImage(index: { $0.replace(from: "sha256:", count: 71, by: "sha256:../../../etc/passwd") }) },
      "is not a digest"
    ),
    (
      "digest of another algorithm",
      { HandmadeImage(index: { $0.replace(from: "sha256:", count: 71, by: "sha512:00") }) }, "is not SHA-256"
    ),
    (
      "manifest and index in one",
      {
        HandmadeImage(manifest: {
          $0.replace("\"schemaVersion\":2", by: "\"schemaVersion\":2,\"manifests\":[]")
        })
      },
      "claims to be something else as well"
    ),
    (
      "another media type inside",
      { HandmadeImage(manifest: { $0.replace("vnd.oci.image.manifest", by: "vnd.oci.image.index") }) },
      "which is no image manifest"
    ),
    (
      "docker's type announced as OCI's",
      {
        HandmadeImage(manifest: {
          $0.replace("\(MediaType.manifest)", by: "\(MediaType.dockerManifest)")
        })
      }, "was announced"
    ),
    (
      "a name twice",
      {
        HandmadeImage(manifest: {
          $0.replace("{\"schemaVersion\":2", by: "{\"schemaVersion\":2,\"layers\":[]")
        })
      },
      "is there twice"
    ),
    (
      "names that differ in case",
      {
        HandmadeImage(manifest: {
          $0.replace("{\"schemaVersion\":2", by: "{\"schemaVersion\":2,\"Layers\":[]")
        })
      },
      "spelled in other letters"
    ),
    (
      "deep JSON",
      {
        HandmadeImage(config: {
          $0.replace("{\"arch", by: "{\"x\":" + String(repeating: "[", count: 100_000) + "\"arch")
        })
      }, "nested deeper"
    ),
    (
      "a manifest that says to be huge",
      { HandmadeImage(index: { $0.replace("\"size\":", by: "\"size\":9223372036854775") }) }, "the limit is"
    ),
    ("negative size", { HandmadeImage(index: { $0.replace("\"size\":", by: "\"size\":-") }) }, "is negative"),
    (
      "larger size", { HandmadeImage(manifest: { $0.replace("\"size\":2048", by: "\"size\":2049") }) },
      "has 2048 bytes instead of 2049"
    ),
    (
      "smaller size", { HandmadeImage(manifest: { $0.replace("\"size\":2048", by: "\"size\":2047") }) },
      "has 2048 bytes instead of 2047"
    ),
    (
      "missing blob", { HandmadeImage(manifest: { $0.replace(from: "sha256:", count: 71, by: zeros) }) },
      "is missing"
    ),
    ("other diff ID", { HandmadeImage(diffID: zeros) }, "its diff ID is"),
    (
      "more diff IDs than layers",
      { HandmadeImage(config: { $0.replace("\"diff_ids\":[", by: "\"diff_ids\":[\"\(zeros)\",") }) },
      "has 1 layers, but its configuration lists 2"
    ),
    (
      "history of more layers",
      { HandmadeImage(config: { $0.replace("{\"arch", by: "{\"history\":[{},{}],\"arch") }) },
      "its history tells of 2"
    ),
    (
      "says gzip and isn't",
      { HandmadeImage(manifest: { $0.replace("\(MediaType.layer)\"", by: "\(MediaType.layerGzip)\"") }) },
      "its media type says gzip, its content is none"
    ),
    (
      "a layer of an unknown type beside a good one",
      {
        HandmadeImage(
          config: { $0.replace("\"diff_ids\":[", by: "\"diff_ids\":[\"\(zeros)\",") },
          manifest: { text in
            let layer = #"{"mediaType":"x/y","digest":"\#(zeros)","size":1},"#
            text.replace("\"layers\":[", by: "\"layers\":[" + layer)
          })
      }, "a layer of the media type x/y is not supported"
    ),
    (
      "nested indexes without end",
      {
        var image = HandmadeImage()
        var index = String(decoding: image.files.removeLast().bytes, as: UTF8.self)
        for _ in 0..<10 {
          let digest = image.add(Array(index.utf8))
          index =
            #"{"schemaVersion":2,"manifests":[{"mediaType":"\#(MediaType.index)","digest":"\#(digest)","size":\#(index.utf8.count)}]}"#
        }
        image.set("index.json", index)
        return image
      }, "nested deeper than"
    ),
    (
      "too many manifests",
      {
        HandmadeImage(index: { text in
          let entry = #"{"mediaType":"\#(MediaType.manifest)","digest":"\#(zeros)","size":1},"#
          text.replace("[{", by: "[" + String(repeating: entry, count: 10_001) + "{")
        })
      }, "lists more than"
    ),
    (
      "unknown version of the layout",
      {
        var image = HandmadeImage()
        image.set("oci-layout", #"{"imageLayoutVersion":"2.0"}"#)
        return image
      }, "only 1.x is known"
    ),
    (
      "schema 1",
      { HandmadeImage(manifest: { $0.replace("\"schemaVersion\":2", by: "\"schemaVersion\":1") }) },
      "only 2 is supported"
    ),
  ]

  @Test(arguments: lies.map(\.name))
  func isRefused(_ name: String) throws {
    guard let lie = Self.lies.first(where: { $0.name == name }) else { return }
    let directory = try TemporaryDirectory()
    let image = lie.image()
    for location in [
      ImageLocation.layout(try image.layout(in: directory), name: nil),
      .ociArchive(try image.archive(in: directory), name: nil),
    ] {
      let found = try Self.complaint(location)
      #expect(found.contains(lie.complaint), "\(name): \(found)")
      #expect(!found.contains("\n"))
    }
  }

  @Test func changedContent() throws {
    let directory = try TemporaryDirectory()
    let image = HandmadeImage()
    for (name, _) in image.files where name.hasPrefix("blobs/") {
      var copy = image
      let index = copy.files.firstIndex { $0.name == name } ?? 0
      copy.files[index].bytes[10] ^= 1
      let found = try Self.complaint(.layout(copy.layout(in: directory), name: nil))
      #expect(found.contains("has other content"), "\(found)")
      let packed = try Self.complaint(.ociArchive(copy.archive(in: directory), name: nil))
      #expect(packed.contains("has other content"), "\(packed)")
    }
  }

  @Test func garbageAfterTheEndOfGzip() throws {
    let directory = try TemporaryDirectory()
    try directory.write("t", HandmadeImage.tar)
    try Tool.check("gzip", ["-n", directory.appending("t").string])
    let gzip = try readBytes(directory.appending("t.gz"))
    for (bytes, expected) in [
      (gzip, ""), (gzip + [1, 2, 3], "layer 1: gzip data"), (Array(gzip.dropLast()), "layer 1: gzip data"),
    ] {
      let image = HandmadeImage(
        layer: bytes, manifest: { $0.replace("\(MediaType.layer)\"", by: "\(MediaType.layerGzip)\"") })
      let found = try Self.complaint(.layout(image.layout(in: directory), name: nil))
      #expect(expected.isEmpty ? found.isEmpty : found.hasPrefix(expected), "\(found)")
    }
  }

  @Test func pipesInLayoutsDoNotBlock() throws {
    let directory = try TemporaryDirectory()
    let layout = try HandmadeImage().layout(in: directory)
    try Tool.check("rm", [layout.appending("index.json").string])
    try Tool.check("mkfifo", [layout.appending("index.json").string])
    #expect(try Self.complaint(.layout(layout, name: nil)).contains("not a regular file"))
  }

  static let links: [(type: Character, target: String, complaint: String)] = [
    ("2", "/etc/passwd", "is a link to outside of the archive"),
    ("2", "../../etc/passwd", "is a link to outside of the archive"),
    ("2", "a/../../x", "is a link to outside of the archive"), ("2", "index.json", "in a circle"),
    ("2", "nowhere", "index.json is missing"),
    ("1", "../x", "may lead out of the image"), ("3", "", "is a device or pipe"),
    ("6", "", "is a device or pipe"),
  ]

  @Test(arguments: links.indices)
  func linksInArchives(_ index: Int) throws {
    let (type, target, complaint) = Self.links[index]
    let directory = try TemporaryDirectory()
    var image = HandmadeImage()
    image.files.removeAll { $0.name == "index.json" }
    image.extra.add("index.json", type: type, link: target)
    let found = try Self.complaint(.ociArchive(image.archive(in: directory), name: nil))
    #expect(found.contains(complaint), "\(target): \(found)")
  }

  @Test func archivesThatEndEarlyOrSayThingsTwice() throws {
    let directory = try TemporaryDirectory()
    let archive = HandmadeImage().archive
    for length in stride(from: 0, to: archive.count - 1024, by: 256) {
      let path = try directory.write("cut.tar", Array(archive[..<length]))
      #expect(try !Self.complaint(.detected(path, name: nil)).isEmpty, "cut to \(length)")
    }
    var image = HandmadeImage()
    image.extra.add("index.json", data: "{}")
    #expect(
      try Self.complaint(.ociArchive(image.archive(in: directory), name: nil)).contains("is there twice"))
    let noise = try directory.write("noise", (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 3) })
    #expect(try Self.complaint(.detected(noise, name: nil)).contains("this is no image archive"))
    let tree = try directory.write("tree.tar", HandmadeImage.tar)
    #expect(
      try Self.complaint(.detected(tree, name: nil)).contains("neither oci-layout (OCI) nor manifest.json"))
  }

  // MARK: docker archives

  /// A docker archive without a layout, whose manifest.json has this text with CONFIG replaced.
  static func docker(_ text: String, config: String? = nil) -> HandmadeImage {
    var image = HandmadeImage()
    let good = HandmadeImage().files[2].bytes
    let name = config ?? SHA256.digest(good).hex + ".json"
    image.files = [
      (name, good), ("abc/layer.tar", HandmadeImage.tar),
      ("manifest.json", Array(text.replacing("CONFIG", by: name).utf8)),
    ]
    return image
  }

  static let dockerLies: [(String, String)] = [
    (#"[{"Config":"CONFIG","RepoTags":["a:b"],"Layers":["abc/layer.tar"]}]"#, ""),
    (#"[{"Config":"CONFIG","RepoTags":null,"Layers":["./abc//layer.tar"]}]"#, ""),
    (#"[{"Config":"CONFIG","Layers":["link/layer.tar"]}]"#, ""),
    (#"[{"Config":"CONFIG","Layers":["hard"]}]"#, ""),
    (#"{"Config":"CONFIG"}"#, "is an object, not an array"), (#"[1]"#, "has a number at [0]"),
    (#"[{}]"#, "names no Config"),
    (#"[{"Config":"CONFIG","Layers":[1]}]"#, "no list of strings"),
    (#"[{"Config":"CONFIG","Config":"x"}]"#, "is there twice"),
    (#"[{"Config":"../../etc/passwd","Layers":[]}]"#, "../../etc/passwd is missing"),
    (#"[{"Config":"/etc/passwd","Layers":[]}]"#, "/etc/passwd is missing"),
    (#"[{"Config":"CONFIG","Layers":["/etc/passwd"]}]"#, "/etc/passwd is missing"),
    (#"[{"Config":"CONFIG","Layers":[]}]"#, "lists 0 layers"),
    (#"[{"Config":"CONFIG","Layers":["abc/layer.tar","abc/layer.tar"]}]"#, "lists 2 layers"),
    ("[]", "there are no images at all"), ("", "not valid JSON"),
  ]

  @Test(arguments: dockerLies)
  func dockerManifests(_ text: String, _ complaint: String) throws {
    let directory = try TemporaryDirectory()
    var image = Self.docker(text)
    image.extra.add("link/layer.tar", type: "2", link: "../abc/layer.tar")
    image.extra.add("hard", type: "1", link: "abc/layer.tar")
    let found = try Self.complaint(.dockerArchive(image.archive(in: directory), reference: nil))
    #expect(complaint.isEmpty ? found.isEmpty : found.contains(complaint), "\(text): \(found)")
  }

  @Test func configurationsNamedByAnotherDigest() throws {
    let directory = try TemporaryDirectory()
    let image = Self.docker(
      #"[{"Config":"CONFIG","Layers":["abc/layer.tar"]}]"#,
      config: String(repeating: "0", count: 64) + ".json")
    #expect(
      try Self.complaint(.dockerArchive(image.archive(in: directory), reference: nil)).contains(
        "has other content"))
  }

  @Test func twoImagesInOneArchive() throws {
    let directory = try TemporaryDirectory()
    var image = HandmadeImage()
    let stranger = #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#
    let digest = image.add(Array(stranger.utf8))
    image.set("manifest.json", #"[{"Config":"blobs/sha256/\#(digest.hex)","RepoTags":["a:b"],"Layers":[]}]"#)
    #expect(
      try Self.complaint(.detected(image.archive(in: directory), name: nil)).contains(
        "lists an image that index.json doesn't"))
  }

  @Test func layersOfSparseFiles() throws {
    let directory = try TemporaryDirectory()
    try directory.write("tree/manifest.json", "[]")
    try Tool.check("truncate", ["-s", "1M", directory.appending("tree/manifest.json").string])
    let archive = directory.appending("sparse.tar").string
    try Tool.check(
      "tar", ["--sparse", "-cf", archive, "-C", directory.appending("tree").string, "manifest.json"])
    #expect(try Self.complaint(.detected(FilePath(archive), name: nil)).contains("sparse"))
  }
}

extension String {
  /// The first occurrence replaced.
  mutating func replace(_ text: String, by other: String) {
    if let range = firstRange(of: text) { replaceSubrange(range, with: other) }
  }

  /// All occurrences replaced.
  func replacing(_ text: String, by other: String) -> String { replacing(text, with: other) }

  /// `count` characters from the first occurrence of `text` replaced.
  mutating func replace(from text: String, count: Int, by other: String) {
    guard let range = firstRange(of: text) else { return }
    replaceSubrange(range.lowerBound..<index(range.lowerBound, offsetBy: count), with: other)
  }
}
