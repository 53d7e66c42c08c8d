public import Image

extension PackageInventory {
  /// Puts a layer of an image on top, which is read for it.
  ///
  /// - Parameter reading: sets the bounds of reading.
  /// - Throws: `LayerReadingError`, `ImageError`.
  public mutating func put(
    _ layer: Layer, number: Int, reading: (inout LayerReading) -> Void = { _ in }
  ) throws {
    var own = LayerReading(layer.descriptor, diffID: layer.diffID, number: number)
    reading(&own)
    _ = try own.read(try layer.open()) { source in try put(source) }
  }

  /// The packages in the final tree of an image, whose layers are read for it.
  ///
  /// - Parameter reading: sets the bounds of reading.
  /// - Throws: `LayerReadingError`, `ImageError`.
  public init(of image: Image, reading: (inout LayerReading) -> Void = { _ in }) throws {
    self.init()
    for (index, layer) in image.layers.enumerated() { try put(layer, number: index + 1, reading: reading) }
  }
}
