import Glibc
import Posix
import SystemPackage

/// Looks at the host's files.
enum HostPath {
  enum Kind { case file, folder }

  /// What a path leads to; nil when nothing is there. All that is no folder counts as a file.
  static func kind(of path: FilePath) -> Kind? {
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0 else { return nil }
    return status.st_mode & S_IFMT == S_IFDIR ? .folder : .file
  }

  /// The bytes of a file; one more than `limit` of a larger one.
  static func bytes(of path: FilePath, limit: Int) throws(PosixError) -> [UInt8] {
    let file = try openFile(path, .read)
    var bytes: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 1)
    defer { buffer.deallocate() }
    while bytes.count <= limit {
      let count = try file.read(into: buffer)
      if count == 0 { break }
      bytes += buffer.prefix(min(count, limit + 1 - bytes.count))
    }
    return bytes
  }
}
