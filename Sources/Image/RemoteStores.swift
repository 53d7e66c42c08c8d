public import Digest
public import OCI

/// What reaches registries: the module `Registry` does, and the tools bring the two together.
public protocol RemoteStores: Sendable {
  /// Opens what a reference names, as a store whose `index.json` lists that alone.
  func open(_ reference: Reference) throws -> any BlobStore
  /// A destination that gives an image the name of a reference.
  func destination(_ reference: Reference) throws -> any ImageDestination
  /// Puts an artifact beside the image that a reference names, which it is about.
  ///
  /// - Parameter images: the manifests that the reference must lead to, or list.
  /// - Returns: the artifact's manifest.
  func attach(_ artifact: AttachedArtifact, to reference: Reference, about images: [Digest]) throws
    -> OCI.Descriptor
}
