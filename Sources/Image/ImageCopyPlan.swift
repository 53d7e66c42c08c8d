import Digest
import Posix
public import OCI

/// What is to be copied: everything that one descriptor leads to, byte for byte.
public struct ImageCopyPlan: Sendable {
  /// A manifest or an index.
  public struct CopiedDocument: Sendable {
    /// What it is.
    public var descriptor: OCI.Descriptor
    /// Its bytes.
    public var bytes: [UInt8]
  }

  /// What the name leads to: a manifest or an index.
  public internal(set) var top: OCI.Descriptor
  /// All manifests and indexes, each after what it names.
  public internal(set) var documents: [CopiedDocument] = []
  /// Configurations and layers, each once.
  public internal(set) var blobs: [BlobToCopy] = []
  /// The images among what is copied.
  public internal(set) var images: [Image] = []
  /// What of the documents is about others of them, and nothing else leads to.
  public internal(set) var referrers: [OCI.Descriptor] = []

  init(top: OCI.Descriptor) { self.top = top }

  /// How many bytes the blobs have.
  public var size: UInt64 {
    blobs.reduce(UInt64(0)) { $0.addingReportingOverflow($1.descriptor.size).partialValue }
  }
}

extension ImageSource {
  /// Plans to copy what the location names.
  ///
  /// - Parameters:
  ///   - platform: the platform of the one image that is wanted; all that the name leads to when nil.
  ///   - joining: whether images that a layout lists one by one are joined in a new index, one a platform.
  /// - Throws: `ImageError` where nothing or too much is meant, or something is missing.
  public func copyPlan(platform: Platform? = nil, joining: Bool = false) throws -> ImageCopyPlan {
    if let platform { return plan(for: [try select(platform: platform)]) }
    let roots = try roots(named: location.imageName)
    if let only = roots.first, roots.count == 1 { return try plan(from: only) }
    if joining {
      let images = try images(named: location.imageName)
      if Set(images.map(\.platform)).count == images.count { return plan(for: images) }
    }
    return plan(for: [try select()])
  }

  /// Plans for each image that the location leads to by itself: an index is one with all that it lists.
  ///
  /// - Parameter platform: only the image of this platform.
  /// - Throws: `ImageError` where nothing is meant, or something is missing.
  public func copyPlans(platform: Platform? = nil) throws -> [ImageCopyPlan] {
    if let platform { return [plan(for: [try select(platform: platform)])] }
    let roots = try roots(named: location.imageName)
    if !roots.isEmpty { return try roots.map { try plan(from: $0) } }
    return try images(named: location.imageName).map { plan(for: [$0]) }
  }

  /// What the index lists at its top under a name, each once.
  private func roots(named name: String?) throws -> [OCI.Descriptor] {
    var roots: [OCI.Descriptor] = []
    for entry in entries
    where [.index, .manifest].contains(entry.mediaType.kind) && (entry.artifactType == nil || name != nil) {
      if let name {
        let own = [Descriptor.referenceName, Descriptor.containerdName].compactMap { entry.annotations[$0] }
        let isMeant =
          own.contains(name) || entry.digest.description == name
          || (try? Reference(name).withTag).map { wanted in
            own.contains { (try? Reference($0).withTag) == wanted }
          } ?? false
        guard isMeant else { continue }
      }
      if !roots.contains(where: { $0.digest == entry.digest }) { roots.append(entry) }
    }
    return roots
  }

