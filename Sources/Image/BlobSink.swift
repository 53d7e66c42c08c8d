import Glibc
import Posix
import SystemPackage

/// The place of one blob in the first destination: its bytes go to where they will stay.
///
/// Used from one thread at a time, as `BlobBytes` says.
public final class BlobSink: BlobBytes, @unchecked Sendable {
  /// The file that the bytes are in, owned by the destination.
  let raw: Int32
  /// Where the blob starts in it.
  let start: UInt64
  private let place: String
  /// Keeps the file open.
  private let owner: AnyObject
  /// How many bytes there are.
  public private(set) var size: UInt64 = 0

  /// A blob in a file.
  ///
  /// - Parameters:
  ///   - raw: the file's descriptor, which `owner` keeps open.
  ///   - start: where the blob starts in it.
  ///   - place: where it is, for messages.
  public init(_ raw: Int32, start: UInt64, place: String, owner: AnyObject) {
    self.raw = raw
    self.start = start
    self.place = place
    self.owner = owner
  }

  /// Adds bytes at the end.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    try writeAll(raw, bytes, at: start + size, place: place)
    size += UInt64(bytes.count)
  }

  /// Reads at an offset; fewer bytes only at the end.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws -> Int {
    let count = Int(min(UInt64(buffer.count), size - min(size, offset)))
    return try readFull(
      raw, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: start + offset)
  }

  /// Drops all bytes.
  public func reset() throws {
    try truncate(raw, to: start, place: place)
    size = 0
  }
}

/// Writes all bytes at an offset; errors name the place.
func writeAll(
  _ raw: Int32, _ bytes: UnsafeRawBufferPointer, at offset: UInt64, place: String
) throws(PosixError) {
  var done = 0
  while done < bytes.count {
    let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
    let count = pwrite(raw, rest.baseAddress, rest.count, off_t(clamping: offset) + off_t(done))
    if count < 0 {
      if errno == EINTR { continue }
      throw PosixError("write", place, Errno(rawValue: errno))
    }
    done += count
  }
}

/// Sets a file's size; errors name the place.
func truncate(_ raw: Int32, to size: UInt64, place: String) throws(PosixError) {
  while ftruncate(raw, off_t(clamping: size)) != 0 {
    if errno != EINTR { throw PosixError("write", place, Errno(rawValue: errno)) }
  }
}
