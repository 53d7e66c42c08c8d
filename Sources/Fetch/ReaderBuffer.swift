import CCurl

/// What stands between libcurl, which gives data when it comes, and a reader, who takes it when it wants.
///
/// The bytes go straight into the reader's buffer while it has room; what is left of a piece of data
/// waits here, and then libcurl is paused, so that a slow reader makes a slow download and not a large one.
struct ReaderBuffer {
  /// The reader's buffer during a call, and how much of it is filled.
  var destination = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  var filled = 0
  private var overflow: [UInt8] = []
  private var overflowStart = 0
  private(set) var isPaused = false

  /// Whether something waits for the reader.
  var hasOverflow: Bool { overflowStart < overflow.count }

  /// Takes all of a piece; false when there is no room, and libcurl is to pause.
  mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let room = destination.count - filled
    if room == 0 || hasOverflow {
      isPaused = true
      return false
    }
    let direct = min(room, bytes.count)
    if direct > 0 {
      let source = UnsafeRawBufferPointer(rebasing: bytes.prefix(direct))
      UnsafeMutableRawBufferPointer(rebasing: destination[filled...]).copyMemory(from: source)
      filled += direct
    }
    overflow.removeAll(keepingCapacity: true)
    overflowStart = 0
    overflow.append(contentsOf: bytes.dropFirst(direct))
    return true
  }

  /// Moves what waits to the reader.
  mutating func drain() {
    let count = min(destination.count - filled, overflow.count - overflowStart)
    if count == 0 { return }
    overflow.withUnsafeBytes { bytes in
      let source = UnsafeRawBufferPointer(rebasing: bytes[overflowStart..<(overflowStart + count)])
      UnsafeMutableRawBufferPointer(rebasing: destination[filled...]).copyMemory(from: source)
    }
    overflowStart += count
    filled += count
  }

  /// Notes that libcurl goes on; false when it wasn't paused.
  mutating func resume() -> Bool {
    defer { isPaused = false }
    return isPaused
  }
}
