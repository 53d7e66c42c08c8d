import Glibc
public import SystemPackage

/// A whole file seen as memory, read only: pages come in when they are looked at.
///
/// For files that are replaced by renaming and never changed in place: one that is cut short under its
/// readers ends them with a signal.
public final class MappedFile: @unchecked Sendable {
  // Immutable after init.
  /// The file's bytes; valid while this object lives.
  public let bytes: UnsafeRawBufferPointer

  /// Maps the file at `path`.
  public init(_ path: FilePath) throws(PosixError) {
    let file = try openFile(path, .read)
    let count = Int(try file.size())
    if count == 0 {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, file.raw, 0), start != MAP_FAILED else {
      throw PosixError("map", path.string, Errno(rawValue: errno))
    }
    bytes = UnsafeRawBufferPointer(start: start, count: count)
  }

  deinit {
    if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
  }
}
