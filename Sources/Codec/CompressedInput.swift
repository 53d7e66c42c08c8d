import Posix
import Synchronization

/// The compressed bytes on their way from the source to a decoder: buffered, counted, and shown to the tap.
final class CompressedInput {
  /// Sees every byte that is read, once and in order.
  typealias Tap = @Sendable (UnsafeRawBufferPointer) throws -> Void

  private static let capacity = 256 << 10

  private let source: any ByteSource
  private let tap: Tap?
  private let buffer: UnsafeMutableRawBufferPointer
  private var start = 0
  private var end = 0
  /// How many bytes were read from the source; may be asked for by other threads.
  let total = SharedCount()
  /// Whether the source has ended.
  private(set) var atEnd = false

  init(_ source: any ByteSource, tap: Tap?) {
    self.source = source
    self.tap = tap
    buffer = .allocate(byteCount: Self.capacity, alignment: 16)
  }

  deinit { buffer.deallocate() }

  /// What was read and is not decoded yet.
  var available: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[start..<end]) }

  /// How many bytes come before what is not decoded yet.
  var offset: UInt64 { total.value - UInt64(end - start) }

  /// Marks bytes of `available` as decoded.
  func advance(_ count: Int) { start += count }

  /// Reads more behind what is available, which must be less than the buffer holds.
  func fill() throws {
    if atEnd { return }
    if start == end {
      start = 0
      end = 0
    } else if end == buffer.count {
      buffer.copyMemory(from: available)
      end -= start
      start = 0
    }
    end += try readSource(into: UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
  }

  /// Makes `count` bytes available, if the source has as many left.
  func ensure(_ count: Int) throws -> Bool {
    while end - start < count && !atEnd { try fill() }
    return end - start >= count
  }

  /// Hands out bytes as they are: buffered ones first, then right from the source. 0 at the end.
  func read(into output: UnsafeMutableRawBufferPointer) throws -> Int {
    if start < end {
      let count = min(output.count, end - start)
      output.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<start + count]))
      start += count
      return count
    }
    return atEnd ? 0 : try readSource(into: output)
  }

  private func readSource(into output: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try source.read(into: output)
    if count == 0 {
      atEnd = true
    } else {
      total.add(UInt64(count))
      try tap?(UnsafeRawBufferPointer(rebasing: output[..<count]))
    }
    return count
  }
}

/// A count that one thread adds to and others may read.
final class SharedCount: Sendable {
  private let count = Atomic<UInt64>(0)
  var value: UInt64 { count.load(ordering: .relaxed) }
  func add(_ more: UInt64) { count.wrappingAdd(more, ordering: .relaxed) }
}
