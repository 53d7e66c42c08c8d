import CLinux
import Glibc
import SystemPackage

/// Opens a directory below an open one as if that were `/`: symlinks on the way are followed, but never
/// out of it (openat2(2), `RESOLVE_IN_ROOT`). An empty path is the directory itself.
///
/// - Throws: `PosixError`; the call is not there before Linux 5.6.
public func openDirectory(
  inRoot root: Int32, _ path: [UInt8], shown: @autoclosure () -> String
) throws(PosixError) -> Descriptor {
  try open(root, path.isEmpty ? [0x2e] : path, O_RDONLY | O_DIRECTORY, 0, shown())
}

/// Opens a file for reading in the same way.
public func openFile(
  inRoot root: Int32, _ path: [UInt8], shown: @autoclosure () -> String
) throws(PosixError) -> Descriptor {
  try open(root, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, shown())
}

/// Opens a file for writing in the same way: emptied, or made with these permissions.
public func createFile(
  inRoot root: Int32, _ path: [UInt8], permissions: UInt32, shown: @autoclosure () -> String
) throws(PosixError) -> Descriptor {
  try open(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_NONBLOCK, permissions, shown())
}

private func open(
  _ root: Int32, _ path: [UInt8], _ flags: Int32, _ permissions: UInt32, _ shown: @autoclosure () -> String
) throws(PosixError) -> Descriptor {
  while true {
    let raw = path.withName {
      garboard_openat2(
        root, $0, UInt64(flags | O_CLOEXEC), UInt64(permissions),
        GARBOARD_RESOLVE_IN_ROOT | GARBOARD_RESOLVE_NO_MAGICLINKS)
    }
    if raw >= 0 { return Descriptor(owning: raw) }
    // EAGAIN: something was renamed meanwhile.
    let error = Errno(rawValue: errno)
    if error != .resourceTemporarilyUnavailable && error != .interrupted {
      throw PosixError("open", shown(), error)
    }
  }
}

extension Relative {
  /// A new file with all its permissions at once, for processes without a umask; nil when the name is
  /// taken.
  public func createFile(
    _ name: [UInt8], mode: UInt16, shown: @autoclosure () -> String
  ) throws(PosixError) -> Descriptor? {
    do throws(PosixError) {
      let raw = try name.withName { name throws(PosixError) in
        try check("create", shown()) {
          openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_t(mode))
        }
      }
      return Descriptor(owning: raw)
    } catch {
      if error.errno == .fileExists { return nil }
      throw error
    }
  }
}

/// Takes away no permission of what this process makes: it says all modes itself.
public func clearUmask() { umask(0) }
