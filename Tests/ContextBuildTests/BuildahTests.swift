import Image
import OCI
import Posix
import SystemPackage
import TestSupport
import Testing

/// buildah with a storage of its own.
enum Buildah {
  /// Builds; the image is put into the layout.
  static func build(
    _ context: FilePath, _ options: [String], format: String = "oci", storage: FilePath,
    to destination: String
  ) throws -> Tool.Result {
    let arguments =
      [
        "--root", storage.appending("root").string, "--runroot", storage.appending("run").string,
        "--storage-driver", "vfs", "build", "--isolation", "chroot", "--layers=false", "--pull-never",
        "--format", format,
      ] + options + ["-t", destination, context.string]
    // Its init wants a cgroup hierarchy that is not always writable; a mount namespace keeps this to itself.
    return try Tool.run(
      "unshare",
      ["-m", "sh", "-c", "umount /sys/fs/cgroup/unified 2>/dev/null; exec buildah \"$@\"", "buildah"]
        + arguments)
  }
}

@Suite("What buildah makes of the same Dockerfiles, as root", .serialized)
struct BuildahTests {
  private static func image(_ location: String) throws -> Image {
    try ImageSource(ImageLocation(location, for: .input)).select()
  }

  /// The tree that umoci unpacks.
  private static func tree(_ layout: FilePath, _ scratch: FilePath) throws -> TreeListing {
    try Tool.check("umoci", ["unpack", "--image", "\(layout):image", scratch.string])
    return try TreeListing.of(scratch.appending("rootfs"))
  }

  @Test("The same tree and configuration", arguments: DockerfileCase.all)
  func same(_ example: DockerfileCase) throws {
    let folder = try TemporaryDirectory()
    let context = folder.appending("context")
    try makeDirectories(context)
    try Tool.check("sh", ["-euc", "umask 022\n" + example.context], in: context)
    let file = try folder.write("Dockerfile", example.dockerfile + "\n")
    let theirs = folder.appending("theirs")
    let place = example.isDocker ? "docker-archive:\(theirs):image:latest" : "oci:\(theirs):image"
    let result = try Buildah.build(
      context, example.options + ["-f", file.string], format: example.isDocker ? "docker" : "oci",
      storage: folder.appending("storage"), to: place)
    guard result.status.isSuccess else {
      Issue.record("buildah refuses it: \(result.errorText)")
      return
    }
    let ours = folder.appending("ours")
    let own = try garboard(
      "garboard-scratch",
      [
        "-f", file.string, context.string, "-o", "oci:\(ours):image", "--cache",
        folder.appending("cache").string,
      ]
        + example.options)
    guard own.status.isSuccess else {
      Issue.record("we refuse it: \(own.errorText)")
      return
    }
    if !example.isDocker {
      let differences = try Self.tree(theirs, folder.appending("t")).differences(
        Self.tree(ours, folder.appending("o")), ignoring: [.times, .root])
      #expect(differences == [], "\(example.dockerfile)")
    }
    let expected = try Self.image(place).config.content
    let made = try Self.image("oci:\(ours):image").config.content
    var runtime = expected.runtime
    runtime.labels["io.buildah.version"] = nil
    if example.isDocker {
      // Docker's format has a field for everything, and no difference between empty and absent.
      runtime.other = JSONObject()
      if runtime.entrypoint == [] { runtime.entrypoint = nil }
      if runtime.command == [] { runtime.command = nil }
    }
    #expect(made.runtime == runtime)
    #expect(made.author == expected.author)
    #expect(made.platform == expected.platform)
  }

  @Test("What it refuses is refused, with its place", arguments: DockerfileCase.refused)
  func refused(_ name: String, _ dockerfile: String) throws {
    let folder = try TemporaryDirectory()
    let build = try TestBuild(DockerfileCase.files, dockerfile, in: folder)
    let theirs = try Buildah.build(
      build.context, ["-f", build.file.string], storage: folder.appending("storage"),
      to: "oci:\(folder.appending("theirs")):image")
    #expect(!theirs.status.isSuccess, "buildah accepts it")
    try build.expectRefusal()
  }

  @Test(
    "What docker's documentation refuses is refused, with its place",
    arguments: DockerfileCase.refusedByDocker)
  func refusedByDocker(_ name: String, _ dockerfile: String) throws {
    try TestBuild(DockerfileCase.files, dockerfile, in: try TemporaryDirectory()).expectRefusal()
  }
}
