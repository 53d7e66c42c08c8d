import Digest
import Glibc
import OCI
import Posix
import Synchronization
import SystemPackage

/// Writes into a directory that is, or becomes, an OCI image layout.
///
/// Blobs stay without a name until the end. Then, under a lock on the directory, they get their names and
/// `index.json` is replaced last: readers see the layout as it was before or as it is after.
final class LayoutDestination: ImageDestination, @unchecked Sendable {
  // One thread at a time, but for `store(_:)`, which adds to `blobs` under the lock.
  let location: ImageLocation
  private let path: FilePath
  private var blobs: [(digest: Digest, blob: LooseBlob)] = []
  /// Blobs that were there already, and that the image needs.
  private var kept: [OCI.Descriptor] = []
  private let adding = Mutex(())
  private var current: LooseBlob?

  /// A blob in a file that has no name yet.
  private final class LooseBlob: @unchecked Sendable {
    var file: AtomicFile

    init(in directory: FilePath) throws(PosixError) {
      file = try AtomicFile(directory.appending("blob"))
    }
  }

  /// Checks that the directory can be a layout: it is one, or is empty, or doesn't exist.
  init(_ path: FilePath, _ location: ImageLocation) throws {
    self.path = path
    self.location = location
    guard Self.exists(path) else { return }
    let directory = try openFile(path, .directory)
    // A writer that is at its end just now has the lock.
    try lock(directory.raw, LOCK_SH)
    if try LayoutVersion.check(LayoutStore(path)) {
      _ = try readIndex()
    } else if try !Self.isUnfinished(listDirectory(directory.raw, shown: path.string)) {
      throw ImageError(
        .notAnImage("this directory is not empty and no OCI image layout (it has no oci-layout file)"),
        at: path.string)
    }
  }

  /// Whether there is nothing, or what a writer leaves that was killed while it named its blobs.
  private static func isUnfinished(_ names: [[UInt8]]) -> Bool {
    names.allSatisfy { $0 == Array("blobs".utf8) || $0.starts(with: ".garboard-".utf8) }
  }

  private static func exists(_ path: FilePath) -> Bool { path.withPlatformString { access($0, F_OK) } == 0 }

  /// The directory, or the nearest above it that exists: both are in the same file system.
  private var nearestDirectory: FilePath {
    var directory = path
    while !Self.exists(directory) {
      directory = directory.removingLastComponent()
      if directory.isEmpty { return "." }
    }
    return directory
  }

  // MARK: Blobs

  func beginBlob() throws -> BlobSink {
    let blob = try LooseBlob(in: nearestDirectory)
    current = blob
    return BlobSink(blob.file.descriptor.raw, start: 0, place: path.string, owner: blob)
  }

  func endBlob(_ sink: BlobSink, digest: Digest) throws {
    guard let blob = current.take() else { preconditionFailure("a blob is begun before it is ended") }
    try blob.file.descriptor.setMode(0o644, shown: path.string)
    blobs.append((digest, blob))
  }

  func dropBlob(_ sink: BlobSink) { current = nil }

  private func file(_ digest: Digest) -> FilePath {
    path.appending("blobs").appending("sha256").appending(digest.hex)
  }

  func holds(_ blob: OCI.Descriptor) throws -> Bool { try isStored(file(blob.digest), size: blob.size) }

  func store(_ blob: BlobToCopy) throws -> BlobOutcome {
    if try holds(blob.descriptor) {
      adding.withLock { _ in kept.append(blob.descriptor) }
      return .present
    }
    let loose = try LooseBlob(in: nearestDirectory)
    let sink = BlobSink(loose.file.descriptor.raw, start: 0, place: path.string, owner: loose)
    try blob.copy(into: sink)
    try loose.file.descriptor.setMode(0o644, shown: path.string)
    adding.withLock { _ in blobs.append((blob.descriptor.digest, loose)) }
    return .moved { BlobSource(sink) }
  }

  // MARK: The end

