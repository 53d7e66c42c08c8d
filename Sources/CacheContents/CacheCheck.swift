import Cache
import Debian
import Digest
import Glibc
import Posix
import Synchronization
import SystemPackage

/// Looks for what is damaged in a cache, by the digests that things are kept under, and removes it.
public struct CacheCheck: Sendable {
  /// Something damaged.
  public struct Damage: Sendable {
    /// The file.
    public var item: CacheItem
    /// What is wrong.
    public var problem: String
    /// Whether it was removed.
    public var isRemoved: Bool
  }

  /// Whether what is damaged is removed; else it is only reported.
  public var removes = true
  /// How many files are read at once.
  public var jobs = 1
  /// Takes the number of bytes with each piece that was read.
  public var progress: @Sendable (Int) -> Void = { _ in }

  /// A check that removes what is damaged.
  public init() {}

  /// Reads everything in a cache.
  ///
  /// What another process removes or replaces meanwhile is left alone.
  ///
  /// - Throws: `PosixError` for what can't be read or removed.
  public func run(_ listing: CacheListing) throws -> [Damage] {
    let next = Mutex(0)
    let found = Mutex<[(index: Int, problem: String)]>([])
    let items = listing.items
    let workers = (0..<max(1, jobs)).map { _ in
      Worker {
        while case let index = next.withLock({ next in
          defer { next += 1 }
          return next
        }), index < items.count {
          guard let problem = try problem(of: items[index]) else { continue }
          found.withLock { $0.append((index, problem)) }
        }
      }
    }
    var failure: (any Error)?
    for worker in workers {
      do { try worker.join() } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
    var damages = found.withLock { $0 }.sorted { $0.index < $1.index }.map {
      Damage(item: items[$0.index], problem: $0.problem, isRemoved: false)
    }
    if removes, !damages.isEmpty {
      let lock = try CacheLock.removing(in: listing.directory)
      defer { withExtendedLifetime(lock) {} }
      for index in damages.indices { damages[index].isRemoved = try damages[index].item.remove() }
    }
    return damages
  }

  /// What is wrong with a file; nil when nothing is, or it isn't there any more.
  private func problem(of item: CacheItem) throws -> String? {
    defer { item.forgetReading() }
    do throws(PosixError) {
      switch item.kind {
      case .blob, .package:
        guard let found = try hash(item) else { return nil }
        return found == item.digest ? nil : "its SHA-256 is \(found.hex)"
      case .data: return try data(item)
      case .record: return try record(item)
      case .index: return try index(item)
      case .state: return try state(item)
      case .leftover: return Self.isAbandoned(item) ? "a process that is gone left it" : nil
      case .part, .other: return nil
      }
    } catch {
      if error.errno == .noSuchFileOrDirectory { return nil }
      throw error
    }
  }

  private func hash(_ item: CacheItem) throws(PosixError) -> Digest? {
    let file = try openFile(item.path, .read)
    var hash = SHA256()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var offset: UInt64 = 0
    while case let count = try file.read(into: buffer, at: offset), count > 0 {
      hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      offset += UInt64(count)
      progress(count)
    }
    return hash.finish()
  }

  private func contents(_ item: CacheItem, limit: UInt64) throws(PosixError) -> [UInt8]? {
    let file = try openFile(item.path, .read)
    let size = try file.size()
    if size > limit { return nil }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(size), alignment: 16)
    defer { buffer.deallocate() }
    let count = try file.read(into: buffer, at: 0)
    progress(count)
    return Array(buffer[..<count])
  }

  private func record(_ item: CacheItem) throws(PosixError) -> String? {
    guard let digest = item.digest, let bytes = try contents(item, limit: 2 << 20),
      Cache.content(of: bytes, for: CacheKey(kind: item.recordKind, digest: digest)) != nil
    else { return "its checksum is another" }
    return nil
  }

  private func data(_ item: CacheItem) throws(PosixError) -> String? {
    let file = try openFile(item.path, .read)
    guard let package = item.digest, try Seal.isWhole(file, of: package, progress: progress) else {
      return "its checksum is another"
    }
    return nil
  }

  private func index(_ item: CacheItem) throws(PosixError) -> String? {
    let file = try MappedFile(item.path)
    progress(Int(clamping: item.size))
    guard let index = PackageIndex(serialized: file.bytes, owner: file) else {
      return "its tables are damaged"
    }
    // Paragraphs have a checksum each; one that lies outside of the text would end the process.
    let isWhole = (0..<index.count).allSatisfy { index.stanza(of: $0) != nil }
    return isWhole ? nil : "its text is damaged"
  }

  private func state(_ item: CacheItem) throws(PosixError) -> String? {
    guard let bytes = try contents(item, limit: 32 << 20) else { return "it is too large" }
    do {
      _ = try ReleaseFile(bytes, file: item.name)
      return nil
    } catch { return "it is no Release file" }
  }

  /// Whether no process can be at work on a leftover: it is an hour old, and the process in its name is gone.
  private static func isAbandoned(_ item: CacheItem) -> Bool {
    let parts = item.name.split(separator: "-")
    let isRunning = parts.compactMap { pid_t($0) }.contains { $0 > 0 && kill($0, 0) == 0 }
    return !isRunning && Int64(time(nil)) - item.used > 3600
  }
}
