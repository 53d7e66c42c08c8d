import Archive
import ArgumentParser
import Cache
import CommandSupport
import ContextBuild
import Digest
import Dockerfile
import Image
import OCI
import Posix
import Rootfs
import SystemPackage

/// What only builds from a Dockerfile have.
struct DockerfileOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Build this stage, by name or number (default: the last).", valueName: "stage"))
  var target: String?

  @Option(
    help: ArgumentHelp(
      "The value of an ARG; without = it is the environment's. May be repeated.", valueName: "name[=value]"))
  var buildArg: [String] = []

  @Option(
    help: ArgumentHelp(
      "What the name of an image or context stands for: an image's location, or a folder. May be repeated.",
      valueName: "name=location"))
  var buildContext: [String] = []

  @Option(
    help: ArgumentHelp(
      "The digest that a file must have that ADD fetches. May be repeated.", valueName: "url=sha256:hex"))
  var urlDigest: [String] = []

  @Flag(help: "Make every layer anew, also those that the cache has.")
  var noCache = false

  @Flag(help: "Join the layers of the instructions into one.")
  var singleLayer = false

  @OptionGroup var cache: CacheOptions

  /// The values of ARGs.
  func arguments() -> [String: String] {
    var values: [String: String] = [:]
    for text in buildArg {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      // As docker: one that the environment doesn't have either is not given at all.
      if let value = parts.count == 2 ? parts[1] : environment(parts[0]) { values[parts[0]] = value }
    }
    return values
  }

  /// What names stand for.
  func contexts() throws -> [String: String] {
    var values: [String: String] = [:]
    for text in buildContext {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw ValidationError("--build-context takes NAME=LOCATION, not \"\(text)\".")
      }
      values[parts[0]] = parts[1]
    }
    return values
  }

  /// The digests of files that are fetched.
  func digests() throws -> [String: Digest] {
    var values: [String: Digest] = [:]
    for text in urlDigest {
      // A URL may have one too.
      guard let equals = text.lastIndex(of: "="), equals != text.startIndex else {
        throw ValidationError("--url-digest takes URL=sha256:HEX, not \"\(text)\".")
      }
      do { values[String(text[..<equals])] = try Digest(String(text[text.index(after: equals)...])) } catch {
        throw ValidationError("--url-digest: \(error)")
      }
    }
    return values
  }

  func validate() throws {
    _ = try contexts()
    _ = try digests()
  }
}

/// Takes a tree that only its bill of materials is wanted of.
final class NoSink: EntrySink {
  func add(_ entry: Entry) {}
  func write(_ bytes: UnsafeRawBufferPointer) {}
  func restart() throws -> any EntrySource { throw ImageError(.unsupported("starting over"), at: "") }
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

  /// The most bytes of a Dockerfile or `.dockerignore`.
  private static let textLimit = 4 << 20

  func run() throws {
    let destinations = try image.destinations()
    if common.json, destinations.contains(.stream) {
      throw ValidationError("--json and an image on standard output exclude each other.")
    }
    let isPlain = destinations.contains { $0.plainPath != nil }
    if isPlain, destinations.contains(where: { $0.plainPath == nil }), !options.singleLayer {
      throw ValidationError(
        "A plain tar or folder holds one layer: use --single-layer, or make it in a run of its own.")
    }
    let text = try read(file)
    var request = BuildRequest(
      file: file == "-" ? "Dockerfile" : file, text: text, context: FilePath(context))
    request.ignored = try ignored()
    request.target = options.target
    request.arguments = options.arguments()
    request.contexts = try options.contexts()
    request.digests = try options.digests()
    request.platform = image.platform
    request.usesCache = !options.noCache
    request.joinsLayers = options.singleLayer
    request.remote = image.registries.stores(common)
    request.compression = image.layerCompression
    request.created = try image.givenTime()
    request.jobs = common.jobs
    request.changes = try image.changes()
    request.annotations = Dictionary(
      image.annotation.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last })

    let cache = try Cache(options.cache.directory, limit: options.cache.limit ?? Cache.defaultLimit)
    let builder = try DockerfileBuilder(request, cache: cache)
    for warning in builder.warnings { Console.shared.warning(warning) }
    builder.onStep = { Console.shared.result([line(of: $0)]) }
    let outputs = try ImageOutputs(
      destinations, tags: image.tag, remote: image.registries.stores(common))
    outputs.jobs = common.jobs
    outputs.keepsBlobs = image.wantsPage
    let built = try builder.build(to: outputs, isPlain: isPlain)
    let packages = try image.noting(NoSink()) { sink in
      if image.sbom != nil { try builder.sendTree(to: sink) }
    }
    _ = try outputs.finish([built.image])
    try image.writeBill([(built.image, packages)], common: common)
    try cache.trim()
    let layers = built.layers.map {
      ImageSummary.Layer(
        digest: $0.descriptor.digest, diffID: $0.diffID, mediaType: $0.descriptor.mediaType.rawValue,
        size: $0.descriptor.size, uncompressedSize: $0.uncompressedSize, entries: $0.entries,
        createdBy: $0.createdBy)
    }
    let summary = ImageSummary(
      reference: image.tag.first, platform: built.image.config.content.platform,
      digest: built.image.manifest.digest, outputs: image.output, layers: layers)
    try image.present([summary], of: outputs.images, common: common)
  }

  /// "[build 2/5] COPY a /  CACHED".
  private func line(of step: BuildStep) -> String {
    let title = displayed(Array(step.title.utf8))
    switch step.isCached {
    case true: return "\(title)  CACHED"
    case false: return "\(title)  \(seconds(step.duration))"
    case nil: return title
    }
  }

  private func seconds(_ duration: Duration) -> String {
    let hundredths = Int((duration / .milliseconds(10)).rounded())
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)s"
  }

  private func read(_ name: String) throws -> [UInt8] {
    if name != "-" { return try readWhole(try openFile(FilePath(name), .read), name) }
    return try readWhole(try openFile("/dev/stdin", .read), "standard input")
  }

  private func readWhole(_ file: borrowing Posix.Descriptor, _ name: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
      while case let count = try file.read(into: buffer), count > 0 {
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        if bytes.count > Self.textLimit {
          throw ValidationError("\(name) has more than \(Self.textLimit) bytes.")
        }
      }
    }
    return bytes
  }

  /// The patterns beside the Dockerfile, else those of the context.
  private func ignored() throws -> IgnorePatterns {
    var names = [FilePath(context).appending(".dockerignore").string]
    if file != "-" { names.insert(file + ".dockerignore", at: 0) }
    for name in names {
      let bytes: [UInt8]
      do {
        bytes = try read(name)
      } catch let error as PosixError where error.errno == .noSuchFileOrDirectory {
        continue
      }
      do { return try IgnorePatterns(parsing: bytes) } catch { throw BuildError(error, in: name) }
    }
    return IgnorePatterns()
  }
}
