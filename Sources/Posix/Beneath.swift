import CLinux
import Glibc
import SystemPackage

/// Opens the directory `path` below an open one, following no symlink on the way and never leaving it.
///
/// Uses openat2(2), and where the kernel or its filter has none, goes down part by part. An empty path is
/// the directory itself.
///
/// - Throws: `PosixError`: no such file; not a directory; too many symbolic links (`ELOOP`) for a symlink.
public func openDirectory(
  beneath root: Int32, _ path: [UInt8], shown: @autoclosure () -> String
) throws(PosixError) -> Descriptor {
  if path.isEmpty {
    let raw = try check("open", shown()) { openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    return Descriptor(owning: raw)
  }
  if path.count < Int(PATH_MAX) {
    let flags = UInt64(O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    let resolve =
      GARBOARD_RESOLVE_BENEATH | GARBOARD_RESOLVE_NO_SYMLINKS | GARBOARD_RESOLVE_NO_MAGICLINKS
    let raw = path.withName { garboard_openat2(root, $0, flags, 0, resolve) }
    if raw >= 0 { return Descriptor(owning: raw) }
    switch Errno(rawValue: errno) {
    // EPERM: container engines with old seccomp filters. EAGAIN: a rename elsewhere, ask again by hand.
    case .noFunction, .notPermitted, .resourceTemporarilyUnavailable, .interrupted: break
    case let error: throw PosixError("open", shown(), error)
    }
  }
  return try openDirectory(byPartsBeneath: root, path, shown: shown())
}

/// The slower way of `openDirectory(beneath:)`, which works on every kernel and for paths of any length.
func openDirectory(
  byPartsBeneath root: Int32, _ path: [UInt8], shown: @autoclosure () -> String
) throws(PosixError) -> Descriptor {
  var current = try openDirectory(beneath: root, [], shown: shown())
  for part in path.split(separator: 0x2f) {
    let name = Array(part)
    if name == [0x2e, 0x2e] { throw PosixError("open", shown(), .improperLink) }
    do throws(PosixError) {
      current = try Relative(current.raw).open(name, for: .directory, shown: shown())
    } catch {
      // With O_DIRECTORY a symlink reads as "not a directory"; openat2 says ELOOP, so say the same.
      guard error.errno == .notDirectory,
        try Relative(current.raw).status(of: name, shown: shown())?.kind == .symlink
      else { throw error }
      throw PosixError("open", shown(), .tooManySymbolicLinkLevels)
    }
  }
  return current
}
