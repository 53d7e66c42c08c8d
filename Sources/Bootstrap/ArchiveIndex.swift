import Codec
import Debian
import Digest
import Fetch
import Posix
import SystemPackage

/// Fetches, verifies and parses the `Packages` indexes of suites.
struct IndexReader {
  var files: ArchiveFiles
  var cache: PackageCache?
  var architecture: String

  /// One index that a suite has.
  struct Request: Sendable {
    /// Where the suite's files are.
    var place: String
    /// The file that was chosen, below it.
    var path: String
    /// What the Release file says of it.
    var file: ReleaseFile.File
    /// How large it is when decompressed, where the Release file says it.
    var decompressedSize: UInt64?
    var hasByHash: Bool
    /// Whether the archive is on this machine.
    var isLocal: Bool

    /// Where it may be, the name that never changes its content first.
    var urls: [String] {
      let plain = place + "/" + path
      if !hasByHash { return [plain] }
      let folder = plain.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      return [folder.joined(separator: "/") + "/by-hash/SHA256/\(file.sha256.hex)", plain]
    }
  }

  /// The indexes of a suite's components, best compression first.
  ///
  /// - Throws: `BootstrapError.badRelease` for a component or architecture that the suite does not have.
  func requests(
    _ archive: ArchiveRelease, components: [String], isLocal: Bool
  ) throws(BootstrapError) -> [Request] {
    let release = archive.release
    // Over the network the smallest one, from a disk the one that is read fastest.
    let suffixes = isLocal ? ["", ".zst", ".gz", ".xz"] : [".zst", ".xz", ".gz", ""]
    func request(_ path: String) throws(BootstrapError) -> Request? {
      var first: Request?
      for suffix in suffixes {
        guard let file = release.files[path + suffix] else { continue }
        let request = Request(
          place: archive.place, path: path + suffix, file: file,
          decompressedSize: suffix.isEmpty ? file.size : release.files[path]?.size,
          hasByHash: release.hasByHash, isLocal: isLocal)
        // Release files name what archives don't keep, as Debian's the plain index.
        if !isLocal { return request }
        if try isThere(request) { return request }
        first = first ?? request
      }
      return first
    }
    let url = archive.place + "/InRelease"
    if archive.suite.hasSuffix("/") {
      guard let found = try request("Packages") else {
        throw .badRelease(url, reason: "it names no Packages file")
      }
      return [found]
    }
    var list: [Request] = []
    for component in components {
      guard let found = try request("\(component)/binary-\(architecture)/Packages") else {
        if !release.components.isEmpty,
          !release.components.contains(where: { $0 == component || $0.hasSuffix("/" + component) })
        {
          throw .badRelease(
            url,
            reason:
              "the suite has no component \(component), only \(release.components.joined(separator: ", "))")
        }
        throw .badRelease(url, reason: "the suite has no packages of \(component) for \(architecture)")
      }
      list.append(found)
      if !release.keepsAllInEach, let extra = try request("\(component)/binary-all/Packages") {
        list.append(extra)
      }
    }
    return list
  }

  private func kept(_ request: Request) -> FilePath? {
    cache?.index(request.file.sha256, architecture: architecture)
  }

  /// How many bytes must be fetched for an index.
  func missingBytes(_ request: Request) -> UInt64 {
    if request.isLocal { return 0 }
    if let kept = kept(request), fileExists(kept) { return 0 }
    return request.file.size
  }

  /// An index, from the cache where it is there already.
  func read(_ request: Request) throws(BootstrapError) -> PackageIndex {
    let kept = kept(request)
    if let kept, fileExists(kept), let file = try? MappedFile(kept),
      let index = PackageIndex(serialized: file.bytes, owner: file)
    {
      PackageCache.touch(kept)
      return index
    }
    let text = try fetch(request)
    let url = request.place + "/" + request.path
    let index: PackageIndex
    do throws(SyntaxError) {
      index = try PackageIndex(
        parsing: UnsafeRawBufferPointer(text.memory), owner: text, architecture: architecture, file: url)
    } catch {
      throw .badRelease(url, reason: error.description)
    }
    if let kept { try cache?.store(index.serialized, as: kept) }
    return index
  }

