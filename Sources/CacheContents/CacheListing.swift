import Cache
import Digest
import Glibc
public import Posix
public import SystemPackage

/// Everything that lies in a cache's directory, by kind and name.
public struct CacheListing: Sendable {
  /// The cache's directory.
  public let directory: FilePath
  /// What is in it.
  public internal(set) var items: [CacheItem] = []

  /// The bytes of all of it.
  public var size: UInt64 { items.reduce(0) { $0 &+ $1.size } }

  /// Looks at a cache. One that is not there is empty.
  ///
  /// - Throws: `PosixError` for a directory that can't be read.
  public init(of directory: FilePath) throws(PosixError) {
    self.directory = directory
    let folders = CacheFolder.allCases.map(\.rawValue)
    for name in try Self.names(directory) {
      let text = String(decoding: name, as: UTF8.self)
      // The locks, and what runs of garboard-build hand from tool to tool.
      if ["lock", "packages.lock", "locks", "work"].contains(text) { continue }
      guard let folder = CacheFolder(rawValue: text), folders.contains(text) else {
        try addOther(directory.appending(text), text)
        continue
      }
      let path = folder.path(in: directory)
      for file in try Self.names(path) { add(file, in: folder, path) }
    }
    items.sort { ($0.kind.position, $0.name) < ($1.kind.position, $1.name) }
  }

  private static func names(_ path: FilePath) throws(PosixError) -> [[UInt8]] {
    do throws(PosixError) {
      let folder = try openFile(path, .directory)
      return try listDirectory(folder.raw, shown: path.string)
    } catch {
      if error.errno == .noSuchFileOrDirectory { return [] }
      throw error
    }
  }

  /// What is not ours: a directory counts with all that is in it.
  private mutating func addOther(_ path: FilePath, _ name: String, depth: Int = 0) throws(PosixError) {
    guard let status = Self.status(path) else { return }
    if status.st_mode & S_IFMT == S_IFDIR, depth < 16 {
      for child in try Self.names(path) {
        let text = String(decoding: child, as: UTF8.self)
        try addOther(path.appending(text), name + "/" + text, depth: depth + 1)
      }
      return
    }
    items.append(Self.item(.other, displayed(Array(name.utf8)), path, status))
  }

  private mutating func add(_ name: [UInt8], in folder: CacheFolder, _ parent: FilePath) {
    let text = String(decoding: name, as: UTF8.self)
    let path = parent.appending(text)
    // What another process removed meanwhile is gone.
    guard let status = Self.status(path) else { return }
    let shown = folder.rawValue + "/" + displayed(name)
    var item = Self.item(.other, shown, path, status)
    if status.st_mode & S_IFMT == S_IFREG, text.utf8.elementsEqual(name) {
      Self.classify(text, folder, &item)
    }
    if item.hasTimeOfUse {
      item.used = Int64(status.st_atim.tv_sec)
      item.nanoseconds = UInt32(clamping: status.st_atim.tv_nsec)
    }
    items.append(item)
  }

  private static func classify(_ name: String, _ folder: CacheFolder, _ item: inout CacheItem) {
    if name.hasPrefix(".garboard-") {
      item.kind = .leftover
      return
    }
    func digest(_ suffix: String) -> Digest? {
      name.hasSuffix(suffix) ? try? Digest("sha256:" + name.dropLast(suffix.count)) : nil
    }
    func set(_ kind: CacheItem.Kind, _ digest: Digest?) {
      guard let digest else { return }
      item.kind = kind
      item.digest = digest
    }
    switch folder {
    case .blobs: set(.blob, digest(""))
    case .packages:
      set(.package, digest(".deb"))
      set(.part, digest(".part"))
    case .data: set(.data, digest(".tar.zst"))
    case .indexes:
      set(.index, digest(".index"))
      set(.state, digest(".release"))
    case .records:
      guard let dash = name.lastIndex(of: "-"), dash > name.startIndex else { return }
      set(.record, try? Digest("sha256:" + name[name.index(after: dash)...]))
      item.recordKind = String(name[..<dash])
    }
  }

  private static func status(_ path: FilePath) -> stat? {
    var status = stat()
    return path.withPlatformString { lstat($0, &status) } == 0 ? status : nil
  }

  private static func item(
    _ kind: CacheItem.Kind, _ name: String, _ path: FilePath, _ status: stat
  ) -> CacheItem {
    CacheItem(
      kind: kind, name: name, size: UInt64(clamping: status.st_size), used: Int64(status.st_mtim.tv_sec),
      nanoseconds: UInt32(clamping: status.st_mtim.tv_nsec), inode: UInt64(status.st_ino), path: path)
  }
}

extension CacheItem.Kind {
  /// Its place in lists.
  var position: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

extension CacheItem {
  /// Whether its time of use is its time of access, since its time of change vouches for its content.
  var hasTimeOfUse: Bool { kind == .blob || kind == .record }

  /// Looking at it is no use: sets its time of use back to what it was.
  func forgetReading() {
    guard hasTimeOfUse else { return }
    let before = timespec(tv_sec: Int(used), tv_nsec: Int(nanoseconds))
    let same = timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2)  // UTIME_OMIT
    _ = path.withPlatformString { utimensat(AT_FDCWD, $0, [before, same], AT_SYMLINK_NOFOLLOW) }
  }

  /// Removes it, when it still is the file that was looked at; false when it isn't.
  ///
  /// - Throws: `PosixError` where that isn't allowed.
  func remove() throws(PosixError) -> Bool {
    var status = stat()
    guard path.withPlatformString({ lstat($0, &status) }) == 0, UInt64(status.st_ino) == inode else {
      return false
    }
    if path.withPlatformString({ unlink($0) }) != 0 {
      if errno == ENOENT { return false }
      throw PosixError("remove", path.string, Errno(rawValue: errno))
    }
    return true
  }
}

extension CacheListing {
  /// Leaves out what isn't meant.
  public mutating func keep(_ isMeant: (CacheItem) -> Bool) { items = items.filter(isMeant) }
}
