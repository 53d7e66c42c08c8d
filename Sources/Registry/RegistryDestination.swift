import Digest
import Fetch
import Image
import OCI
import Posix
import Synchronization
import SystemPackage

/// Gives an image a name in a registry.
///
/// Blobs are sent as they come, several at once; nobody sees them before manifests name them. These follow at
/// the end, what they are named by last.
final class RegistryDestination: ImageDestination {
  let location: ImageLocation
  private let reference: Reference
  private let client: RegistryClient
  private struct State {
    var uploads: [Worker] = []
    var documents: [(descriptor: OCI.Descriptor, bytes: [UInt8])] = []
  }
  private let state = Mutex(State())
  /// How many uploads go on, of those that were begun in the background.
  private let active = Monitor(0)

  /// - Throws: `RegistryError` when the registry can't be reached.
  init(_ reference: Reference, _ client: RegistryClient) throws {
    self.reference = reference
    self.client = client
    location = .registry(reference)
    // What is refused early costs no work.
    _ = try client.url("")
  }

  // MARK: Blobs

  /// The bytes of a blob that is being made.
  private final class Spool: Sendable {
    let file: Posix.Descriptor
    init() throws(PosixError) { file = try makeTemporaryFile(in: temporaryDirectory()) }
  }

  func beginBlob() throws -> BlobSink {
    let spool = try Spool()
    return BlobSink(spool.file.raw, start: 0, place: "a temporary file", owner: spool)
  }

  func endBlob(_ sink: BlobSink, digest: Digest) throws {
    let type = MediaType(rawValue: "application/octet-stream")
    let descriptor = OCI.Descriptor(type, digest: digest, size: sink.size)
    let blob = BlobToCopy(descriptor) { SinkSource(sink) }
    let jobs = client.settings.jobs
    let active = active
    active.wait { count -> Void? in
      guard count < jobs else { return nil }
      count += 1
      return ()
    }
    let worker = Worker { [self] in
      defer { active.change { $0 -= 1 } }
      _ = try store(blob)
    }
    state.withLock { $0.uploads.append(worker) }
  }

  func dropBlob(_ sink: BlobSink) {}

  func holds(_ blob: OCI.Descriptor) throws -> Bool {
    try BlobUpload(BlobToCopy(blob) { BytesSource([]) }, client).isThere()
  }

  func store(_ blob: BlobToCopy) throws -> BlobOutcome {
    // Another repository of the same registry may lend it.
    var other: String?
    if let origin = blob.origin, origin.domain == reference.domain, origin.path != reference.path {
      other = "\(origin.path)"
    }
    return try BlobUpload(blob, client).run(mountingFrom: other)
  }

  func store(document bytes: [UInt8], as descriptor: OCI.Descriptor) {
    state.withLock { $0.documents.append((descriptor, bytes)) }
  }

  // MARK: The end

  func finish(_ contents: ImageContents) throws {
    let (uploads, documents) = state.withLock { state in
      defer { state.uploads = [] }
      return (state.uploads, state.documents)
    }
    var failure: (any Error)?
    for upload in uploads {
      do { try upload.join() } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
    for document in documents where document.descriptor.digest != contents.top.digest {
      try client.put(document.bytes, document.descriptor, as: document.descriptor.digest.description)
    }
    if Ending.isUnderway { throw PosixError("write", "\(location)", .canceled) }
    let tag = (reference.tag ?? .latest).description
    for document in documents where document.descriptor.digest == contents.top.digest {
      try client.put(document.bytes, document.descriptor, as: tag)
    }
  }
}

/// The bytes that a sink has, from their start.
private final class SinkSource: ByteSource {
  private let sink: BlobSink
  private var offset: UInt64 = 0

  init(_ sink: BlobSink) { self.sink = sink }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try sink.read(into: buffer, at: offset)
    offset += UInt64(count)
    return count
  }
}
