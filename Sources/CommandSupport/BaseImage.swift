public import Archive
import Digest
public import Image
public import OCI

/// The image that `--base` names, read once from its lowest layer up.
public struct BaseImage {
  /// The image.
  public let image: Image
  /// Its layers, for the table at the end.
  public let layers: [ImageSummary.Layer]

  /// Reads all layers; each is verified on the way.
  ///
  /// - Parameters:
  ///   - location: where it is, as it was written.
  ///   - platform: which image of an index; the machine's when nil.
  ///   - apply: takes the entries of each layer, the lowest first.
  /// - Throws: `ImageError`, `LayerReadingError`, and what `apply` throws.
  public init(
    _ location: String, platform: Platform?, registries: RegistryOptions, common: CommonOptions,
    apply: (any EntrySource) throws -> Void
  ) throws {
    let source = try ImageSource(try ImageLocation(location, for: .input), remote: registries.stores(common))
    image = try source.select(platform: platform)
    let progress = Progress(
      "reading the base",
      total: image.layers.reduce(UInt64(0)) { sum, layer in
        sum.addingReportingOverflow(layer.descriptor.size).partialValue
      })
    defer { progress.finish() }
    var layers: [ImageSummary.Layer] = []
    for (index, layer) in image.layers.enumerated() {
      let reading = LayerReading(layer.descriptor, diffID: layer.diffID, number: index + 1)
      var entries: UInt64 = 0
      let size = try reading.read(try layer.open(), tap: { progress.add($0.count) }) { source in
        let counted = CountedEntries(source)
        try apply(counted)
        entries = counted.count
      }
      layers.append(
        ImageSummary.Layer(
          digest: layer.descriptor.digest, diffID: layer.diffID,
          mediaType: layer.descriptor.mediaType.rawValue, size: layer.descriptor.size,
          uncompressedSize: size, entries: entries, createdBy: layer.history?.createdBy ?? ""))
    }
    self.layers = layers
  }
}

/// Entries on their way, counted.
private final class CountedEntries: EntrySource {
  private let source: any EntrySource
  private(set) var count: UInt64 = 0

  init(_ source: any EntrySource) { self.source = source }

  func next() throws -> Entry? {
    let entry = try source.next()
    if entry != nil { count += 1 }
    return entry
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try source.read(into: buffer) }
}
