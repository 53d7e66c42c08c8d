import ArgumentParser
import CommandSupport

/// Images from nothing but the files that they need.
@main
struct GarboardScratch: GarboardTool {
  static let name = "garboard-scratch"
  static let abstract = "Make an image from nothing but programs, or from a Dockerfile without RUN"
  static let explanation = """
    A program becomes an image whose command it is, for the platform that its header names.
    """
  static let examples: [Example] = []

  @OptionGroup var common: CommonOptions
  @OptionGroup(title: "Image") var image: ImageOptions
  @OptionGroup(title: "Dockerfile") var dockerfile: DockerfileOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Build from this Dockerfile; the argument is the context.", valueName: "dockerfile"),
    completion: .file())
  var file: String?

  @Argument(
    help: ArgumentHelp("The programs, or with --file the context.", valueName: "file[:dest]|context"),
    completion: .file())
  var sources: [String]

  mutating func run() throws {
    if let file {
      guard sources.count == 1, let context = sources.first else {
        throw ValidationError("--file takes one context, not \(sources.count).")
      }
      try DockerfileMode(file: file, context: context, options: dockerfile, common: common, image: image)
        .run()
      return
    }
    throw ValidationError("Making an image from programs is not there yet.")
  }
}
