import Digest
import OCI
import Posix
import Synchronization

/// The blobs that were written, to be read again from where their bytes are: what was just made can be
/// looked at wherever it goes, also into a registry or a pipe.
final class WrittenBlobs: BlobStore {
  private let blobs = Mutex<[Digest: (bytes: any BlobBytes, size: UInt64)]>([:])

  let place = "what was just written"

  /// Remembers a blob, and keeps what it is in.
  func add(_ digest: Digest, _ bytes: any BlobBytes, size: UInt64) {
    blobs.withLock { $0[digest] = (bytes, size) }
  }

  func open(_ digest: Digest) -> StoredBytes? {
    guard let (bytes, size) = blobs.withLock({ $0[digest] }) else { return nil }
    return StoredBytes(source: BlobSource(bytes), size: size)
  }

  func open(file name: String) -> StoredBytes? { nil }

  func referrers(of digest: Digest) -> [OCI.Descriptor] { [] }
}
