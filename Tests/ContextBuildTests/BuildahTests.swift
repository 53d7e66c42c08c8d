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
    _ context: FilePath, _ options: [String], storage: FilePath, to layout: FilePath
  ) throws -> Tool.Result {
    let arguments =
      [
        "--root", storage.appending("root").string, "--runroot", storage.appending("run").string,
        "--storage-driver", "vfs", "build", "--isolation", "chroot", "--layers=false", "--pull-never",
        "--format", "oci",
      ] + options + ["-t", "oci:\(layout):image", context.string]
    // Its init wants a cgroup hierarchy that is not always writable; a mount namespace keeps this to itself.
    return try Tool.run(
      "unshare",
      ["-m", "sh", "-c", "umount /sys/fs/cgroup/unified 2>/dev/null; exec buildah \"$@\"", "buildah"] + arguments)
  }
}

@Suite("What buildah makes of the same Dockerfiles, as root", .serialized)
struct BuildahTests {
  private static func image(_ layout: FilePath) throws -> Image {
    try ImageSource(.layout(layout, name: "image")).select()
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
    let result = try Buildah.build(
      context, example.options + ["-f", file.string], storage: folder.appending("storage"), to: theirs)
    guard result.status.isSuccess else {
      Issue.record("buildah refuses it: \(result.errorText)")
      return
    }
    let ours = folder.appending("ours")
    let own = try garboard(
      "garboard-scratch",
      ["-f", file.string, context.string, "-o", "oci:\(ours):image", "--cache", folder.appending("cache").string]
        + example.options)
    guard own.status.isSuccess else {
      Issue.record("we refuse it: \(own.errorText)")
      return
    }
    let differences = try Self.tree(theirs, folder.appending("t")).differences(
      Self.tree(ours, folder.appending("o")), ignoring: [.times, .root])
    #expect(differences == [], "\(example.dockerfile)")
    let expected = try Self.image(theirs).config.content
    let made = try Self.image(ours).config.content
    var runtime = expected.runtime
    runtime.labels["io.buildah.version"] = nil
    #expect(made.runtime == runtime)
    #expect(made.author == expected.author)
    #expect(made.platform == expected.platform)
  }

  @Test("What it refuses is refused, with its place", arguments: DockerfileCase.refused)
  func refused(_ name: String, _ dockerfile: String) throws {
    let folder = try TemporaryDirectory()
    let context = folder.appending("context")
    try makeDirectories(context)
    try Tool.check("sh", ["-euc", DockerfileCase.files], in: context)
    let file = try folder.write("Dockerfile", dockerfile + "\n")
    let theirs = try Buildah.build(
      context, ["-f", file.string], storage: folder.appending("storage"), to: folder.appending("theirs"))
    #expect(!theirs.status.isSuccess, "buildah accepts it")
    let ours = folder.appending("ours")
    let own = try garboard(
      "garboard-scratch",
      ["-f", file.string, context.string, "-o", "oci:\(ours):x", "--cache", folder.appending("cache").string])
    #expect(own.status == .exited(1))
    let lines = own.errorText.split(separator: "\n").filter { $0.contains("error:") }
    #expect(lines.count == 1)
    let place = try Regex("error: \(file.string):[0-9]+:[0-9]+: ")
    #expect(try lines.first.map { try place.firstMatch(in: $0) != nil } ?? false, "\(own.errorText)")
    #expect(try Tool.run("test", ["-e", ours.string]).status.isSuccess == false)
  }
}
