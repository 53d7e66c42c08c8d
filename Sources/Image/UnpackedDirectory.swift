import Archive
import Glibc
import Posix
import Rootfs
import SystemPackage

/// A `rootfs:` destination: unpacked beside its place, and moved there when it is complete.
final class UnpackedDirectory {
  private let target: FilePath
  private let temporary: FilePath
  private var isCommitted = false

  /// Prepares a directory that will be `target`, which must be missing or empty.
  init(_ target: FilePath) throws {
    self.target = target
    var status = stat()
    if target.withPlatformString({ lstat($0, &status) }) == 0 {
      guard status.st_mode & S_IFMT == S_IFDIR else {
        throw ImageError(.location(problem: "it exists and is no directory"), at: target.string)
      }
      let directory = try openFile(target, .directory)
      guard try listDirectory(directory.raw, shown: target.string).isEmpty else {
        throw ImageError(.location(problem: "the directory is not empty"), at: target.string)
      }
    }
    let parent = target.removingLastComponent()
    temporary = (parent.isEmpty ? "." : parent).appending(temporaryName("rootfs"))
    try makeDirectories(temporary)
    TemporaryNames.shared.insert(temporary)
  }

  deinit {
    if isCommitted { return }
    try? removeTree(temporary)
    TemporaryNames.shared.remove(temporary)
  }

  /// Unpacks all entries; who is not root gets what can be had without.
  func unpack(_ source: any EntrySource) throws {
    let unpacker = try Unpacker(into: temporary, options: geteuid() == 0 ? .init() : .unprivileged)
    while let entry = try source.next() {
      try unpacker.add(entry) { try source.read(into: $0) }
    }
    try unpacker.finish()
  }

  /// Gives the directory its name.
  func commit() throws {
    if Ending.isUnderway { throw PosixError("rename to", target.string, .canceled) }
    let result = temporary.withPlatformString { from in target.withPlatformString { rename(from, $0) } }
    if result != 0 { throw PosixError("rename to", target.string, Errno(rawValue: errno)) }
    TemporaryNames.shared.remove(temporary)
    isCommitted = true
  }
}
