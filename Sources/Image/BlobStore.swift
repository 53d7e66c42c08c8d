public import Digest
import Glibc
public import OCI
public import Posix
import SystemPackage

/// Where the blobs of images are read from.
public protocol BlobStore: AnyObject, Sendable {
  /// What it is called in messages.
  var place: String { get }
  /// Opens a blob; nil when it isn't there. Nothing is verified yet.
  func open(_ digest: Digest) throws -> StoredBytes?
  /// Opens what a descriptor means, where its type matters too; nil when it isn't there.
  func stored(_ descriptor: OCI.Descriptor) throws -> StoredBytes?
  /// Opens a file beside the blobs, as `index.json`; nil when it isn't there.
  func open(file name: String) throws -> StoredBytes?
  /// The manifests that are about another one: bills of materials, signatures. What they say isn't verified.
  func referrers(of digest: Digest) throws -> [OCI.Descriptor]
}

/// Bytes in a store.
public struct StoredBytes {
  /// The bytes; they keep what they are read from alive.
  public var source: any ByteSource
  /// How many there are.
  public var size: UInt64

  /// So many bytes of a source.
  public init(source: any ByteSource, size: UInt64) {
    self.source = source
    self.size = size
  }
}

extension BlobStore {
  /// Opens the blob of the digest: the type doesn't matter.
  public func stored(_ descriptor: OCI.Descriptor) throws -> StoredBytes? { try open(descriptor.digest) }

  /// Opens a blob to be verified as it is read.
  public func open(_ descriptor: OCI.Descriptor) throws -> VerifiedSource {
    guard let stored = try stored(descriptor) else {
      let elsewhere = descriptor.urls.isEmpty ? "" : "; it is to be fetched from \(descriptor.urls[0])"
      throw ImageError(.blob(descriptor.digest, problem: "is missing" + elsewhere), at: place)
    }
    if stored.size != descriptor.size {
      throw ImageError(
        .blob(descriptor.digest, problem: "has \(stored.size) bytes instead of \(descriptor.size)"), at: place
      )
    }
    return VerifiedSource(
      stored.source, digest: descriptor.digest, size: descriptor.size, place: place)
  }

  /// Reads a whole document that a descriptor names.
  public func read(_ descriptor: OCI.Descriptor, limit: Int) throws -> [UInt8] {
    if descriptor.size > UInt64(limit) {
      throw ImageError(
        .limit("the document \(descriptor.digest) has \(descriptor.size) bytes; the limit is \(limit)"),
        at: place)
    }
    return try readAll(try open(descriptor), size: Int(descriptor.size))
  }

  /// What `index.json` lists.
  public func index() throws -> ImageIndex {
    guard let bytes = try read(file: "index.json", limit: ImageIndex.limits.size) else {
      throw ImageError(.file("index.json", problem: "is missing"), at: place)
    }
    do { return try Document<ImageIndex>(parsing: bytes).content } catch {
      throw ImageError(.document(error), at: place)
    }
  }

  /// Reads a whole file beside the blobs; nil when it isn't there.
  func read(file name: String, limit: Int) throws -> [UInt8]? {
    guard let stored = try open(file: name) else { return nil }
    if stored.size > UInt64(limit) {
      throw ImageError(.limit("\(name) has \(stored.size) bytes; the limit is \(limit)"), at: place)
    }
    return try readAll(stored.source, size: Int(stored.size))
  }

  /// Reads to the end: `size` bytes are expected, the source says when there are others.
  private func readAll(_ source: any ByteSource, size: Int) throws -> [UInt8] {
    let bytes = try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        let room = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[count...]))
        let got = try source.read(into: room)
        if got == 0 { break }
        count += got
      }
    }
    // The read at the end is the one that verifies.
    var extra: UInt8 = 0
    _ = try withUnsafeMutableBytes(of: &extra) { try source.read(into: $0) }
    return bytes
  }
}

/// Blobs in a directory that is an OCI image layout.
final class LayoutStore: BlobStore {
  let place: String
  private let directory: Posix.Descriptor

  init(_ path: FilePath) throws(PosixError) {
    directory = try openFile(path, .directory)
    place = path.string
  }

  func open(_ digest: Digest) throws -> StoredBytes? { try open(file: "blobs/sha256/" + digest.hex) }

  // Symlinks are followed: build systems make layouts of them, and what is read is verified by its
  // digest. What is no regular file is refused before a read could block.
  func open(file name: String) throws -> StoredBytes? {
    let raw = openat(directory.raw, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    if raw < 0 {
      let error = Errno(rawValue: errno)
      if error == .noSuchFileOrDirectory || error == .notDirectory { return nil }
      throw PosixError("open", "\(place)/\(name)", error)
    }
    let descriptor = Posix.Descriptor(owning: raw)
    let status = try descriptor.status(shown: "\(place)/\(name)")
    guard status.kind == .file else {
      throw ImageError(.file(name, problem: "is not a regular file"), at: place)
    }
    return StoredBytes(source: OwnedRange(descriptor, count: status.size), size: status.size)
  }
}

/// All of a file as a source that owns its descriptor.
private final class OwnedRange: ByteSource {
  private let descriptor: Posix.Descriptor
  private let range: RangeSource

  init(_ descriptor: consuming Posix.Descriptor, count: UInt64) {
    range = RangeSource(descriptor.raw, offset: 0, count: count)
    self.descriptor = descriptor
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try range.read(into: buffer) }
}
