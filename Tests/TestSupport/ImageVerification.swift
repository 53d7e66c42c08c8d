import Posix
import SystemPackage

/// What outside tools say of an image.
public struct VerifiedImage: Sendable {
  /// One layer.
  public struct Layer: Sendable, Equatable {
    /// The digest of the blob.
    public var digest: String
    /// The digest of what is in it, uncompressed.
    public var diffID: String
    /// The media type.
    public var mediaType: String
    /// The size of the blob.
    public var size: Int
    /// The uncompressed size.
    public var uncompressedSize: Int
  }

  /// The digest of its manifest.
  public var digest: String
  /// Its platform, as `linux/amd64`.
  public var platform: String
  /// Its name in the layout's index, or nil.
  public var reference: String?
  /// Its layers, the lowest first.
  public var layers: [Layer]
  /// Its configuration as it is in the blob.
  public var configuration: String
  /// What umoci unpacks.
  public var tree: TreeListing
  /// What podman printed when it ran the image; nil when it wasn't run.
  public var output: String?
}

/// An image that outside tools don't accept.
public struct ImageRejected: Error, CustomStringConvertible {
  /// Which image.
  public var image: String
  /// What they said.
  public var description: String
}

/// Whether and what podman runs in an image under verification.
public enum VerificationRun: Sendable {
  /// `sh -c 'echo …'`, when the image has `/bin/sh` and is for this machine.
  case shellIfPresent
  /// A program with arguments, which must succeed, over the image's entry point.
  case command([String])
  /// What the image's own configuration says, which must succeed.
  case configured
  /// Nothing.
  case nothing
}

/// Checks all images of an OCI layout, oci-archive or docker-archive, given as skopeo names them without a
/// reference: `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`. Needs root.
///
/// JSON documents against the schemas of the image specification; digests, sizes and diff IDs recomputed;
/// media types against contents; no blob missing or left over; `skopeo inspect`; `umoci unpack`; podman.
///
/// - Throws: `ImageRejected` with what is wrong; `MissingTool`.
public func verify(
  image source: String, running run: VerificationRun = .shellIfPresent
) throws -> [VerifiedImage] {
  let scratch = try TemporaryDirectory()
  let parts = source.split(separator: ":", maxSplits: 1).map(String.init)
  guard parts.count == 2 else { throw ImageRejected(image: source, description: "no transport in \(source)") }
  var layout = FilePath(parts[1])
  switch parts[0] {
  case "oci": break
  case "oci-archive", "docker-archive":
    let archive = layout
    layout = scratch.appending("layout")
    try makeDirectories(layout)
    try Tool.check("tar", ["--extract", "--file", archive.string, "--directory", layout.string])
  case let transport:
    throw ImageRejected(image: source, description: "unknown transport \(transport)")
  }
  let converted = scratch.appending("converted")
  if parts[0] == "docker-archive" {
    // skopeo reads manifest.json and not the layout in it.
    try accepted(
      source, "skopeo",
      ["copy", "--quiet", source, "oci:\(converted.string):verify"])
  }
  let schemas = "/usr/share/gocode/src/github.com/opencontainers/image-spec/schema"
  guard try Tool.run("test", ["-d", schemas]).status.isSuccess else {
    throw MissingTool(program: schemas, package: "golang-github-opencontainers-image-spec-dev")
  }
  guard try Tool.run("python3", ["-I", "-c", "import jsonschema"]).status.isSuccess else {
    throw MissingTool(program: "Python's jsonschema", package: "python3-jsonschema")
  }
  let prepared = scratch.appending("prepared")
  let told = try accepted(
    source, "python3",
    ["-I", "-c", imageScript, layout.string, prepared.string, schemas, parts[0], converted.string])
  var images: [VerifiedImage] = []
  for line in told.text.split(separator: "\n") {
    let fields = line.split(separator: "\t").map(String.init)
    switch fields.first {
    case "image" where fields.count == 5:
      images.append(
        VerifiedImage(
          digest: fields[1], platform: fields[2], reference: fields[3] == "-" ? nil : fields[3], layers: [],
          configuration: fields[4], tree: TreeListing(lines: [])))
    case "layer" where fields.count == 6:
      images[images.count - 1].layers.append(
        VerifiedImage.Layer(
          digest: fields[1], diffID: fields[2], mediaType: fields[3], size: Int(fields[4]) ?? -1,
          uncompressedSize: Int(fields[5]) ?? -1))
    default: throw ImageRejected(image: source, description: "unexpected: \(line)")
    }
  }
  for index in images.indices {
    let folder = prepared.appending("\(index)")
    try ask(skopeo: folder, source, images[index])
    images[index].tree = try unpack(folder, source, scratch.appending("bundle\(index)"))
    images[index].output = try execute(run, folder, source, images[index], scratch)
  }
  return images
}

