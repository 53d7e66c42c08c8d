import CommandSupport
import Digest
import Glibc
import Image
import OCI
import SizeReport

/// `--shared`: what several images have in common. Only manifests are read, no layers.
struct SharedReport {
  private let options: GarboardReport

  init(_ options: GarboardReport) { self.options = options }

  func run() throws {
    let remote = options.registries.stores(options.common)
    var contents: [SharedSizes.Contents] = []
    for text in options.images {
      let source = try ImageSource(try ImageLocation(text, for: .input), remote: remote)
      let plans = try source.copyPlans(platform: options.platform)
      if plans.isEmpty {
        throw ImageError(.noSuchImage(wanted: "to report on", available: []), at: "\(source.location)")
      }
      for plan in plans {
        // Where a place has several images, their own names tell them apart.
        let own = plan.images.first?.names.first ?? "sha256:\(plan.top.digest.short)"
        contents.append(SharedSizes.Contents(plans.count > 1 ? "\(text) \(own)" : text, plan))
      }
    }
    let sizes = SharedSizes(contents)
    if options.common.json {
      try printOutput(String(decoding: JSONWriter.indentedBytes(of: sizes.json), as: UTF8.self))
    } else if !options.common.quiet {
      let width = isatty(1) == 1 ? Console.shared.width : nil
      try printOutput(sizes.lines(width: width).joined(separator: "\n") + "\n")
    }
  }
}
