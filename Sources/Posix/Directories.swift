import Glibc
public import SystemPackage

/// Makes a directory and its missing parents.
public func makeDirectories(_ path: FilePath, permissions: UInt32 = 0o777) throws(PosixError) {
  if path.isEmpty || path.withPlatformString({ mkdir($0, permissions) }) == 0 { return }
  switch Errno(rawValue: errno) {
  case .fileExists:
    var status = stat()
    try check("look at", path.string) { path.withPlatformString { stat($0, &status) } }
    if status.st_mode & S_IFMT != S_IFDIR {
      throw PosixError("make the directory", path.string, .notDirectory)
    }
  case .noSuchFileOrDirectory where !path.removingLastComponent().isEmpty:
    try makeDirectories(path.removingLastComponent(), permissions: permissions)
    if path.withPlatformString({ mkdir($0, permissions) }) != 0, errno != EEXIST {
      throw PosixError("make the directory", path.string, Errno(rawValue: errno))
    }
  case let error:
    throw PosixError("make the directory", path.string, error)
  }
}

/// Removes a file, or a directory with all that is in it; what is missing is no error.
///
/// Goes down by descriptor without following symlinks, and does not cross into another file system.
public func removeTree(_ path: FilePath) throws(PosixError) {
  var status = stat()
  if path.withPlatformString({ lstat($0, &status) }) != 0 {
    if errno == ENOENT { return }
    throw PosixError("look at", path.string, Errno(rawValue: errno))
  }
  if status.st_mode & S_IFMT != S_IFDIR {
    try check("remove", path.string) { path.withPlatformString { unlink($0) } }
    return
  }
  let raw = try check("open", path.string) {
    path.withPlatformString { open($0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
  }
  try removeContents(Descriptor(owning: raw), device: UInt64(status.st_dev), shown: path.string)
  try check("remove", path.string) { path.withPlatformString { rmdir($0) } }
}

/// Removes a directory in an open one with all that is in it, on one file system.
func removeTree(
  in parent: Int32, _ name: [UInt8], shown: String, removed: (_ path: [UInt8]) -> Void
) throws(PosixError) {
  let tree = try Relative(parent).open(name, for: .directory, shown: shown)
  let device = try tree.status(shown: shown).identity.device
  try removeContents(tree, device: device, shown: shown, path: name, removed: removed)
  try name.withNullTerminated { name throws(PosixError) in
    _ = try check("remove", shown) { unlinkat(parent, name, AT_REMOVEDIR) }
  }
  removed(name)
}

private func removeContents(
  _ directory: consuming Descriptor, device: UInt64, shown: String, path: [UInt8] = [],
  removed: (_ path: [UInt8]) -> Void = { _ in }
) throws(PosixError) {
  let raw = directory.raw
  for name in try listDirectory(raw, shown: shown) {
    let display = shown + "/" + displayed(name)
    let below = path + [0x2f] + name
    var status = stat()
    try name.withNullTerminated { name throws(PosixError) in
      try check("look at", display) { fstatat(raw, name, &status, AT_SYMLINK_NOFOLLOW) }
      if status.st_mode & S_IFMT == S_IFDIR {
        if UInt64(status.st_dev) != device {
          throw PosixError("remove the mount point", display, .resourceBusy)
        }
        let child = try check("open", display) {
          openat(raw, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        }
        try removeContents(
          Descriptor(owning: child), device: device, shown: display, path: below, removed: removed)
        try check("remove", display) { unlinkat(raw, name, AT_REMOVEDIR) }
        removed(below)
      } else {
        try check("remove", display) { unlinkat(raw, name, 0) }
      }
    }
  }
}

/// The names in an open directory, without `.` and `..`, in bytewise order.
public func listDirectory(_ raw: Int32, shown: String) throws(PosixError) -> [[UInt8]] {
  let copy = try check("open", shown) { openat(raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
  guard let stream = fdopendir(copy) else {
    close(copy)
    throw PosixError("list", shown, Errno(rawValue: errno))
  }
  defer { closedir(stream) }
  var names: [[UInt8]] = []
  while true {
    errno = 0
    guard let entry = readdir(stream) else {
      if errno != 0 { throw PosixError("list", shown, Errno(rawValue: errno)) }
      break
    }
    let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) ?? 0
    let start = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
    let name = [UInt8](UnsafeRawBufferPointer(start: start, count: strlen(start)))
    if name != [0x2e] && name != [0x2e, 0x2e] { names.append(name) }
  }
  names.sort { $0.lexicographicallyPrecedes($1) }
  return names
}

extension [UInt8] {
  /// Lends the bytes as a C string; they come from the kernel, so hold no NUL.
  func withNullTerminated<Result>(
    _ body: (UnsafePointer<CChar>) throws(PosixError) -> Result
  ) throws(PosixError) -> Result {
    let characters = map { CChar(bitPattern: $0) } + [0]
    var outcome: Swift.Result<Result, PosixError>?
    characters.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      do throws(PosixError) { outcome = .success(try body(base)) } catch { outcome = .failure(error) }
    }
    guard let outcome else { preconditionFailure("a buffer of at least one byte") }
    return try outcome.get()
  }
}
