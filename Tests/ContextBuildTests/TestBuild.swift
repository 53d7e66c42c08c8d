import Posix
import SystemPackage
import TestSupport
import Testing

/// A build by `garboard-scratch`, with a context and a cache of its own.
struct TestBuild {
  let folder: TemporaryDirectory
  let context: FilePath
  let file: FilePath

  /// Makes the context by a shell script, and the Dockerfile.
  init(_ script: String, _ dockerfile: String, in folder: TemporaryDirectory) throws {
    self.folder = folder
    context = folder.appending("context")
    try makeDirectories(context)
    try Tool.check("sh", ["-euc", "umask 022\n" + script], in: context)
    file = try folder.write("Dockerfile", dockerfile + "\n")
  }

  /// Builds to a destination.
  func run(
    _ output: String, _ options: [String] = [], environment: [String] = [], dockerfile: FilePath? = nil
  ) throws -> Tool.Result {
    try garboard(
      "garboard-scratch",
      [
        "-f", (dockerfile ?? file).string, context.string, "-o", output, "--cache",
        folder.appending("cache").string,
      ] + options, environment: environment)
  }

  /// Builds, and gives the joined tree as `PATH TYPE MODE OWNER` and more, by Python's tar reader.
  func tree(_ options: [String] = []) throws -> TreeListing {
    let tar = folder.appending("tree.tar")
    let result = try run("tar:\(tar)", options)
    #expect(result.status.isSuccess, "\(result.errorText)")
    return try TreeListing.ofTar(tar)
  }

  /// The digest of the manifest in a layout that is made for it.
  func digest(_ name: String, _ options: [String] = [], environment: [String] = []) throws -> String {
    let layout = folder.appending(name)
    let result = try run("oci:\(layout):x", options, environment: environment)
    #expect(result.status.isSuccess, "\(result.errorText)")
    let index = String(decoding: try readBytes(layout.appending("index.json")), as: UTF8.self)
    let parts = index.split(separator: "\"")
    return String(try #require(parts.first { $0.hasPrefix("sha256:") }))
  }

  /// Expects one clear line with a place in the Dockerfile, and nothing published.
  func expectRefusal(_ words: String = "") throws {
    let output = folder.appending("refused")
    let result = try run("oci:\(output):x")
    #expect(result.status == .exited(1))
    let lines = result.errorText.split(separator: "\n").filter { $0.contains("error:") }
    #expect(lines.count == 1, "\(result.errorText)")
    let place = try Regex("error: \(file.string):[0-9]+:[0-9]+: .*")
    #expect(try lines.first.map { try place.firstMatch(in: $0) != nil } ?? false, "\(result.errorText)")
    #expect(result.errorText.contains(words), "\(result.errorText)")
    #expect(try !Tool.run("test", ["-e", output.string]).status.isSuccess)
  }
}

extension TreeListing {
  /// Its paths, in order.
  var paths: [String] { lines.map(\.path) }
  /// A field of a path.
  func field(_ name: String, of path: String) -> String? { lines.first { $0.path == path }?[name] }
}
