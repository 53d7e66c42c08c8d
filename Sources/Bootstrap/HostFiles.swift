import Debian
import Glibc
import Posix
import SystemPackage

/// A whole small file of the host: a configuration file, a keyring, a `Release` file.
func readHostFile(_ path: FilePath, limit: Int = 16 << 20) throws(BootstrapError) -> [UInt8] {
  do throws(PosixError) {
    let file = try openFile(path, .read)
    return try readAll(file.raw, name: path.string, limit: limit)
  } catch {
    throw .system(error)
  }
}

/// All that a descriptor gives, up to `limit` bytes; more is an error.
func readAll(_ raw: Int32, name: String, limit: Int) throws(PosixError) -> [UInt8] {
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 64 << 10)
  while true {
    var count = 0
    var failure: PosixError?
    buffer.withUnsafeMutableBytes { buffer in
      do throws(PosixError) { count = try readSome(raw, into: buffer) } catch { failure = error }
    }
    if let failure { throw PosixError("read", name, failure.errno) }
    if count == 0 { return bytes }
    if bytes.count + count > limit { throw PosixError("read", name, .fileTooLarge) }
    bytes += buffer[..<count]
  }
}

/// Writes a new file of `bytes`.
func writeHostFile(
  _ path: FilePath, _ bytes: [UInt8], permissions: UInt32 = 0o644
) throws(BootstrapError) {
  do throws(PosixError) {
    let file = try openFile(path, .createNew(permissions))
    // Whatever the user's umask: others must read it too.
    if fchmod(file.raw, permissions) != 0 {
      throw PosixError("set the mode of", path.string, Errno(rawValue: errno))
    }
    var failure: PosixError?
    bytes.withUnsafeBytes { bytes in
      do throws(PosixError) { try file.write(bytes) } catch { failure = error }
    }
    if let failure { throw PosixError("write", path.string, failure.errno) }
  } catch {
    throw .system(error)
  }
}

func fileExists(_ path: FilePath) -> Bool { path.withPlatformString { access($0, F_OK) } == 0 }

/// The path as seen from `/`.
func absolutePath(_ path: FilePath) -> FilePath {
  if path.isAbsolute { return path.lexicallyNormalized() }
  guard let here = getcwd(nil, 0) else { return path }
  defer { free(here) }
  return FilePath(String(cString: here)).pushing(path).lexicallyNormalized()
}

/// Writes a file as a whole: beside its name first, then over what was there.
func storeFile(_ bytes: UnsafeRawBufferPointer, as path: FilePath) throws(BootstrapError) {
  do throws(PosixError) {
    var file = try AtomicFile(path)
    try file.descriptor.write(bytes)
    try file.commit()
  } catch {
    throw .system(error)
  }
}

/// What is taken away from the permissions of what this process makes. umask(2) can't be asked without changing
/// it, which other threads would notice; proc(5) says it.
func currentUmask() throws(BootstrapError) -> UInt16 {
  let status = String(decoding: try readHostFile("/proc/self/status"), as: UTF8.self)
  let line = status.split(separator: "\n").first { $0.hasPrefix("Umask:") }
  guard let mask = line?.split(whereSeparator: \.isWhitespace).last.flatMap({ UInt16($0, radix: 8) }) else {
    throw .system(PosixError("find the umask in", "/proc/self/status", .invalidArgument))
  }
  return mask
}
