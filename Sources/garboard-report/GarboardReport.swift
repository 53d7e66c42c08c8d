public import ArgumentParser
import CommandSupport
import Digest
import Image
import OCI
import Posix
import SizeReport
import SystemPackage

/// Says what is in the layers of images, and what each changed.
struct GarboardReport: GarboardTool {
  static let name = "garboard-report"
  static let abstract = "Show where the bytes of container images are"
  static let explanation = """
    Reads OCI layouts, OCI archives and docker archives, and prints each layer's size, entries, and what it \
    added, changed, removed and wasted. Wasted are bytes that a layer stores and later layers hide or replace, \
    each byte once.

    Sizes of layers and of the whole are compressed, as a pull transfers them; those of packages, files and \
    directories are of the files in the final tree. A broken budget ends with exit status 1.
    """
  static let examples = [
    Example("The layers of an image", "garboard-report output/debian-trixie.oci.tar"),
    Example("The ten largest files and the most wasted ones", "garboard-report --top 10 image.oci.tar"),
    Example("Bytes for each package", "garboard-report --by package --top 20 image.oci.tar"),
    Example(
      "A check for CI", "garboard-report -q --budget 'wasted<1%' image.oci.tar"),
    Example(
      "What changed between two images",
      "garboard-report --compare image.oci.tar output/debian-trixie.oci.tar"
    ),
    Example("A page with a map of the tree", "garboard-report -q --html report.html image.oci.tar"),
    Example(
      "What two images share, and what both take in one layout",
      "garboard-report --shared image.oci.tar output/debian-trixie.oci.tar"),
    Example("Everything for programs", "garboard-report --json --by package --top 10 oci:layout:latest"),
  ]

  @OptionGroup var common: CommonOptions
  @OptionGroup(title: "Registries") var registries: RegistryOptions

  @Argument(
    help: ArgumentHelp(
      """
      Images: oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG], a path, or - for \
      standard input.
      """,
      valueName: "image"),
    completion: .file())
  var images: [String]

  @Option(
    help: ArgumentHelp(
      "The platform, where there are several (default: all of them).", valueName: "os/arch[/variant]"),
    transform: { try Platform($0) })
  var platform: Platform?

  @Option(
    help: ArgumentHelp(
      "Show the n largest files of the tree and the n paths that waste most; with --by, its n largest rows.",
      valueName: "n"))
  var top: Int?

  @Option(
    help: ArgumentHelp(
      "Show the bytes of the tree by layer, package, directory, file or extension.", valueName: "what"))
  var by: Grouping?

  @Option(help: ArgumentHelp("How deep directories are told apart with --by directory.", valueName: "n"))
  var depth = 2

  @Option(
    help: ArgumentHelp("Show this layer alone (1 is the lowest), and the files it stores.", valueName: "n"))
  var layer: Int?

  @Option(
    name: .customLong("budget"),
    help: ArgumentHelp(
      """
      Fail when this does not hold: total<30MB, uncompressed<80MB, layer<10MB, layer:2<1MB, wasted<1%, \
      entries<5000, package:NAME<9MB, file:/PATH<1MB, dir:/PATH<5MB; < or <= (repeatable).
      """, valueName: "expression"),
    transform: { try Budget($0) })
  var budgets: [Budget] = []

  @Option(
    help: ArgumentHelp(
      "Show what changed since this image, which comes before the other: --compare BEFORE AFTER.",
      valueName: "image"),
    completion: .file())
  var compare: String?

  @Option(
    help: ArgumentHelp(
      "Write the report to this file as one page of HTML with a map of the tree.", valueName: "file"),
    completion: .file(extensions: ["html"]), transform: { FilePath($0) })
  var html: FilePath?

  @Flag(help: "Show how many bytes each image has in common with the others, and what all take together.")
  var shared = false

  func validate() throws {
    if shared, compare != nil || layer != nil || by != nil || top != nil || !budgets.isEmpty || html != nil {
      throw ValidationError("--shared excludes --compare, --layer, --by, --top, --budget and --html.")
    }
    if images.isEmpty {
      throw ValidationError(compare == nil ? "Name an image." : "--compare takes two images: BEFORE AFTER.")
    }
    if compare != nil {
      if images.count > 1 { throw ValidationError("--compare takes two images: BEFORE AFTER.") }
      if layer != nil { throw ValidationError("--compare and --layer exclude each other.") }
    }
    if let top, top < 1 { throw ValidationError("--top takes a number from 1, not \(top).") }
    if let layer, layer < 1 { throw ValidationError("--layer takes a number from 1, not \(layer).") }
    if depth < 0 { throw ValidationError("--depth takes a number from 0, not \(depth).") }
  }

