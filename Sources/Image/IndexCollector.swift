import Digest
import OCI

/// Finds all images that an image layout's index lists, through the indexes in it.
struct IndexCollector {
  private(set) var images: [Image] = []
  private(set) var others: [OCI.Descriptor] = []
  private(set) var missing: [OCI.Descriptor] = []
  /// What `index.json` lists itself.
  private(set) var entries: [OCI.Descriptor] = []
  private let store: any BlobStore
  private let names: [String: [String]]
  private var positions: [Digest: Int] = [:]
  private var count = 0

  /// How deep indexes are nested: one for platforms is usual, and none needs more than a few.
  private static let depthLimit = 4
  private static let countLimit = 10_000

  /// Reads `index.json` of a store.
  ///
  /// - Parameter names: further names of images, by the hex digest of their configuration.
  init(_ store: any BlobStore, names: [String: [String]]) throws {
    self.store = store
    self.names = names
    let index = try store.index()
    entries = index.manifests
    try collect(index, names: [], depth: 1)
  }

  private func document<Value>(_ body: () throws(DocumentError) -> Value) throws(ImageError) -> Value {
    do { return try body() } catch { throw ImageError(.document(error), at: store.place) }
  }

  private mutating func collect(_ index: ImageIndex, names inherited: [String], depth: Int) throws {
    if depth > Self.depthLimit {
      throw ImageError(.limit("indexes are nested deeper than \(Self.depthLimit) levels"), at: store.place)
    }
    for descriptor in index.manifests {
      count += 1
      if count > Self.countLimit {
        throw ImageError(.limit("the index lists more than \(Self.countLimit) manifests"), at: store.place)
      }
      let own = [Descriptor.referenceName, Descriptor.containerdName].compactMap {
        descriptor.annotations[$0]
      }
      let names = inherited + own
      switch descriptor.mediaType.kind {
      case .index:
        guard try store.stored(descriptor) != nil else {
          missing.append(descriptor)
          continue
        }
        let bytes = try store.read(descriptor, limit: ImageIndex.limits.size)
        let nested = try document { () throws(DocumentError) in
          try Document<ImageIndex>(parsing: bytes, as: descriptor.mediaType)
        }
        try collect(nested.content, names: names, depth: depth + 1)
      case .manifest: try add(descriptor, names: names)
      case .config, .layer, .other: others.append(descriptor)
      }
    }
  }

  private mutating func add(_ descriptor: OCI.Descriptor, names: [String]) throws {
    if descriptor.platform?.isUnknown == true || descriptor.artifactType != nil {
      others.append(descriptor)
      return
    }
    // The same image under several names is one image.
    if let position = positions[descriptor.digest] {
      let known = images[position]
      images[position] = Image(
        names: Self.merged(known.names + names), descriptor: known.descriptor, manifest: known.manifest,
        config: known.config, layers: known.layers)
      return
    }
    guard try store.stored(descriptor) != nil else {
      missing.append(descriptor)
      return
    }
    let bytes = try store.read(descriptor, limit: Manifest.limits.size)
    let manifest = try document { () throws(DocumentError) in
      try Document<Manifest>(parsing: bytes, as: descriptor.mediaType)
    }
    guard manifest.content.isImage else {
      others.append(descriptor)
      return
    }
    let configBytes = try store.read(manifest.content.config, limit: ImageConfig.limits.size)
    let config = try document { () throws(DocumentError) in try Document<ImageConfig>(parsing: configBytes) }
    let names = Self.merged(names + (self.names[config.digest.hex] ?? []))
    positions[descriptor.digest] = images.count
    images.append(
      try Image(names: names, descriptor: descriptor, manifest: manifest, config: config, store: store))
  }

  /// Sorted, each once. A familiar reference and its full form are both kept: either may be asked for.
  private static func merged(_ names: [String]) -> [String] { Array(Set(names)).sorted() }
}

extension Image {
  /// An image whose layers are blobs of a store.
  init(
    names: [String], descriptor: OCI.Descriptor, manifest: Document<Manifest>, config: Document<ImageConfig>,
    store: any BlobStore
  ) throws {
    let diffIDs = config.content.diffIDs
    guard diffIDs.count == manifest.content.layers.count else {
      throw ImageError(
        .inconsistent(
          "the image \(manifest.digest) has \(manifest.content.layers.count) layers, "
            + "but its configuration lists \(diffIDs.count) (rootfs.diff_ids)"), at: store.place)
    }
    if let odd = manifest.content.layers.first(where: { !$0.mediaType.isLayer }) {
      throw ImageError(.unsupported("a layer of the media type \(odd.mediaType)"), at: store.place)
    }
    let history = config.content.layerHistory
    var layers: [Layer] = []
    for (index, layer) in manifest.content.layers.enumerated() {
      layers.append(
        Layer(layer, diffID: diffIDs[index], history: history?[index]) { try store.open(layer) })
    }
    self.init(names: names, descriptor: descriptor, manifest: manifest, config: config, layers: layers)
  }
}