  /// A plan of images that are named one by one.
  private func plan(for images: [Image]) -> ImageCopyPlan {
    var documents: [ImageCopyPlan.CopiedDocument] = []
    var blobs: [BlobToCopy] = []
    for image in images {
      let manifest = image.manifest
      let config = image.config
      add(to: &blobs, BlobToCopy(manifest.content.config, origin: origin) { BytesSource(config.bytes) })
      for layer in image.layers {
        if case .layer(_, isDistributable: false) = layer.descriptor.mediaType.kind { continue }
        add(to: &blobs, BlobToCopy(layer.descriptor, origin: origin) { try layer.open() })
      }
      documents.append(
        ImageCopyPlan.CopiedDocument(
          descriptor: OCI.Descriptor(
            manifest.content.mediaType, digest: manifest.digest, size: manifest.size, platform: image.platform
          ),
          bytes: manifest.bytes))
    }
    if images.count > 1 {
      let index = Document(ImageIndex(manifests: documents.map(\.descriptor)))
      documents.append(
        ImageCopyPlan.CopiedDocument(
          descriptor: OCI.Descriptor(.index, digest: index.digest, size: index.size), bytes: index.bytes))
    }
    var plan = ImageCopyPlan(top: documents[documents.count - 1].descriptor)
    plan.documents = documents
    plan.blobs = blobs
    plan.images = images
    return plan
  }

  private func add(to blobs: inout [BlobToCopy], _ blob: BlobToCopy) {
    if !blobs.contains(where: { $0.descriptor.digest == blob.descriptor.digest }) { blobs.append(blob) }
  }

  private var origin: Reference? { if case .registry(let reference) = location { reference } else { nil } }

  /// A plan of everything that a descriptor leads to.
  private func plan(from root: OCI.Descriptor) throws -> ImageCopyPlan {
    var top = root
    // The name in one store is not the name in another.
    top.annotations[Descriptor.referenceName] = nil
    top.annotations[Descriptor.containerdName] = nil
    var plan = ImageCopyPlan(top: top)
    try walk(top, depth: 1, &plan)
    let digests = Set(plan.documents.map(\.descriptor.digest))
    plan.images = images.filter { digests.contains($0.digest) }
    // Configurations were read already.
    for image in plan.images {
      let config = image.config
      for index in plan.blobs.indices where plan.blobs[index].descriptor.digest == config.digest {
        plan.blobs[index].open = { BytesSource(config.bytes) }
      }
    }
    return plan
  }

  func walk(_ descriptor: OCI.Descriptor, depth: Int, _ plan: inout ImageCopyPlan) throws {
    if plan.documents.contains(where: { $0.descriptor.digest == descriptor.digest }) { return }
    if depth > 8 || plan.documents.count > 10_000 {
      throw ImageError(.limit("the index is nested too deep or lists too much"), at: store.place)
    }
    let bytes: [UInt8]
    switch descriptor.mediaType.kind {
    case .index:
      bytes = try present(descriptor, limit: ImageIndex.limits.size)
      let index = try placed { () throws(DocumentError) in
        try Document<ImageIndex>(parsing: bytes, as: descriptor.mediaType)
      }
      for child in index.content.manifests { try walk(child, depth: depth + 1, &plan) }
    case .manifest:
      bytes = try present(descriptor, limit: Manifest.limits.size)
      let manifest = try placed { () throws(DocumentError) in
        try Document<Manifest>(parsing: bytes, as: descriptor.mediaType)
      }
      for blob in [manifest.content.config] + manifest.content.layers {
        // What is not distributable stays where its addresses say.
        if case .layer(_, isDistributable: false) = blob.mediaType.kind { continue }
        let store = store
        add(to: &plan.blobs, BlobToCopy(blob, origin: origin) { try store.open(blob) })
      }
    case .config, .layer, .other:
      let store = store
      add(to: &plan.blobs, BlobToCopy(descriptor, origin: origin) { try store.open(descriptor) })
      return
    }
    plan.documents.append(ImageCopyPlan.CopiedDocument(descriptor: descriptor, bytes: bytes))
  }

  private func present(_ descriptor: OCI.Descriptor, limit: Int) throws -> [UInt8] {
    if try store.stored(descriptor) == nil, let platform = descriptor.platform {
      throw ImageError(
        .blob(
          descriptor.digest,
          problem: "(\(platform)) is listed in the index, but is not there; --platform copies one that is"),
        at: store.place)
    }
    return try store.read(descriptor, limit: limit)
  }

  private func placed<Value>(_ body: () throws(DocumentError) -> Value) throws(ImageError) -> Value {
    do { return try body() } catch { throw ImageError(.document(error), at: store.place) }
  }
}
