public import Image
import OCI
import Posix
public import SizeReport
import SystemPackage

extension ImageReport {
  /// Reads an image; shows how far that is, and says what could not be told.
  ///
  /// - Parameters:
  ///   - location: where it is, for messages.
  ///   - comparing: whether the report is to be compared with another.
  /// - Throws: `LayerReadingError`, `ImageError`.
  public init(reading image: Image, at location: String, comparing: Bool = false) throws {
    let total = image.layers.reduce(UInt64(0)) { sum, layer in
      let (next, overflow) = sum.addingReportingOverflow(layer.descriptor.size)
      return overflow ? .max : next
    }
    let progress = Progress("Reading \(location)", total: total)
    defer { progress.finish() }
    try self.init(of: image, comparing: comparing) { progress.add($0) }
    progress.finish()
    for notice in notices { Console.shared.notice("\(location): \(notice)") }
  }
}

/// The end of a tool's work: what was made is shown, and written to `--report`'s file.
extension ImageOptions {
  /// Whether a report is wanted that looks into the layers, so that they must be readable once they are made.
  public var wantsPage: Bool { report?.string.hasSuffix(".html") ?? false }

  /// Shows what was made: the table on standard error, with `--json` the document on standard output; with
  /// `--report` a file has the document, or a page.
  ///
  /// - Parameter images: the images themselves, where a page is wanted of them.
  /// - Throws: `PosixError`; for a page `LayerReadingError` and `ImageError` too.
  public func present(_ summaries: [ImageSummary], of images: [Image], common: CommonOptions) throws {
    if let report {
      let bytes =
        wantsPage
        ? try page(of: images)
        : JSONWriter.indentedBytes(of: ImageSummary.document(summaries))
      try AtomicFile.write(bytes, to: report)
    }
    try ImageSummary.present(summaries, common)
  }

  /// What `garboard-report --html` writes of the images, where they are one after the other.
  private func page(of images: [Image]) throws -> [UInt8] {
    let location = output.joined(separator: " ")
    var page = ReportPage(title: location)
    for image in images { page.add(image, try ImageReport(reading: image, at: location), location: location) }
    return page.html
  }
}
