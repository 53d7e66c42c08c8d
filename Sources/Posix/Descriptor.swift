import CLinux
import Glibc
public import SystemPackage

/// An open file descriptor that closes itself.
public struct Descriptor: ~Copyable, Sendable {
  /// The number; valid while this value lives.
  public let raw: Int32

  /// Takes ownership of an open descriptor.
  public init(owning raw: Int32) { self.raw = raw }

  deinit { close(raw) }

  /// Gives the descriptor away: the caller closes it.
  public consuming func release() -> Int32 {
    let raw = raw
    discard self
    return raw
  }

  /// Another descriptor of the same open file.
  public func duplicate() throws(PosixError) -> Descriptor {
    let raw = raw
    return Descriptor(owning: try check("duplicate", "a descriptor") { fcntl(raw, F_DUPFD_CLOEXEC, 3) })
  }
}

/// How a host file is opened; see open(2).
public struct OpenMode: Sendable {
  var flags: Int32
  var permissions: UInt32

  /// For reading.
  public static let read = OpenMode(flags: O_RDONLY, permissions: 0)
  /// For reading and writing, which must exist.
  public static let update = OpenMode(flags: O_RDWR, permissions: 0)
  /// A new file for reading and writing; fails when the name is taken.
  public static func createNew(_ permissions: UInt32 = 0o666) -> OpenMode {
    OpenMode(flags: O_RDWR | O_CREAT | O_EXCL, permissions: permissions)
  }
  /// A file for reading and writing, made when missing.
  public static func createOrOpen(_ permissions: UInt32 = 0o666) -> OpenMode {
    OpenMode(flags: O_RDWR | O_CREAT, permissions: permissions)
  }
  /// A directory, for calls relative to it.
  public static let directory = OpenMode(flags: O_RDONLY | O_DIRECTORY, permissions: 0)
}

/// Opens a host path.
public func openFile(_ path: FilePath, _ mode: OpenMode) throws(PosixError) -> Descriptor {
  let raw = try check("open", path.string) {
    path.withPlatformString { open($0, mode.flags | O_CLOEXEC | O_NOCTTY, mode.permissions) }
  }
  return Descriptor(owning: raw)
}

/// Where bytes are read from: a positionless view of calls on one descriptor.
extension Descriptor {
  /// Reads at the current position; 0 at the end.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws(PosixError) -> Int {
    try readSome(raw, into: buffer)
  }

  /// Reads at `offset` without moving the position; fewer bytes only at the end.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(PosixError) -> Int {
    try readFull(raw, into: buffer, at: offset)
  }

  /// Writes all of `bytes` at the current position.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(PosixError) { try writeAll(raw, bytes) }

  /// Writes all of `bytes` at `offset` without moving the position.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(PosixError) {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      done += try check("write", "") {
        pwrite(raw, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
      }
    }
  }

  /// The current size in bytes.
  public func size() throws(PosixError) -> UInt64 { try fileSize(raw) }

  /// Whether it is a regular file, which can be read at any offset.
  public func isRegularFile() throws(PosixError) -> Bool {
    var status = stat()
    try check("look at", "a file") { fstat(raw, &status) }
    return status.st_mode & S_IFMT == S_IFREG
  }

  /// Flushes data and metadata to the disk.
  public func sync() throws(PosixError) { try check("flush", "a file") { fsync(raw) } }

  /// Sets the size, making a hole or cutting off.
  public func truncate(to size: UInt64) throws(PosixError) {
    try check("set the size of", "a file") { ftruncate(raw, off_t(size)) }
  }
}

/// The size of an open file that the caller owns, in bytes.
public func fileSize(_ raw: Int32) throws(PosixError) -> UInt64 {
  var status = stat()
  try check("read the size of", "a file") { fstat(raw, &status) }
  return UInt64(status.st_size)
}

/// read(2) once, at the current position of a descriptor that the caller owns; 0 at the end.
public func readSome(_ raw: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(PosixError) -> Int {
  try check("read", "") { Glibc.read(raw, buffer.baseAddress, buffer.count) }
}

/// pread(2) until the buffer is full or the file ends.
public func readFull(
  _ raw: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
) throws(PosixError) -> Int {
  var done = 0
  while done < buffer.count {
    let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
    let count = try check("read", "") {
      pread(raw, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
    }
    if count == 0 { break }
    done += count
  }
  return done
}

/// write(2) until all bytes are written, to a descriptor that the caller owns.
public func writeAll(_ raw: Int32, _ bytes: UnsafeRawBufferPointer) throws(PosixError) {
  var done = 0
  while done < bytes.count {
    let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
    done += try check("write", "") { Glibc.write(raw, rest.baseAddress, rest.count) }
  }
}
