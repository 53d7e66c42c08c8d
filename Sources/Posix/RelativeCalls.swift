import CLinux
import Glibc
import SystemPackage

/// What a file of the host is.
public enum FileKind: Sendable, Hashable {
  /// A regular file.
  case file
  /// A directory.
  case directory
  /// A symbolic link.
  case symlink
  /// A character device.
  case characterDevice
  /// A block device.
  case blockDevice
  /// A named pipe.
  case fifo
  /// A socket.
  case socket
}

/// A file of the host, whatever its names; see stat(2), `st_dev` and `st_ino`.
public struct FileIdentity: Hashable, Sendable {
  /// The file system that it is on.
  public var device: UInt64
  /// Its number there.
  public var inode: UInt64
}

/// What stat(2) says about a file.
public struct FileStatus: Sendable {
  private let status: stat

  init(_ status: stat) { self.status = status }

  /// What it is; nil for what Linux has no name for.
  public var kind: FileKind? {
    switch status.st_mode & S_IFMT {
    case S_IFREG: .file
    case S_IFDIR: .directory
    case S_IFLNK: .symlink
    case S_IFCHR: .characterDevice
    case S_IFBLK: .blockDevice
    case S_IFIFO: .fifo
    case S_IFSOCK: .socket
    default: nil
    }
  }
  /// Permission, setuid, setgid and sticky bits.
  public var mode: UInt16 { UInt16(truncatingIfNeeded: status.st_mode & 0o7777) }
  /// The owner's number.
  public var user: UInt32 { status.st_uid }
  /// The group's number.
  public var group: UInt32 { status.st_gid }
  /// The size with holes, in bytes.
  public var size: UInt64 { UInt64(clamping: status.st_size) }
  /// What it takes on the disk, in bytes.
  public var allocated: UInt64 { UInt64(clamping: status.st_blocks) &* 512 }
  /// How many names it has.
  public var links: UInt64 { UInt64(status.st_nlink) }
  /// When its content was last changed: seconds since 1970.
  public var modifiedSeconds: Int64 { Int64(status.st_mtim.tv_sec) }
  /// Nanoseconds to be added to `modifiedSeconds`.
  public var modifiedNanoseconds: UInt32 { UInt32(clamping: status.st_mtim.tv_nsec) }
  /// Which file it is.
  public var identity: FileIdentity {
    FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }
  /// A device's major number.
  public var deviceMajor: UInt32 { garboard_major(UInt64(status.st_rdev)) }
  /// A device's minor number.
  public var deviceMinor: UInt32 { garboard_minor(UInt64(status.st_rdev)) }
}

/// Calls relative to an open directory. A name is one part of a path, and symlinks are never followed.
///
/// `shown` is the path for messages; it is only made when the call fails.
public struct Relative: Sendable {
  /// The directory's descriptor; valid while its owner lives.
  public let directory: Int32

  /// Calls relative to a directory that the caller keeps open.
  public init(_ directory: Int32) { self.directory = directory }

  /// How a file is opened.
  public enum Purpose: Sendable {
    /// To read a regular file; doesn't wait for the writer of a fifo.
    case read
    /// To write a new regular file that only its owner may see.
    case create
    /// To list a directory or for calls relative to it.
    case directory

    var flags: Int32 {
      switch self {
      case .read: O_RDONLY | O_NONBLOCK | O_NOCTTY
      case .create: O_WRONLY | O_CREAT | O_EXCL
      case .directory: O_RDONLY | O_DIRECTORY
      }
    }
  }

  /// openat(2).
  public func open(
    _ name: [UInt8], for purpose: Purpose, shown: @autoclosure () -> String
  ) throws(PosixError) -> Descriptor {
    let raw = try name.withName { name throws(PosixError) in
      try check(purpose == .create ? "create" : "open", shown()) {
        openat(directory, name, purpose.flags | O_NOFOLLOW | O_CLOEXEC, 0o600)
      }
    }
    return Descriptor(owning: raw)
  }

