import Posix

/// The bytes of a tar through one buffer: blocks are lent out of it, data is copied once.
final class TarStream {
  private let source: any ByteSource
  private let buffer: UnsafeMutableRawBufferPointer
  private var start = 0
  private var end = 0
  private var atEnd = false
  /// The position in the stream of the next byte that is given out.
  private(set) var offset: UInt64 = 0

  init(_ source: any ByteSource) {
    self.source = source
    buffer = .allocate(byteCount: 256 << 10, alignment: 4096)
  }

  deinit { buffer.deallocate() }

  /// Makes at least `count` bytes available, or fewer at the end.
  private func fill(_ count: Int) throws {
    if end - start >= count || atEnd { return }
    if start > 0 {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
      end -= start
      start = 0
    }
    while end < count, !atEnd {
      let got = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
      if got == 0 { atEnd = true }
      end += got
    }
  }

  /// Lends the next `count` bytes (at most 64 KiB) until the next call, or nil when fewer are left.
  func take(_ count: Int) throws -> UnsafeRawBufferPointer? {
    try fill(count)
    if end - start < count { return nil }
    let bytes = UnsafeRawBufferPointer(rebasing: buffer[start..<(start + count)])
    start += count
    offset += UInt64(count)
    return bytes
  }

  /// The number of bytes that are left when fewer than a block are.
  var remainder: Int { end - start }

  /// Copies bytes out; 0 at the end. Large reads go past the buffer.
  func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    if target.isEmpty { return 0 }
    if start == end {
      if atEnd { return 0 }
      if target.count >= buffer.count {
        let got = try source.read(into: target)
        if got == 0 { atEnd = true }
        offset += UInt64(got)
        return got
      }
      start = 0
      end = 0
      try fill(1)
    }
    let count = min(target.count, end - start)
    if count == 0 { return 0 }
    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<(start + count)]))
    start += count
    offset += UInt64(count)
    return count
  }

  /// Leaves out bytes; false when the stream ends before.
  func skip(_ count: UInt64) throws -> Bool {
    var left = count
    let buffered = min(left, UInt64(end - start))
    start += Int(buffered)
    offset += buffered
    left -= buffered
    if left == 0 { return true }
    if left > UInt64(buffer.count), let skippable = source as? any SkippableSource {
      // All but the last byte: reading that shows whether the data is there.
      try skippable.skip(left - 1)
      offset += left - 1
      left = 1
    }
    while left > 0 {
      try fill(1)
      let now = min(left, UInt64(end - start))
      if now == 0 { return false }
      start += Int(now)
      offset += now
      left -= now
    }
    return true
  }

  /// Reads to the end of the stream, so that what checks the source sees every byte.
  func drain() throws {
    while true {
      start = 0
      end = 0
      try fill(1)
      if end == start { return }
      offset += UInt64(end - start)
    }
  }
}