  func run() throws {
    if shared { return try SharedReport(self).run() }
    var documents: [JSONValue] = []
    var texts: [String] = []
    var hasBroken = false
    var earlier: ImageReport?
    let remote = registries.stores(common)
    if let compare {
      let image = try ImageSource(try ImageLocation(compare, for: .input), remote: remote).select(
        platform: platform)
      let report = try ImageReport(reading: image, at: compare, comparing: true)
      documents.append(document(image, report, [], location: compare))
      texts.append(ReportText(self, image, report, location: compare).layers)
      earlier = report
    }
    var comparison: ComparisonText?
    var page = html.map { _ in ReportPage(title: images.joined(separator: " ")) }
    for text in images {
      let source = try ImageSource(try ImageLocation(text, for: .input), remote: remote)
      for image in try chosen(source) {
        let report = try ImageReport(reading: image, at: text, comparing: compare != nil)
        if let earlier { comparison = ComparisonText(self, earlier, report) }
        if let layer, layer > report.layers.count {
          throw ValidationError("There is no layer \(layer) in \(text): it has \(report.layers.count).")
        }
        page?.add(image, report, location: text)
        let results = budgets.map { $0.check(report) }
        for result in results { hasBroken = tell(result, of: text) || hasBroken }
        if common.json {
          documents.append(document(image, report, results, location: text))
        } else if !common.quiet {
          let shown = ReportText(self, image, report, location: text)
          texts += comparison.map { [shown.layers, $0.text] } ?? [shown.text]
        }
      }
    }
    if let html, let page { try AtomicFile.write(page.html, to: html) }
    if common.json {
      var object = JSONObject()
      object["images"] = .array(documents)
      if let comparison { object["comparison"] = comparison.json }
      try printOutput(String(decoding: JSONWriter.indentedBytes(of: .object(object)), as: UTF8.self))
    } else if !common.quiet {
      try printOutput(texts.joined(separator: "\n"))
    }
    if hasBroken { throw ExitCode.failure }
  }

  /// The images of a location: those of all platforms, when none is asked for.
  private func chosen(_ source: ImageSource) throws -> [Image] {
    if platform != nil || compare != nil { return [try source.select(platform: platform)] }
    let images = try source.images(named: source.location.imageName)
    if images.isEmpty {
      throw ImageError(.noSuchImage(wanted: "to report on", available: []), at: "\(source.location)")
    }
    return images
  }

  /// Says when a budget is broken, or is about nothing; whether it is broken.
  private func tell(_ result: Budget.Result, of location: String) -> Bool {
    if !result.isPresent {
      Console.shared.warning("\(location): nothing in it is what \"\(result.budget.expression)\" is about")
    }
    if !result.holds {
      Console.shared.error(
        "\(location): over budget: \(result.budget.expression), but it is \(ReportText.actual(of: result))")
    }
    return !result.holds
  }

  private func document(
    _ image: Image, _ report: ImageReport, _ results: [Budget.Result], location: String
  ) -> JSONValue {
    var object = JSONObject()
    object["location"] = .string(location)
    object["reference"] = image.names.first.map { .string($0) } ?? .null
    object["names"] = .array(image.names.map { .string($0) })
    object["platform"] = .string(image.platform.description)
    object["digest"] = .string(image.digest.description)
    let numbers = report.layers.indices.filter { layer == nil || $0 + 1 == layer }
    object["layers"] = .array(numbers.map { report.layers[$0].json })
    object["totals"] = report.totalsJSON
    if let by, compare == nil {
      let shares = report.shares(by: by, depth: depth, layer: layer)
      var parts = JSONObject()
      parts[by.rawValue] = report.json(Array(shares.prefix(top ?? .max)), by: by)
      object["by"] = .object(parts)
    }
    if let top, compare == nil {
      object["largest"] = .array(report.largestFiles(top, layer: layer).map(\.json))
      object["mostWasted"] = .array(report.mostWasted(top, layer: layer).map(\.json))
    }
    if !results.isEmpty { object["budgets"] = .array(results.map(\.json)) }
    return .object(object)
  }
}

extension Grouping: ExpressibleByArgument {}