  /// fstatat(2) of a name itself; nil when there is none.
  public func status(
    of name: [UInt8], shown: @autoclosure () -> String
  ) throws(PosixError) -> FileStatus? {
    var status = stat()
    do throws(PosixError) {
      _ = try name.withName { name throws(PosixError) in
        try check("look at", shown()) { fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) }
      }
    } catch {
      if error.errno == .noSuchFileOrDirectory { return nil }
      throw error
    }
    return FileStatus(status)
  }

  /// readlinkat(2): a symlink's whole target.
  public func linkTarget(
    of name: [UInt8], shown: @autoclosure () -> String
  ) throws(PosixError) -> [UInt8] {
    var capacity = 256
    while true {
      var target = [UInt8](repeating: 0, count: capacity)
      let count = try name.withName { name throws(PosixError) in
        try check("read the link", shown()) {
          target.withUnsafeMutableBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { buffer in
              guard let base = buffer.baseAddress else { return 0 }
              return readlinkat(directory, name, base, buffer.count)
            }
          }
        }
      }
      if count < capacity {
        target.removeLast(capacity - count)
        return target
      }
      capacity *= 2
    }
  }

  /// mkdirat(2), for its owner only.
  public func makeDirectory(_ name: [UInt8], shown: @autoclosure () -> String) throws(PosixError) {
    try name.withName { name throws(PosixError) in
      _ = try check("make the directory", shown()) { mkdirat(directory, name, 0o700) }
    }
  }

  /// symlinkat(2).
  public func makeSymlink(
    _ name: [UInt8], to target: [UInt8], shown: @autoclosure () -> String
  ) throws(PosixError) {
    try target.withName { target throws(PosixError) in
      try name.withName { name throws(PosixError) in
        _ = try check("make the symlink", shown()) { symlinkat(target, directory, name) }
      }
    }
  }

  /// linkat(2): another name for the file `other` in `source`, which may be a symlink itself.
  public func makeLink(
    _ name: [UInt8], to other: [UInt8], in source: Relative, shown: @autoclosure () -> String
  ) throws(PosixError) {
    try other.withName { other throws(PosixError) in
      try name.withName { name throws(PosixError) in
        _ = try check("make the hardlink", shown()) {
          linkat(source.directory, other, directory, name, 0)
        }
      }
    }
  }

  /// mknodat(2) of a fifo or a device, for its owner only. Other kinds are an invalid argument.
  public func makeNode(
    _ name: [UInt8], _ kind: FileKind, major: UInt32 = 0, minor: UInt32 = 0,
    shown: @autoclosure () -> String
  ) throws(PosixError) {
    let type: mode_t
    switch kind {
    case .fifo: type = S_IFIFO
    case .characterDevice: type = S_IFCHR
    case .blockDevice: type = S_IFBLK
    default: throw PosixError("make the node", shown(), .invalidArgument)
    }
    try name.withName { name throws(PosixError) in
      _ = try check(kind == .fifo ? "make the fifo" : "make the device", shown()) {
        mknodat(directory, name, type | 0o600, dev_t(garboard_makedev(major, minor)))
      }
    }
  }

  /// Removes a name, a directory with all that is in it; `removed` is told each directory that goes, as a
  /// path relative to this one.
  public func remove(
    _ name: [UInt8], shown: @autoclosure () -> String, removed: (_ path: [UInt8]) -> Void = { _ in }
  ) throws(PosixError) {
    let done = name.withName { name in unlinkat(directory, name, 0) }
    if done == 0 { return }
    let error = Errno(rawValue: errno)
    guard error == .isDirectory || error == .notPermitted else {
      throw PosixError("remove", shown(), error)
    }
    try removeTree(in: directory, name, shown: shown(), removed: removed)
  }

  /// fchownat(2) of the name itself.
  public func setOwner(
    of name: [UInt8], user: UInt32, group: UInt32, shown: @autoclosure () -> String
  ) throws(PosixError) {
    try name.withName { name throws(PosixError) in
      _ = try check("set the owner of", shown()) {
        fchownat(directory, name, user, group, AT_SYMLINK_NOFOLLOW)
      }
    }
  }

  /// fchmodat(2) of what is not a symlink.
  public func setMode(of name: [UInt8], _ mode: UInt16, shown: @autoclosure () -> String) throws(PosixError) {
    try name.withName { name throws(PosixError) in
      _ = try check("set the mode of", shown()) {
        fchmodat(directory, name, mode_t(mode), AT_SYMLINK_NOFOLLOW)
      }
    }
  }

  /// utimensat(2) of the name itself: when its content was last changed.
  public func setModified(
    of name: [UInt8], seconds: Int64, nanoseconds: UInt32, shown: @autoclosure () -> String
  ) throws(PosixError) {
    let times = modificationTimes(seconds, nanoseconds)
    try name.withName { name throws(PosixError) in
      _ = try check("set the time of", shown()) {
        times.withUnsafeBufferPointer { utimensat(directory, name, $0.baseAddress, AT_SYMLINK_NOFOLLOW) }
      }
    }
  }
}

