import Glibc
import Posix

/// Writes files, leaving holes for blocks of zeros.
struct SparseWriter {
  /// What file systems allocate at a time, mostly.
  private static let block = 4096
  private var buffer: [UInt8] = []

  /// Writes what `data` gives, `size` bytes at most, into an empty file.
  ///
  /// - Returns: how many bytes were given: less than `size` when the data ended before.
  mutating func write(
    to file: borrowing Descriptor, size: UInt64, shown: @autoclosure () -> String,
    _ data: (UnsafeMutableRawBufferPointer) throws -> Int
  ) throws -> UInt64 {
    if size == 0 { return 0 }
    if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: 256 << 10) }
    return try buffer.withUnsafeMutableBytes { buffer in
      var offset: UInt64 = 0
      var written: UInt64 = 0
      var ended = false
      while offset < size, !ended {
        // Full buffers, so that the blocks keep their places in the file.
        let wanted = Int(min(UInt64(buffer.count), size - offset))
        var count = 0
        while count < wanted {
          let got = try data(UnsafeMutableRawBufferPointer(rebasing: buffer[count..<wanted]))
          if got == 0 {
            ended = true
            break
          }
          count += got
        }
        let part = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        do throws(PosixError) {
          written = try Self.write(part, to: file, at: offset) ?? written
        } catch {
          throw PosixError("write", shown(), error.errno)
        }
        offset += UInt64(count)
      }
      if written < offset { try file.truncate(to: offset) }
      return offset
    }
  }

  /// Writes runs of blocks that hold something; gives where the last ended, or nil when there was none.
  private static func write(
    _ bytes: UnsafeRawBufferPointer, to file: borrowing Descriptor, at offset: UInt64
  ) throws(PosixError) -> UInt64? {
    var end: UInt64?
    var start = 0
    while start < bytes.count {
      if isZero(bytes, from: start) {
        start += block
        continue
      }
      var stop = start + block
      while stop < bytes.count, !isZero(bytes, from: stop) { stop += block }
      stop = min(stop, bytes.count)
      try file.write(UnsafeRawBufferPointer(rebasing: bytes[start..<stop]), at: offset + UInt64(start))
      end = offset + UInt64(stop)
      start = stop
    }
    return end
  }

  /// Whether a whole block is zeros. The rest at the end of a file isn't worth a hole.
  private static func isZero(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Bool {
    guard start + block <= bytes.count, let base = bytes.baseAddress?.advanced(by: start) else {
      return false
    }
    // All bytes are the first one, and that is 0.
    return base.load(as: UInt8.self) == 0 && memcmp(base, base + 1, block - 1) == 0
  }
}
