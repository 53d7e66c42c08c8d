import Cache
import Glibc
public import Posix
public import SystemPackage

/// Removes from a cache what was not used for longest.
public struct CachePruning: Sendable {
  /// What was removed, or would be.
  public struct Result: Sendable {
    /// The files.
    public var removed: [CacheItem] = []
    /// What stays, since a process that is running may need it.
    public var kept: [CacheItem] = []
    /// The bytes that are left.
    public var left: UInt64 = 0
  }

  /// What was not used for more seconds goes; nil for no such bound.
  public var age: Int64?
  /// How many bytes may be left of what is pruned; nil for no such bound.
  public var size: UInt64?
  /// The kinds that are pruned.
  public var kinds = Set(CacheItem.Kind.allCases.filter(\.isPruned))
  /// Whether everything stays, and is only told.
  public var isDryRun = false

  /// How long a process may need packages that it found, in seconds.
  static let useTime: Int64 = 86_400

  /// A pruning without bounds: nothing goes.
  public init() {}

  /// Prunes a cache. Other processes may use it meanwhile.
  ///
  /// - Parameter now: seconds since 1970.
  /// - Throws: `PosixError`.
  public func run(_ directory: FilePath, now: Int64) throws(PosixError) -> Result {
    if try !CacheListing.exists(directory) { return Result() }
    let lock = try CacheLock.removing(in: directory)
    defer { withExtendedLifetime(lock) {} }
    // While a process uses packages, none goes that was used lately: they are opened by their names.
    let idle = try CacheLock.idlePackages(in: directory)
    let isIdle = idle != nil
    defer { withExtendedLifetime(idle) {} }

    let listing = try CacheListing(of: directory)
    var result = Result()
    result.left = listing.size
    let candidates = listing.items.filter { kinds.contains($0.kind) && $0.kind != .other }
    // Those that were not used for longest first.
    let order = candidates.sorted {
      ($0.used, $0.nanoseconds, $0.name) < ($1.used, $1.nanoseconds, $1.name)
    }
    var total = candidates.reduce(UInt64(0)) { $0 &+ $1.size }
    for item in order {
      let isOld = age.map { now - item.used > $0 } ?? false
      let isTooMuch = size.map { total > $0 } ?? false
      guard isOld || isTooMuch else { continue }
      guard let hold = try hold(item, isIdle: isIdle, now: now) else {
        result.kept.append(item)
        continue
      }
      defer { withExtendedLifetime(hold) {} }
      if !isDryRun, try !item.remove() { continue }
      result.removed.append(item)
      total -= item.size
      result.left -= item.size
    }
    return result
  }

  /// What keeps others from using a file while it is removed.
  private final class Hold {
    let file: Descriptor?
    init(_ file: consuming Descriptor? = nil) { self.file = file }
  }

  /// Nil when a process may need the file.
  private func hold(_ item: CacheItem, isIdle: Bool, now: Int64) throws(PosixError) -> Hold? {
    let wasUsedLately = now - item.used <= Self.useTime
    switch item.kind {
    case .package, .index: return !isIdle && wasUsedLately ? nil : Hold()
    case .part:
      // The process that writes it has it locked.
      do throws(PosixError) {
        let file = try openFile(item.path, .read)
        return flock(file.raw, LOCK_EX | LOCK_NB) == 0 ? Hold(file) : nil
      } catch {
        if error.errno == .noSuchFileOrDirectory { return Hold() }
        throw error
      }
    case .leftover: return wasUsedLately ? nil : Hold()
    case .blob, .record, .data, .state, .other: return Hold()
    }
  }
}

extension CacheListing {
  /// Whether there is a cache at all.
  static func exists(_ directory: FilePath) throws(PosixError) -> Bool {
    do throws(PosixError) {
      _ = try openFile(directory, .directory)
      return true
    } catch {
      if error.errno == .noSuchFileOrDirectory { return false }
      throw error
    }
  }
}