private func ask(skopeo folder: FilePath, _ source: String, _ image: VerifiedImage) throws {
  let reference = "oci:\(folder.appending("exact").string):verify"
  let raw = try accepted(source, "skopeo", ["inspect", "--raw", reference])
  let sum = try Tool.check("sha256sum", [], input: raw.output).text.prefix(64)
  if "sha256:" + sum != image.digest {
    throw ImageRejected(image: source, description: "skopeo sees manifest \(sum), not \(image.digest)")
  }
  let platform = image.platform.split(separator: "/").map(String.init)
  var overrides = ["--override-os", platform[0], "--override-arch", platform[1]]
  if platform.count > 2 { overrides += ["--override-variant", platform[2]] }
  let inspected = try accepted(source, "skopeo", overrides + ["inspect", reference]).text
  for layer in image.layers where !inspected.contains("\"\(layer.digest)\"") {
    throw ImageRejected(image: source, description: "skopeo doesn't see the layer \(layer.digest)")
  }
}

private func unpack(_ folder: FilePath, _ source: String, _ bundle: FilePath) throws -> TreeListing {
  // umoci of Debian 12 has no zstd: it gets the layers uncompressed, which were compared by digest.
  let layout = folder.appending("plain").string
  try accepted(source, "umoci", ["unpack", "--image", "\(layout):verify", bundle.string])
  let tree = try TreeListing.of(bundle.appending("rootfs"))
  try Tool.check("rm", ["-rf", bundle.string])
  return tree
}

private func execute(
  _ run: VerificationRun, _ folder: FilePath, _ source: String, _ image: VerifiedImage,
  _ scratch: TemporaryDirectory
) throws -> String? {
  // podman makes a name of the path, which must be one: so a short relative one.
  let reference = source.hasPrefix("docker-archive:") ? source : "oci:exact:verify"
  switch run {
  case .nothing: return nil
  case .configured: return try podman(reference, [], [], source, scratch, folder)
  case .command(let command):
    return try podman(reference, ["--entrypoint="], command, source, scratch, folder)
  case .shellIfPresent:
    let machine = try Tool.check("dpkg", ["--print-architecture"]).text.split(separator: "\n").first ?? ""
    let shells = ["bin/sh", "usr/bin/sh"]
    let hasShell = image.tree.lines.contains { shells.contains($0.path) && $0["type"] != "directory" }
    guard hasShell, image.platform.split(separator: "/").dropFirst().first == machine else { return nil }
    let output = try podman(
      reference, ["--entrypoint=", "--user=0:0"], ["/bin/sh", "-c", "echo it runs"], source, scratch, folder)
    if output != "it runs\n" {
      throw ImageRejected(image: source, description: "podman printed: \(output)")
    }
    return output
  }
}

private func podman(
  _ reference: String, _ options: [String], _ command: [String], _ source: String,
  _ scratch: TemporaryDirectory, _ folder: FilePath
) throws -> String {
  let storage = scratch.appending("storage").string
  defer { _ = try? Tool.run("rm", ["-rf", storage]) }
  // A mount namespace: what podman mounts goes with it. Without the cgroup that it would choose and may not
  // be there. The run root may not have more than 50 characters.
  let script = """
    umount /sys/fs/cgroup/unified 2>/dev/null
    run=$(mktemp -d /run/garboard.XXXXXX) || exit
    podman --root "$0/root" --runroot "$run/root" --tmpdir "$run/tmp" --storage-driver overlay \
      run --rm --quiet --cgroups=disabled --network=host --ulimit nofile=1024:1024 \
      --ulimit nproc=1024:1024 "$@"
    status=$?
    umount -R "$run/root" "$0/root/overlay" 2>/dev/null
    rm -rf "$run"
    exit $status
    """
  _ = try Tool.find("podman")
  return try accepted(
    source, "unshare",
    ["--mount", "sh", "-c", script, storage] + options + [reference] + command, in: folder
  ).text
}

/// Runs a tool that judges; when it fails, the image is to blame.
@discardableResult
private func accepted(
  _ image: String, _ name: String, _ arguments: [String], in directory: FilePath? = nil
) throws -> Tool.Result {
  let result = try Tool.run(name, arguments, in: directory)
  if result.status.isSuccess { return result }
  let told = [name] + arguments.map { $0.count > 200 ? "…" : $0 }
  throw ImageRejected(
    image: image,
    description:
      "\(image): \(told.joined(separator: " ")): \(result.status)\n\(result.errorText)\(result.text)")
}
