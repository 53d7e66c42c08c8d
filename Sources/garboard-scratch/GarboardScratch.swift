import Archive
import ArgumentParser
import CommandSupport
import Dockerfile
import Image
import OCI
import Posix
import SBOM
import Scratch
import SystemPackage

/// Images from nothing but the files that they need.
@main
struct GarboardScratch: GarboardTool {
  static let name = "garboard-scratch"
  static let abstract = "Make an image from nothing but programs, or from a Dockerfile without RUN"
  static let explanation = """
    A program becomes an image whose command it is, for the platform that its header names. FILE goes to /FILE, or \
    to the place after the colon. --libraries adds what a dynamic program needs to start, and the other options \
    what it may need to work; all of it comes from --root, so images for other architectures can be made from \
    a root of theirs. Files of Debian packages are recorded as such, so that scanners see them.
    """
  static let examples = [
    Example("A static program", "garboard-scratch hello -t hello -o hello.oci.tar"),
    Example(
      "A dynamic one with its libraries, as a user of its own",
      "garboard-scratch --libraries --user app --tmp /bin/bash:/bin/bash -o bash.oci.tar"),
    Example(
      "One that speaks TLS and looks up names, under an init",
      "garboard-scratch --libraries --nss --ca-certificates --init /usr/bin/curl -o curl.oci.tar"),
    Example(
      "A script with its interpreter, and a bill of materials",
      "garboard-scratch --libraries run.sh /bin/dash:/bin/sh --sbom run.spdx.json -o run.oci.tar"),
    Example(
      "A Dockerfile without RUN", "garboard-scratch -f context/Dockerfile context -t app -o app.oci.tar"),
    Example(
      "The same as a plain tar, made anew",
      "garboard-scratch -f context/Dockerfile context --single-layer --no-cache -o app.tar"),
  ]

  @OptionGroup var common: CommonOptions
  @OptionGroup(title: "Image") var image: ImageOptions
  @OptionGroup(title: "Programs") var programs: ProgramOptions
  @OptionGroup(title: "Dockerfile") var dockerfile: DockerfileOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Build from this Dockerfile; the argument is the context.", valueName: "dockerfile"),
    completion: .file())
  var file: String?

  @Argument(
    help: ArgumentHelp("The programs, or with --file the context.", valueName: "file[:dest]|context"),
    completion: .file())
  var sources: [String] = []

  func validate() throws {
    if file == nil {
      if sources.isEmpty, programs.base == nil { throw ValidationError("Name a program.") }
      if sources.isEmpty, !programs.addsSomething {
        throw ValidationError("Name a program, or an option that adds something to the base.")
      }
      if programs.base != nil, programs.multiArch {
        throw ValidationError("--base and --multi-arch exclude each other: a base is for one platform.")
      }
      return
    }
    if sources.count != 1 { throw ValidationError("--file takes one context, not \(sources.count).") }
    if let option = programs.firstGiven { throw ValidationError("\(option) and --file exclude each other.") }
  }

  mutating func run() throws {
    if let file {
      try DockerfileMode(
        file: file, context: sources[0], options: dockerfile, common: common, image: image
      ).run()
    } else {
      try ProgramMode(sources: sources, options: programs, common: common, image: image).run()
    }
  }
}