  /// Whether an archive on this machine has the file, by one of its names.
  private func isThere(_ request: Request) throws(BootstrapError) -> Bool {
    for url in request.urls {
      if let path = try ArchiveFiles.localPath(url), fileExists(path) { return true }
    }
    return false
  }

  private func fetch(_ request: Request) throws(BootstrapError) -> IndexText {
    let plain = request.place + "/" + request.path
    let urls = request.urls
    var failure: BootstrapError?
    // What the by-hash name does not have, or has wrong, the plain one may have; and what broke off once may
    // come whole the second time.
    for url in urls + [plain] {
      do throws(BootstrapError) {
        return try fetch(request, from: url)
      } catch {
        if failure == nil || url == plain { failure = error }
        guard case .download(let cause) = error else { throw error }
        if url == plain, case .status = cause.reason { break }
      }
    }
    throw failure ?? .badMirror(plain)
  }

  private func fetch(_ request: Request, from url: String) throws(BootstrapError) -> IndexText {
    let source = try files.open(url)
    let hash = TappedHash(onBytes: request.isLocal ? nil : files.onBytes)
    do {
      var limits = ExpansionLimits.default
      limits.maximumSize = request.decompressedSize ?? 2 << 30
      let input = try Decompressor(source, limits: limits) { try hash.update($0) }
      let text = IndexText(capacity: Int(min(request.decompressedSize ?? 0, 256 << 20)))
      while true {
        let bytes = try input.next()
        if bytes.isEmpty { break }
        text.append(bytes)
      }
      guard hash.size == request.file.size else {
        throw FetchError(
          url, .wrongSize(expected: request.file.size, received: hash.size, isPage: text.looksLikePage))
      }
      guard hash.finish() == request.file.sha256 else { throw FetchError(url, .wrongDigest) }
      return text
    } catch {
      hash.giveUp()
      throw BootstrapError(ending: error) ?? .badRelease(url, reason: "\(error)")
    }
  }
}

/// The text of an index in memory.
private final class IndexText {
  private(set) var memory: UnsafeMutableRawBufferPointer
  private var allocated: UnsafeMutableRawBufferPointer

  init(capacity: Int) {
    allocated = .allocate(byteCount: max(capacity, 4096), alignment: 16)
    memory = UnsafeMutableRawBufferPointer(rebasing: allocated[..<0])
  }

  deinit { allocated.deallocate() }

  func append(_ bytes: UnsafeRawBufferPointer) {
    let end = memory.count + bytes.count
    if end > allocated.count {
      let larger = UnsafeMutableRawBufferPointer.allocate(
        byteCount: max(end, allocated.count * 2), alignment: 16)
      larger.copyMemory(from: UnsafeRawBufferPointer(memory))
      allocated.deallocate()
      allocated = larger
    }
    UnsafeMutableRawBufferPointer(rebasing: allocated[memory.count..<end]).copyMemory(from: bytes)
    memory = UnsafeMutableRawBufferPointer(rebasing: allocated[..<end])
  }

  /// Whether it begins as HTML does.
  var looksLikePage: Bool { memory.first { $0 > 0x20 } == 0x3c }
}

/// The digest and the size of what goes by.
///
/// The decompressor's thread uses it up to the end of the source or the first error, the reader after that: never
/// both.
private final class TappedHash: @unchecked Sendable {
  private var hash: SHA256? = SHA256()
  private(set) var size: UInt64 = 0
  private let onBytes: (@Sendable (Int) -> Void)?

  init(onBytes: (@Sendable (Int) -> Void)?) { self.onBytes = onBytes }

  func update(_ bytes: UnsafeRawBufferPointer) throws {
    size += UInt64(bytes.count)
    onBytes?(bytes.count)
    if var hash = hash.take() {
      hash.update(bytes)
      self.hash = consume hash
    }
  }

  /// What came is of no use.
  func giveUp() { onBytes?(-Int(size)) }

  func finish() -> Digest {
    guard let hash = hash.take() else { preconditionFailure("a hash is finished once") }
    return hash.finish()
  }
}
