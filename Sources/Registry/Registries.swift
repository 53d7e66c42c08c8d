public import Digest
import Fetch
public import Image
public import OCI
import Synchronization
import SystemPackage

/// The registries that images are read from and written to.
public final class Registries: RemoteStores {
  private let settings: RegistrySettings
  private let http: HTTPClient
  private let clients = Mutex<[Endpoint: RegistryClient]>([:])
  private let loaded = Mutex<RegistriesConfiguration?>(nil)

  /// Registries as the user says that they are reached.
  public init(_ settings: RegistrySettings = RegistrySettings()) {
    self.settings = settings
    var options = TransferOptions()
    options.retries = settings.retries
    // A registry may be silent while it hashes what it got.
    options.stallTimeout = 120
    http = HTTPClient(options: options, authorities: settings.authorities?.string)
  }

  private func configuration() throws -> RegistriesConfiguration {
    try loaded.withLock { loaded in
      if let loaded { return loaded }
      let read = try RegistriesConfiguration(settings.configurationFiles)
      loaded = read
      return read
    }
  }

  private func client(_ endpoint: Endpoint, _ reference: Reference) -> RegistryClient {
    clients.withLock { clients in
      if let known = clients[endpoint] { return known }
      let made = RegistryClient(endpoint, settings, http, place: "docker://\(reference)")
      clients[endpoint] = made
      return made
    }
  }

  /// Opens what a reference names.
  ///
  /// - Throws: `RegistryError`.
  public func open(_ reference: Reference) throws -> any BlobStore {
    let endpoints = try configuration().readingEndpoints(reference, insecure: settings.insecure)
    return try RegistryStore(reference, clients: endpoints.map { client($0, reference) })
  }

  /// A destination that gives an image the name of a reference.
  ///
  /// - Throws: `RegistryError`.
  public func destination(_ reference: Reference) throws -> any ImageDestination {
    let endpoint = try configuration().writingEndpoint(reference, insecure: settings.insecure)
    return try RegistryDestination(reference, client(endpoint, reference))
  }

  /// Puts an artifact beside the image that a reference names, and that it is about.
  ///
  /// - Throws: `RegistryError`.
  public func attach(
    _ artifact: AttachedArtifact, to reference: Reference, about images: [Digest]
  ) throws -> OCI.Descriptor {
    let endpoint = try configuration().writingEndpoint(reference, insecure: settings.insecure)
    return try client(endpoint, reference).attach(
      artifact, to: (reference.tag ?? .latest).description, about: images)
  }
}
