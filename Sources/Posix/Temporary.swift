import CLinux
import Glibc
public import SystemPackage

/// A file without a name that vanishes with its descriptor, in `directory`'s file system.
///
/// Uses `O_TMPFILE`, and where the file system has none a name that is removed at once.
public func makeTemporaryFile(in directory: FilePath) throws(PosixError) -> Descriptor {
  let raw = directory.withPlatformString { open($0, garboard_o_tmpfile | O_RDWR | O_CLOEXEC, 0o600) }
  if raw >= 0 { return Descriptor(owning: raw) }
  let error = Errno(rawValue: errno)
  guard error == .notSupported || error == .isDirectory || error == .invalidArgument else {
    throw PosixError("make a temporary file in", directory.string, error)
  }
  let name = directory.appending(temporaryName("spool"))
  let file = try openFile(name, .createNew(0o600))
  try check("remove", name.string) { name.withPlatformString { unlink($0) } }
  return file
}

/// A file without a name in memory, which vanishes with its descriptor.
public func makeMemoryFile() throws(PosixError) -> Descriptor {
  Descriptor(owning: try check("make", "a file in memory") { garboard_memory_file() })
}

/// A name that no other process has: hidden, says whose it is, and is never part of any output.
public func temporaryName(_ purpose: String) -> String {
  ".garboard-\(purpose)-\(getpid())-\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
}

/// A file written beside its final name and renamed over it when it is complete.
///
/// Without `commit` nothing is left: the file has no name before where `O_TMPFILE` works, so even
/// `kill -9` leaves nothing behind.
public struct AtomicFile: ~Copyable, Sendable {
  private let target: FilePath
  private let directory: FilePath
  /// The file, open for reading and writing.
  public let descriptor: Descriptor
  private var temporary: FilePath?

  /// Starts a file that will be `target`.
  ///
  /// - Throws: `PosixError`; not supported where a device, a pipe or a socket has that name: a file must not take
  ///   the place of `/dev/null`.
  public init(_ target: FilePath) throws(PosixError) {
    self.target = target
    let parent = target.removingLastComponent()
    directory = parent.isEmpty ? "." : parent
    try checkMayReplace(target)
    let raw = directory.withPlatformString { open($0, garboard_o_tmpfile | O_RDWR | O_CLOEXEC, 0o666) }
    if raw >= 0 {
      descriptor = Descriptor(owning: raw)
      temporary = nil
      return
    }
    let error = Errno(rawValue: errno)
    guard error == .notSupported || error == .isDirectory || error == .invalidArgument else {
      throw PosixError("write to", directory.string, error)
    }
    let name = directory.appending(temporaryName("new"))
    descriptor = try openFile(name, .createNew())
    temporary = name
    TemporaryNames.shared.insert(name)
  }

  /// Gives the file its final name, over what was there; not when this process is being ended.
  public mutating func commit() throws(PosixError) { try commit(as: target) }

  /// Gives the file another final name in the same file system, for one that wasn't known at the start.
  public mutating func commit(as target: FilePath) throws(PosixError) {
    if Ending.isUnderway { throw PosixError("write", target.string, .canceled) }
    try checkMayReplace(target)
    let raw = descriptor.raw
    let source: FilePath
    if let temporary {
      source = temporary
    } else {
      // A name that is free is taken in one step; over another file it takes a second name and a rename.
      if target.withPlatformString({ garboard_link_descriptor(raw, AT_FDCWD, $0) }) == 0 { return }
      if errno != EEXIST { throw PosixError("write", target.string, Errno(rawValue: errno)) }
      source = target.removingLastComponent().appending(temporaryName("new"))
      TemporaryNames.shared.insert(source)
      try check("name", source.string) {
        source.withPlatformString { garboard_link_descriptor(raw, AT_FDCWD, $0) }
      }
    }
    temporary = source
    try check("rename to", target.string) {
      source.withPlatformString { from in target.withPlatformString { to in rename(from, to) } }
    }
    TemporaryNames.shared.remove(source)
    temporary = nil
  }

  /// Makes `target` a file of these bytes, over what was there.
  public static func write(_ bytes: [UInt8], to target: FilePath) throws {
    var file = try AtomicFile(target)
    try bytes.withUnsafeBytes { try file.descriptor.write($0) }
    try file.commit()
  }

  deinit {
    if let temporary {
      _ = temporary.withPlatformString { unlink($0) }
      TemporaryNames.shared.remove(temporary)
    }
  }
}

/// Refuses to take the place of what is no file.
private func checkMayReplace(_ target: FilePath) throws(PosixError) {
  var status = stat()
  guard target.withPlatformString({ lstat($0, &status) }) == 0 else { return }
  switch status.st_mode & S_IFMT {
  case S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK: throw PosixError("replace", target.string, .notSupported)
  default: return
  }
}

/// Where large temporary files go: `$TMPDIR`, else `/var/tmp`, which is a disk where `/tmp` may be memory.
public func temporaryDirectory() -> FilePath {
  if let value = getenv("TMPDIR"), value.pointee != 0 { return FilePath(String(cString: value)) }
  return "/var/tmp"
}
