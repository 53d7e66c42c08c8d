import Digest
import Fetch
import Image
import OCI
import Posix
import Synchronization

/// What one reference leads to in a registry, as a store: its `index.json` lists that alone.
final class RegistryStore: BlobStore {
  let place: String
  private let client: RegistryClient
  private let index: [UInt8]
  /// Manifests and indexes, which are asked for more than once.
  private let documents: Mutex<[Digest: [UInt8]]>

  /// Asks the registry (or the mirrors, one after the other) what a reference leads to.
  init(_ reference: Reference, clients: [RegistryClient]) throws {
    let place = "docker://\(reference)"
    var failure: (any Error)?
    for client in clients {
      do {
        let name = reference.digest?.description ?? (reference.tag ?? .latest).description
        guard let found = try client.manifest(name) else {
          throw client.error(.notFound("there is no such image"))
        }
        var top = found.descriptor
        if reference.digest == nil {
          top.annotations[Descriptor.referenceName] = (reference.tag ?? .latest).description
          top.annotations[Descriptor.containerdName] = reference.withTag.description
        }
        self.place = place
        self.client = client
        index = Document(ImageIndex(manifests: [top])).bytes
        documents = Mutex([top.digest: found.bytes])
        return
      } catch {
        // The last is the registry itself; what mirrors say is of interest only when it says nothing else.
        failure = error
        client.settings.notice("\(client.endpoint.host): \(error)")
      }
    }
    throw failure ?? RegistryError(.notFound("there is no registry to ask"), at: place)
  }

  func open(file name: String) -> StoredBytes? {
    name == "index.json" ? StoredBytes(source: BytesSource(index), size: UInt64(index.count)) : nil
  }

  func open(_ digest: Digest) throws -> StoredBytes? { try blob(digest, size: nil) }

  func stored(_ descriptor: OCI.Descriptor) throws -> StoredBytes? {
    guard [.index, .manifest].contains(descriptor.mediaType.kind) else {
      return try blob(descriptor.digest, size: descriptor.size)
    }
    if let known = documents.withLock({ $0[descriptor.digest] }) {
      return StoredBytes(source: BytesSource(known), size: UInt64(known.count))
    }
    guard let found = try client.manifest(descriptor.digest.description) else { return nil }
    documents.withLock { $0[descriptor.digest] = found.bytes }
    return StoredBytes(source: BytesSource(found.bytes), size: UInt64(found.bytes.count))
  }

  func referrers(of digest: Digest) throws -> [OCI.Descriptor] { try client.referrers(of: digest) }

  private func blob(_ digest: Digest, size: UInt64?) throws -> StoredBytes? {
    guard let download = try client.blob(digest) else { return nil }
    guard let size = download.size ?? size else {
      throw client.error(.protocolViolation("doesn't say how large the blob \(digest) is"))
    }
    return StoredBytes(source: download, size: size)
  }
}
