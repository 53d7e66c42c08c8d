public import Archive
public import Image

extension PackageInventory {
  /// The packages in the final tree of an image, whose layers are read for it.
  ///
  /// - Parameters:
  ///   - archiveLimits: bounds on the archives of layers.
  ///   - isKept: whether an entry is in the image after all.
  /// - Throws: `LayerReadingError`, `ImageError`.
  public init(
    of image: Image, reading: (inout LayerReading) -> Void = { _ in }, isKept: (Entry) -> Bool = { _ in true }
  ) throws {
    self.init()
    for (index, layer) in image.layers.enumerated() {
      var own = LayerReading(layer.descriptor, diffID: layer.diffID, number: index + 1)
      reading(&own)
      _ = try own.read(try layer.open()) { source in try take(layer: source, isKept: isKept) }
    }
  }
}
