import Posix

/// A thread that decompresses into a few buffers ahead of the reader.
///
/// The reader may go away at any time: the thread then ends at its next step. A read of the source that
/// blocks (a pipe whose writer hangs) can't be ended from here; the thread is left to it, and nobody waits.
final class ReadAhead {
  private let queue: ReadAheadQueue
  private let worker: Worker
  private var current: Chunk?

  /// Starts the thread, which owns `core` from now on. Its source tells `queue` of its reads.
  init(_ core: DecodingCore, _ queue: ReadAheadQueue) {
    self.queue = queue
    let core = Handover(core)
    worker = Worker {
      do {
        while let chunk = queue.takeFree() {
          chunk.count = try core.value.fill(chunk.buffer)
          let last = chunk.count == 0
          queue.putFilled(chunk)
          if last { return }
        }
      } catch {
        queue.fail(error)
      }
    }
  }

  /// The next decompressed bytes, valid until the next call; empty at the end.
  func next() throws -> UnsafeRawBufferPointer {
    if let current, current.count > 0 { queue.putFree(current) }
    current = nil
    let chunk = try queue.takeFilled()
    current = chunk
    return UnsafeRawBufferPointer(rebasing: chunk.buffer[..<chunk.count])
  }

  /// Ends the thread, and waits for it unless it is in a read that may block.
  func close() {
    if queue.cancel() { try? worker.join() }
  }
}

/// Lets one thread have what another made and doesn't touch again.
private struct Handover<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

/// A buffer and how much of it is filled.
final class Chunk {
  static let capacity = 256 << 10
  let buffer: UnsafeMutableRawBufferPointer
  var count = 0

  init() { buffer = .allocate(byteCount: Self.capacity, alignment: 16) }

  deinit { buffer.deallocate() }
}

/// What the thread and the reader share.
final class ReadAheadQueue: @unchecked Sendable {
  private static let bufferCount = 4

  private struct State {
    var unused: Int
    var free: [Chunk] = []
    var filled: [Chunk] = []
    var failure: (any Error)?
    var cancelled = false
    var reading = false
  }

  private let monitor: Monitor<State>

  init() { monitor = Monitor(State(unused: Self.bufferCount)) }

  /// For the thread: a buffer to fill, once there is one; nil when the reader is gone.
  func takeFree() -> Chunk? {
    monitor.wait { state -> Chunk?? in
      if state.cancelled { return .some(nil) }
      if let chunk = state.free.popLast() { return chunk }
      if state.unused == 0 { return nil }
      state.unused -= 1
      return Chunk()
    }
  }

  /// For the thread: hands a filled buffer to the reader; an empty one means the end.
  func putFilled(_ chunk: Chunk) { monitor.change { $0.filled.append(chunk) } }

  /// For the thread: the error that follows the filled buffers.
  func fail(_ error: any Error) { monitor.change { $0.failure = error } }

  /// For the thread: whether it may read from the source now.
  func startReading() throws(CodecError) {
    let cancelled = monitor.change { state in
      state.reading = !state.cancelled
      return state.cancelled
    }
    if cancelled { throw CodecError(.closed) }
  }

  /// For the thread: the read is over.
  func stopReading() { monitor.change { $0.reading = false } }

  /// For the reader: gives a buffer back.
  func putFree(_ chunk: Chunk) { monitor.change { $0.free.append(chunk) } }

  /// For the reader: the next buffer, once there is one; the empty one and errors come again and again.
  func takeFilled() throws -> Chunk {
    try monitor.wait { state in
      if state.cancelled { throw CodecError(.closed) }
      if let chunk = state.filled.first {
        if chunk.count > 0 { state.filled.removeFirst() }
        return chunk
      }
      if let failure = state.failure { throw failure }
      return nil
    }
  }

  /// For the reader: ends all; whether the thread will end without the source's doing.
  func cancel() -> Bool {
    monitor.change { state in
      state.cancelled = true
      return !state.reading
    }
  }
}

/// A source that tells the queue when its thread is in a read.
final class WatchedSource: ByteSource {
  private let source: any ByteSource
  private let queue: ReadAheadQueue

  init(_ source: any ByteSource, _ queue: ReadAheadQueue) {
    self.source = source
    self.queue = queue
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try queue.startReading()
    defer { queue.stopReading() }
    return try source.read(into: buffer)
  }
}
