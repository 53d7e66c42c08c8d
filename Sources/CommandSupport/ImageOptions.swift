public import ArgumentParser
public import Codec
public import Dockerfile
public import Image
public import OCI
import Posix
public import SystemPackage

/// The options of every tool that makes an image.
public struct ImageOptions: ParsableArguments {
  /// Where the image goes, as it was written.
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Where the image goes; may be repeated.",
      discussion: """
        oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG], docker://HOST/NAME[:TAG], \
        tar:FILE or rootfs:DIR. Without one of these, the name decides: *.oci.tar, *.docker.tar, *.tar[.gz|.xz|.zst|.bz2], else an OCI layout \
        directory. - writes a docker-archive to standard output.
        """,
      valueName: "dest"),
    completion: .file())
  public var output: [String] = []

  /// The image's names.
  @Option(
    name: .shortAndLong, help: ArgumentHelp("A name of the image; may be repeated.", valueName: "name:tag"),
    transform: { try Reference($0).withTag })
  public var tag: [Reference] = []

  /// How layers are compressed.
  @Option(
    help: ArgumentHelp(
      "How layers are compressed: gzip, zstd or none, with a level (default: gzip:4).",
      valueName: "format[:level]"),
    completion: .list(["gzip", "zstd", "none"]), transform: Self.layerCompression)
  var compression: CompressionSettings?

  /// How layers are compressed.
  public var layerCompression: CompressionSettings { compression ?? .default }

  /// Changes of the image's configuration, as they were written.
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Apply a Dockerfile instruction to the configuration; may be repeated.",
      discussion: """
        CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME or WORKDIR.
        """,
      valueName: "instruction"))
  public var change: [String] = []

  /// The changes as instructions, in order.
  ///
  /// - Throws: `DockerfileError`.
  public func changes() throws -> [Instruction] { try Instruction.parseChanges(change) }

  /// The image's platform, when the user named one.
  @Option(
    help: ArgumentHelp("The image's platform.", valueName: "os/arch[/variant]"),
    transform: { try Platform($0) })
  public var platform: Platform?

  /// Annotations of the manifest.
  @Option(
    help: ArgumentHelp("An annotation of the manifest; may be repeated.", valueName: "key=value"),
    transform: Annotation.init(parsing:))
  public var annotation: [Annotation] = []

  @Option(
    help: ArgumentHelp(
      """
      When the image was made: RFC 3339, or seconds since 1970 (default: $SOURCE_DATE_EPOCH, else the newest \
      time in the content).
      """, valueName: "time"),
    transform: parseTime)
  var created: CreationTime?

  /// A file that gets the JSON document, or a page.
  @Option(
    help: ArgumentHelp(
      """
      Write what was made to this file too: *.json as --json prints it, *.html as garboard-report --html draws it.
      """, valueName: "file"),
    completion: .file(extensions: ["json", "html"]), transform: Self.reportFile)
  public var report: FilePath?

  /// A file that gets the bill of materials.
  @Option(
    help: ArgumentHelp(
      "Write what Debian packages the image has to this file, in SPDX 2.3 as JSON.", valueName: "file"),
    completion: .file(extensions: ["json"]), transform: { FilePath($0) })
  public var sbom: FilePath?

  /// The destinations.
  ///
  /// - Throws: `ValidationError` when there is none, and `ImageError`.
  public func destinations() throws -> [ImageLocation] {
    guard !output.isEmpty else {
      throw ValidationError(
        "Say where the image goes: -o DEST, or -o - for a docker-archive on standard output.")
    }
    try checkFiles()
    return try output.map { try ImageLocation($0, for: .output) }
  }

  /// Finds out at the start which of the files beside the image can't be written at the end.
  ///
  /// - Throws: `PosixError`.
  public func checkFiles() throws {
    for file in [report, sbom] { if let file { _ = try AtomicFile(file) } }
  }

  /// How registries are reached.
  @OptionGroup public var registries: RegistryOptions

  /// Nothing given.
  public init() {}

  /// Refuses changes that are no instructions.
  public func validate() throws {
    do { _ = try changes() } catch { throw ValidationError("--change: \(error)") }
  }

  /// The time that the user asked for: `--created`, else `SOURCE_DATE_EPOCH`; nil when there is neither.
  ///
  /// - Throws: `ValidationError` when `SOURCE_DATE_EPOCH` is no number of seconds.
  public func givenTime() throws -> CreationTime? {
    if let created { return created }
    guard let text = environment("SOURCE_DATE_EPOCH") else { return nil }
    guard let seconds = Int64(text), CreationTime.range.contains(seconds) else {
      throw ValidationError("SOURCE_DATE_EPOCH must be a number of seconds, not \"\(text)\".")
    }
    return CreationTime(seconds: seconds)
  }

  private static func layerCompression(_ text: String) throws -> CompressionSettings {
    let settings = try CompressionSettings(parsing: text)
    // The image specification has media types for these alone.
    guard [.gzip, .zstd, .none].contains(settings.format) else {
      throw ValidationError("layers are compressed with gzip, zstd or none")
    }
    return settings
  }

  private static func reportFile(_ text: String) throws -> FilePath {
    guard [".json", ".html"].contains(where: { text.hasSuffix($0) }) else {
      throw ValidationError("the name must end in .json or .html")
    }
    return FilePath(text)
  }
}

/// A time as options take it: RFC 3339, or seconds since 1970.
func parseTime(_ text: String) throws -> CreationTime {
  guard let seconds = Int64(text) else { return try CreationTime(text) }
  guard CreationTime.range.contains(seconds) else {
    throw ValidationError("the year must be one of 0 to 9999")
  }
  return CreationTime(seconds: seconds)
}

/// A key and a value that say something about an image.
public struct Annotation: Sendable, Hashable {
  /// What it says something of, as `org.opencontainers.image.title`.
  public var key: String
  /// What it says.
  public var value: String

  init(parsing text: String) throws {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw ValidationError("it must be a key, = and a value")
    }
    key = String(text[..<equals])
    value = String(text[text.index(after: equals)...])
  }
}