extension Descriptor {
  /// fstat(2).
  public func status(shown: @autoclosure () -> String) throws(PosixError) -> FileStatus {
    var status = stat()
    try check("look at", shown()) { fstat(raw, &status) }
    return FileStatus(status)
  }

  /// fchown(2).
  public func setOwner(
    user: UInt32, group: UInt32, shown: @autoclosure () -> String
  ) throws(PosixError) {
    try check("set the owner of", shown()) { fchown(raw, user, group) }
  }

  /// fchmod(2).
  public func setMode(_ mode: UInt16, shown: @autoclosure () -> String) throws(PosixError) {
    try check("set the mode of", shown()) { fchmod(raw, mode_t(mode)) }
  }

  /// futimens(2): when the content was last changed.
  public func setModified(
    seconds: Int64, nanoseconds: UInt32, shown: @autoclosure () -> String
  ) throws(PosixError) {
    let times = modificationTimes(seconds, nanoseconds)
    try check("set the time of", shown()) { times.withUnsafeBufferPointer { futimens(raw, $0.baseAddress) } }
  }

  /// Where the next data and the hole after it are, from `offset` on; nil when only a hole follows.
  /// File systems that know nothing of holes say that all is data.
  public func nextData(from offset: UInt64) throws(PosixError) -> Range<UInt64>? {
    let start = lseek(raw, off_t(clamping: offset), 3 /* SEEK_DATA */)
    if start < 0 {
      switch Errno(rawValue: errno) {
      case .noSuchAddressOrDevice: return nil
      case .invalidArgument: return offset..<UInt64.max
      case let error: throw PosixError("look for data in", "a file", error)
      }
    }
    let end = try check("look for holes in", "a file") { lseek(raw, start, 4 /* SEEK_HOLE */) }
    return UInt64(start)..<UInt64(max(end, start))
  }
}

private func modificationTimes(_ seconds: Int64, _ nanoseconds: UInt32) -> [timespec] {
  // The access time stays: UTIME_OMIT, a macro with a cast.
  [timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2), timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds))]
}

extension [UInt8] {
  /// Lends the bytes as a C string made on the stack. A NUL would cut it short: names with one are
  /// refused where they come in.
  func withName<Result, Failure: Error>(
    _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: count + 1) {
      buffer throws(Failure) in
      var index = 0
      for byte in self {
        buffer[index] = CChar(bitPattern: byte)
        index += 1
      }
      buffer[index] = 0
      guard let base = buffer.baseAddress else { preconditionFailure("an allocation of at least one byte") }
      return try body(UnsafePointer(base))
    }
  }
}
