import Glibc
import Posix
import SystemPackage

/// Writes a new file as a whole, readable for everybody whatever the umask.
func write(_ bytes: [UInt8], to path: FilePath) throws {
  let file = try openFile(path, .createNew(0o644))
  try file.setMode(0o644, shown: path.string)
  try bytes.withUnsafeBytes { try file.write($0) }
}

/// Whether there is something at a path.
func exists(_ path: FilePath) -> Bool { path.withPlatformString { access($0, F_OK) } == 0 }

/// All bytes of a file that is known to be small.
func readSmallFile(_ path: FilePath) throws -> [UInt8] {
  let file = try openFile(path, .read)
  var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
  let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
  bytes.removeLast(bytes.count - count)
  return bytes
}