  func finish(_ contents: ImageContents) throws {
    var made: [FilePath] = []
    do {
      if try make(path) { made.append(path) }
      let directory = try openFile(path, .directory)
      try lock(directory.raw, LOCK_EX)
      let folder = path.appending("blobs").appending("sha256")
      for directory in [path.appending("blobs"), folder] where try make(directory) { made.append(directory) }
      // Under the lock nobody else changes the index, so it is read again.
      let isLayout = try LayoutVersion.check(LayoutStore(path))
      var index = try isLayout ? readIndex() : ImageIndex()
      for (digest, blob) in blobs {
        let file = file(digest)
        if try !isStored(file, size: try blob.file.descriptor.size()) { try blob.file.commit(as: file) }
      }
      for blob in kept where try !holds(blob) {
        throw ImageError(
          .blob(blob.digest, problem: "was removed by somebody else meanwhile"), at: path.string)
      }
      if !isLayout { try write(LayoutVersion.bytes, to: LayoutVersion.fileName) }
      let before = index
      index.replace(by: contents.entries(for: location))
      index.add(contents.referrers)
      try write(Document(index).bytes, to: "index.json")
      if contents.removesReplaced { removeUnneeded(before: before, after: index) }
    } catch {
      // Only what is still empty goes.
      for directory in made.reversed() { _ = directory.withPlatformString { rmdir($0) } }
      throw error
    }
    blobs = []
  }

  /// Removes the blobs that an earlier index led to and the new one doesn't.
  ///
  /// The image is in its place already: what can't be told or removed only takes room.
  private func removeUnneeded(before: ImageIndex, after: ImageIndex) {
    guard let store = try? LayoutStore(path), let old = try? reachable(from: before, in: store),
      let needed = try? reachable(from: after, in: store)
    else { return }
    for digest in old.subtracting(needed) {
      _ = file(digest).withPlatformString { unlink($0) }
    }
  }

  /// All digests that an index leads to. A manifest that can't be read is an error: what it needs is unknown.
  private func reachable(from index: ImageIndex, in store: LayoutStore) throws -> Set<Digest> {
    var found: Set<Digest> = []
    var waiting = index.manifests
    while let descriptor = waiting.popLast() {
      guard found.insert(descriptor.digest).inserted else { continue }
      // Indexes may list manifests that are not stored.
      guard try store.open(descriptor.digest) != nil else { continue }
      switch descriptor.mediaType.kind {
      case .index:
        let bytes = try store.read(descriptor, limit: ImageIndex.limits.size)
        waiting += try Document<ImageIndex>(parsing: bytes).content.manifests
      case .manifest:
        let bytes = try store.read(descriptor, limit: Manifest.limits.size)
        let manifest = try Document<Manifest>(parsing: bytes).content
        found.insert(manifest.config.digest)
        found.formUnion(manifest.layers.map(\.digest))
      default: break
      }
    }
    return found
  }

  /// Makes a directory that everybody may read, whatever the umask; false when it is there.
  private func make(_ directory: FilePath) throws -> Bool {
    if Self.exists(directory) { return false }
    try makeDirectories(directory, permissions: 0o755)
    try openFile(directory, .directory).setMode(0o755, shown: directory.string)
    return true
  }

  /// Waits until no other writer is at its end. The lock goes with the descriptor.
  private func lock(_ raw: Int32, _ kind: Int32) throws(PosixError) {
    while flock(raw, kind) != 0 {
      if errno != EINTR { throw PosixError("lock", path.string, Errno(rawValue: errno)) }
    }
  }

  private func readIndex() throws -> ImageIndex {
    guard let bytes = try LayoutStore(path).read(file: "index.json", limit: ImageIndex.limits.size) else {
      return ImageIndex()
    }
    do { return try Document<ImageIndex>(parsing: bytes).content } catch {
      throw ImageError(.document(error), at: path.string)
    }
  }

  /// Whether a blob is there already. One of another size is damaged, and is replaced.
  private func isStored(_ file: FilePath, size: UInt64) throws -> Bool {
    if !Self.exists(file) { return false }
    let status = try openFile(file, .read).status(shown: file.string)
    return status.kind == .file && status.size == size
  }

  private func write(_ bytes: [UInt8], to name: String) throws {
    var file = try AtomicFile(path.appending(name))
    try file.descriptor.setMode(0o644, shown: path.string)
    try bytes.withUnsafeBytes { try writeAll(file.descriptor.raw, $0, at: 0, place: path.string) }
    try file.commit()
  }
}

extension ImageIndex {
  /// Puts entries in: each takes the place of the one that has its name, others stay.
  mutating func replace(by entries: [OCI.Descriptor]) {
    func name(_ entry: OCI.Descriptor) -> String? {
      entry.annotations[Descriptor.referenceName] ?? entry.annotations[Descriptor.containerdName]
    }
    let names = Set(entries.map(name))
    manifests.removeAll { names.contains(name($0)) && ($0.artifactType == nil || name($0) != nil) }
    manifests += entries
  }

  /// Puts entries without a name in, each once.
  mutating func add(_ entries: [OCI.Descriptor]) {
    for entry in entries where !manifests.contains(where: { $0.digest == entry.digest }) {
      manifests.append(entry)
    }
  }
}
