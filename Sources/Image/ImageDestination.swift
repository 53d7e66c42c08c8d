import Digest
import OCI

/// One place that an image is written to.
protocol ImageDestination: AnyObject {
  /// Where it is, as the user wrote it.
  var location: ImageLocation { get }
  /// Begins a blob; only one at a time.
  func beginBlob() throws -> BlobSink
  /// Keeps the blob that was begun. One that is there already is dropped.
  func endBlob(_ sink: BlobSink, digest: Digest) throws
  /// Drops the blob that was begun.
  func dropBlob(_ sink: BlobSink) throws
  /// Names the blobs, and makes the whole appear.
  func finish(_ contents: ImageContents) throws
}

/// What all destinations get at the end.
struct ImageContents {
  /// The images.
  var images: [ImageToStore]
  /// What names lead to: the only image's manifest, or the index of several.
  var top: OCI.Descriptor
  /// References that were asked for.
  var tags: [Reference]
  /// Whether blobs go that only images needed whose place these take.
  var removesReplaced = false

  /// The descriptors of an image layout's index for a destination: one for each name.
  func entries(for location: ImageLocation) -> [OCI.Descriptor] {
    var entries: [OCI.Descriptor] = []
    var used: Set<String> = []
    func add(_ name: String?, full: String?) {
      var entry = top
      // Two images of one name could not be told apart by tools that know only this annotation.
      if let name, used.insert(name).inserted { entry.annotations[Descriptor.referenceName] = name }
      if let full { entry.annotations[Descriptor.containerdName] = full }
      if !entries.contains(entry) { entries.append(entry) }
    }
    switch location {
    case .layout(_, let name?), .ociArchive(_, let name?): add(name, full: nil)
    default: break
    }
    for tag in references(for: location) { add(tag.tag?.description, full: tag.description) }
    return entries.isEmpty ? [top] : entries
  }

  /// The references of a destination, with tags, each once.
  func references(for location: ImageLocation) -> [Reference] {
    var references: [Reference] = []
    if case .dockerArchive(_, let own?) = location { references.append(own) }
    for tag in tags.map(\.withTag) where !references.contains(tag) { references.append(tag) }
    return references
  }
}
