public import Digest
public import OCI
public import Posix

/// A layer that is somewhere: its facts, and how to read it.
public struct Layer: Sendable {
  /// Media type, digest and size of the stored (usually compressed) bytes.
  public let descriptor: OCI.Descriptor
  /// The digest of the uncompressed tar, as the image's configuration says.
  public let diffID: Digest
  /// What made it, where the history tells.
  public let history: History?
  private let opener: @Sendable () throws -> VerifiedSource

  init(
    _ descriptor: OCI.Descriptor, diffID: Digest, history: History?,
    opener: @escaping @Sendable () throws -> VerifiedSource
  ) {
    self.descriptor = descriptor
    self.diffID = diffID
    self.history = history
    self.opener = opener
  }

  /// Reads the stored bytes. Digest and size are verified on the way: what is wrong is an error at the end
  /// of the source, and never more bytes come than are declared.
  ///
  /// - Throws: `ImageError` when the blob is missing.
  public func open() throws -> any ByteSource { try opener() }
}

/// An image for one platform that is somewhere.
public struct Image: Sendable {
  /// What it is called there: tags of a layout, references of an archive. Sorted, perhaps empty.
  public let names: [String]
  /// What it runs on.
  public let platform: Platform
  /// Its descriptor in the index it was found by, with that one's annotations.
  public let descriptor: OCI.Descriptor
  /// Its manifest: the bytes as they are stored, or made up for an old docker-archive that has none.
  public let manifest: Document<Manifest>
  /// Its configuration.
  public let config: Document<ImageConfig>
  /// Its layers, the lowest first.
  public let layers: [Layer]

  init(
    names: [String], descriptor: OCI.Descriptor, manifest: Document<Manifest>, config: Document<ImageConfig>,
    layers: [Layer]
  ) {
    self.names = names
    self.descriptor = descriptor
    self.manifest = manifest
    self.config = config
    self.layers = layers
    platform = config.content.platform
  }

  /// The digest by which the image is known: that of its manifest.
  public var digest: Digest { manifest.digest }
}

extension ImageConfig {
  /// The history entries that made layers, one for each; nil when their number is another.
  var layerHistory: [History]? {
    let made = history.filter { !$0.emptyLayer }
    return made.count == diffIDs.count ? made : nil
  }
}
