import Digest
import OCI
import Posix
import SystemPackage
import TestSupport

/// An image put together by hand, so that any part of it can be wrong.
struct HandmadeImage {
  /// The files of the layout, in the order in which an archive has them.
  var files: [(name: String, bytes: [UInt8])] = []
  /// Further entries of an archive.
  var extra = HandmadeTar()

  static let tar: [UInt8] = {
    var tar = HandmadeTar()
    tar.add("file", data: "content")
    return tar.finished
  }()

  /// A good image of one uncompressed layer, whose texts are changed on the way.
  ///
  /// Each closure gets the text of a document and may change it; digests above follow.
  init(
    layer: [UInt8] = HandmadeImage.tar, diffID: String? = nil,
    config editConfig: (inout String) -> Void = { _ in },
    manifest editManifest: (inout String) -> Void = { _ in },
    index editIndex: (inout String) -> Void = { _ in }
  ) {
    files.append(("oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)))
    let layerDigest = add(layer)
    var config = """
      {"architecture":"amd64","os":"linux","rootfs":{"type":"layers",\
      "diff_ids":["\(diffID ?? SHA256.digest(Self.tar).description)"]}}
      """
    editConfig(&config)
    let configDigest = add(Array(config.utf8))
    var manifest = """
      {"schemaVersion":2,"mediaType":"\(MediaType.manifest)",\
      "config":{"mediaType":"\(MediaType.config)","digest":"\(configDigest)","size":\(config.utf8.count)},\
      "layers":[{"mediaType":"\(MediaType.layer)","digest":"\(layerDigest)","size":\(layer.count)}]}
      """
    editManifest(&manifest)
    let manifestDigest = add(Array(manifest.utf8))
    var index = """
      {"schemaVersion":2,"manifests":[\
      {"mediaType":"\(MediaType.manifest)","digest":"\(manifestDigest)","size":\(manifest.utf8.count)}]}
      """
    editIndex(&index)
    files.append(("index.json", Array(index.utf8)))
  }

  /// Adds a blob.
  mutating func add(_ bytes: [UInt8]) -> Digest {
    let digest = SHA256.digest(bytes)
    files.append(("blobs/sha256/" + digest.hex, bytes))
    return digest
  }

  /// Replaces the bytes of a file.
  mutating func set(_ name: String, _ text: String) {
    files.removeAll { $0.name == name }
    files.append((name, Array(text.utf8)))
  }

  /// Writes it as a directory.
  func layout(in directory: TemporaryDirectory) throws -> FilePath {
    for (name, bytes) in files { try directory.write("layout/" + name, bytes) }
    return directory.appending("layout")
  }

  /// The bytes of it as an archive.
  var archive: [UInt8] {
    var tar = HandmadeTar()
    for (name, bytes) in files { tar.add(Array(name.utf8), data: bytes) }
    tar.append(extra.bytes)
    return tar.finished
  }

  /// Writes it as an archive.
  func archive(in directory: TemporaryDirectory) throws -> FilePath {
    try directory.write("archive.tar", archive)
  }
}
