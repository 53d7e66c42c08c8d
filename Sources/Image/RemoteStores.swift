public import OCI

/// What reaches registries: the module `Registry` does, and the tools bring the two together.
public protocol RemoteStores: Sendable {
  /// Opens what a reference names, as a store whose `index.json` lists that alone.
  func open(_ reference: Reference) throws -> any BlobStore
  /// A destination that gives an image the name of a reference.
  func destination(_ reference: Reference) throws -> any ImageDestination
}
