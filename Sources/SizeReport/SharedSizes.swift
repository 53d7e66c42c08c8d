public import Digest
public import Image
public import OCI

/// What several images have in common, in stored bytes: what pulls transfer and stores keep.
///
/// A blob counts once, whatever it is named by: layers, configurations, manifests and indexes. So
/// `total == sum of unique + shared`, and that is what the blobs of one image layout with all of the images have.
public struct SharedSizes: Sendable {
  /// What one image is made of.
  public struct Contents: Sendable {
    /// What it is called, for people.
    public var name: String
    /// The digest that the name leads to.
    public var digest: Digest
    /// The platforms of its images.
    public var platforms: [Platform]
    /// All its blobs with their sizes in bytes.
    public internal(set) var blobs: [Digest: UInt64] = [:]
    /// Those of them that are layers, in order, each once.
    public internal(set) var layers: [Digest] = []

    /// Everything that a copy would move.
    public init(_ name: String, _ plan: ImageCopyPlan) {
      self.name = name
      digest = plan.top.digest
      platforms = plan.images.map(\.platform)
      for blob in plan.blobs { blobs[blob.descriptor.digest] = blob.descriptor.size }
      for document in plan.documents { blobs[document.descriptor.digest] = document.descriptor.size }
      for image in plan.images { add(image.manifest.content.layers) }
    }

    /// An image of one platform, or several of them and the index that lists them.
    public init(_ name: String, _ images: [ImageToStore], index: OCI.Descriptor? = nil) {
      self.name = name
      digest = index?.digest ?? images.first?.manifest.digest ?? SHA256.digest([])
      platforms = images.map(\.config.content.platform)
      if let index { blobs[index.digest] = index.size }
      for image in images {
        blobs[image.manifest.digest] = image.manifest.size
        blobs[image.config.digest] = image.config.size
        add(image.manifest.content.layers)
      }
    }

    private mutating func add(_ descriptors: [OCI.Descriptor]) {
      for layer in descriptors {
        // What is not distributable is in no store.
        if case .layer(_, isDistributable: false) = layer.mediaType.kind { continue }
        blobs[layer.digest] = layer.size
        if !layers.contains(layer.digest) { layers.append(layer.digest) }
      }
    }
  }

  /// One image among the others.
  public struct Row: Sendable {
    /// The image.
    public var contents: Contents
    /// The bytes of its blobs.
    public var size: UInt64
    /// Those that another of the images has too.
    public var shared: UInt64
    /// Those that no other has: what removing it alone gives back.
    public var unique: UInt64
    /// How many of its layers another of the images has too.
    public var sharedLayers: Int
  }

  /// A layer that several images have.
  public struct SharedLayer: Sendable {
    /// Its digest.
    public var digest: Digest
    /// Its stored bytes.
    public var size: UInt64
    /// The images that have it, by their position.
    public var images: [Int]
  }

  /// The images, in the order in which they were given.
  public let rows: [Row]
  /// The layers that several images have, those that save most first, then by digest.
  public let sharedLayers: [SharedLayer]
  /// How many different layers there are.
  public let layerCount: Int
  /// The bytes of all blobs, each once.
  public let total: UInt64
  /// The bytes of the blobs that several images have, each once.
  public let shared: UInt64

  /// What the images would take one by one: more than `total` by what sharing saves.
  public var separate: UInt64 { rows.reduce(0) { sum($0, $1.size) } }

  /// Compares images with each other.
  public init(_ images: [Contents]) {
    var owners: [Digest: (size: UInt64, images: [Int])] = [:]
    for (index, image) in images.enumerated() {
      for (digest, size) in image.blobs {
        owners[digest, default: (size, [])].images.append(index)
      }
    }
    func isShared(_ digest: Digest) -> Bool { (owners[digest]?.images.count ?? 0) > 1 }
    rows = images.map { image in
      var row = Row(contents: image, size: 0, shared: 0, unique: 0, sharedLayers: 0)
      for (digest, size) in image.blobs {
        row.size = sum(row.size, size)
        if isShared(digest) { row.shared = sum(row.shared, size) } else { row.unique = sum(row.unique, size) }
      }
      row.sharedLayers = image.layers.count(where: isShared)
      return row
    }
    total = owners.values.reduce(0) { sum($0, $1.size) }
    shared = owners.values.reduce(0) { $1.images.count > 1 ? sum($0, $1.size) : $0 }
    let layers = Set(images.flatMap(\.layers))
    layerCount = layers.count
    func saving(_ layer: SharedLayer) -> UInt64 {
      layer.size.multipliedReportingOverflow(by: UInt64(layer.images.count - 1)).partialValue
    }
    sharedLayers = layers.compactMap { digest in
      guard let owner = owners[digest], owner.images.count > 1 else { return nil }
      return SharedLayer(digest: digest, size: owner.size, images: owner.images)
    }.sorted { one, other in
      saving(one) != saving(other) ? saving(one) > saving(other) : one.digest.hex < other.digest.hex
    }
  }
}

extension SharedSizes {
  /// All of it as JSON: `images`, `layers` that several have, and `total`, `shared`, `separate` in bytes.
  public var json: JSONValue {
    .object([
      "images": .array(
        rows.map { row in
          .object([
            "name": .string(row.contents.name),
            "digest": .string("\(row.contents.digest)"),
            "platforms": .array(row.contents.platforms.map { .string("\($0)") }),
            "size": number(row.size),
            "shared": number(row.shared),
            "unique": number(row.unique),
            "layers": number(UInt64(row.contents.layers.count)),
            "sharedLayers": number(UInt64(row.sharedLayers)),
          ])
        }),
      "layers": .array(
        sharedLayers.map { layer in
          .object([
            "digest": .string("\(layer.digest)"),
            "size": number(layer.size),
            "images": .array(layer.images.map { number(UInt64($0)) }),
          ])
        }),
      "layerCount": number(UInt64(layerCount)),
      "total": number(total),
      "shared": number(shared),
      "separate": number(separate),
    ])
  }
}
