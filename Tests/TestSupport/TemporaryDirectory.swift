import Glibc
import Posix
public import SystemPackage

/// A directory of a test's own, removed with all that is in it when the last reference goes.
public final class TemporaryDirectory: Sendable {
  /// Where it is.
  public let path: FilePath

  /// What they are made in: `$TMPDIR`, else `/var/tmp`, whose file systems know extended attributes of
  /// users, as `/tmp` often doesn't.
  static let base: FilePath = getenv("TMPDIR").map { FilePath(platformString: $0) } ?? "/var/tmp"

  /// Makes an empty directory that only its owner may enter.
  public init() throws {
    path = Self.base.appending(temporaryName("test"))
    try makeDirectories(path, permissions: 0o700)
  }

  deinit {
    // Not removeTree: what is to be tested must not clean up. Errors show in the next listing of /var/tmp.
    _ = try? Tool.run("rm", ["-rf", "--one-file-system", path.string])
  }

  /// A path inside.
  public func appending(_ name: String) -> FilePath { path.appending(name) }

  /// Writes a file with text.
  @discardableResult
  public func write(_ name: String, _ text: String) throws -> FilePath {
    try write(name, Array(text.utf8))
  }

  /// Writes a file with bytes.
  @discardableResult
  public func write(_ name: String, _ bytes: [UInt8]) throws -> FilePath {
    let file = appending(name)
    try makeDirectories(file.removingLastComponent())
    let descriptor = try openFile(file, .createOrOpen())
    try descriptor.truncate(to: 0)
    try bytes.withUnsafeBytes { try descriptor.write($0) }
    return file
  }
}

/// The bytes of a file of the host.
public func readBytes(_ path: FilePath) throws -> [UInt8] {
  let file = try openFile(path, .read)
  var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
  let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
  bytes.removeLast(bytes.count - count)
  return bytes
}
