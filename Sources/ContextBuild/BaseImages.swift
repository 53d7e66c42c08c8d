import Digest
import Dockerfile
import Image
import OCI
import Posix
import SystemPackage

/// Finds images and directories that a Dockerfile names.
struct BaseImages {
  /// What users say that names stand for.
  let contexts: [String: String]
  /// What reaches registries; nil where they can't be.
  let remote: (any RemoteStores)?

  /// What a name stands for.
  enum Found {
    case image(Image)
    case directory(FilePath)
  }

  /// Finds what `FROM` or `--from` names.
  func find(_ name: String, platform: Platform?) throws -> Found {
    let (text, isGiven) = try location(of: name)
    if isGiven, Self.isPlainDirectory(text) { return .directory(FilePath(text)) }
    return .image(
      try ImageSource(try ImageLocation(text, for: .input), remote: remote).select(platform: platform))
  }

  /// Where it is what `FROM` or `--from` names, and whether the user said so.
  func location(of name: String) throws -> (text: String, isGiven: Bool) {
    if let text = context(named: name) {
      if text.hasPrefix("oci-layout://") { return ("oci:" + text.dropFirst("oci-layout://".count), true) }
      if text.hasPrefix("docker-image://") {
        return ("docker://" + text.dropFirst("docker-image://".count), true)
      }
      return (text, true)
    }
    if Self.isLocation(name) { return (name, false) }
    if remote != nil { return ("docker://" + name, false) }
    throw StepProblem(
      """
      "\(name)" is no stage, and images of registries can't be fetched here: \
      say where it is with --build-context \(name)=oci-archive:FILE (or oci:DIR:TAG)
      """)
  }

  private func context(named name: String) -> String? {
    if let exact = contexts[name] { return exact }
    guard let reference = try? Reference(name).withTag else { return nil }
    return contexts.sorted { $0.key < $1.key }.first { (try? Reference($0.key).withTag) == reference }?.value
  }

  private static func isLocation(_ name: String) -> Bool {
    let prefixes = ["oci:", "oci-archive:", "docker-archive:", "docker://", "/", "./", "../"]
    return prefixes.contains { name.hasPrefix($0) }
  }

  private static func isPlainDirectory(_ text: String) -> Bool {
    let path = FilePath(text)
    guard let file = try? openFile(path, .directory) else { return false }
    return
      (try? Relative(file.raw).status(of: Array("oci-layout".utf8), shown: text).map { _ in false } ?? true)
      ?? false
  }
}

/// The layers of an image, to build on.
func layers(of image: Image) -> [StageLayer] {
  image.layers.map { layer in
    var stage = StageLayer(
      descriptor: layer.descriptor, diffID: layer.diffID, createdBy: layer.history?.createdBy,
      open: { try layer.open() })
    stage.isBase = true
    return stage
  }
}
