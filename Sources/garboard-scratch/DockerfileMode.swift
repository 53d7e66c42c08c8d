import ArgumentParser
import CommandSupport

/// What only builds from a Dockerfile have.
struct DockerfileOptions: ParsableArguments {
}

/// `garboard-scratch -f Dockerfile CONTEXT`.
struct DockerfileMode {
  /// The Dockerfile; `-` is standard input.
  var file: String
  /// The folder that COPY and ADD take files from.
  var context: String
  var options: DockerfileOptions
  var common: CommonOptions
  var image: ImageOptions

  func run() throws {
    throw ValidationError("Building from a Dockerfile (\(file)) is not there yet.")
  }
}
