import Posix

/// A thread that decompresses into a few buffers ahead of the reader, and one beside it that shows them to an
/// observer, if there is one.
///
/// The reader may go away at any time: the thread then ends at its next step. A read of the source that
/// blocks (a pipe whose writer hangs) can't be ended from here; the thread is left to it, and nobody waits.
final class ReadAhead {
  private let queue: ReadAheadQueue
  private let worker: Worker
  private let watcher: Worker?
  private var current: Chunk?

  /// Starts the threads. The first owns `core` from now on; its source tells `queue` of its reads.
  init(
    _ core: DecodingCore, _ queue: ReadAheadQueue, observer: (@Sendable (UnsafeRawBufferPointer) -> Void)?
  ) {
    watcher = observer.map { observer in
      queue.isWatched()
      return Worker {
        while let chunk = queue.takeUnseen() {
          observer(chunk.bytes)
          queue.putFree(chunk)
        }
      }
    }
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
    return chunk.bytes
  }

  /// Ends the threads, and waits for them unless the first is in a read that may block.
  func close() {
    if queue.cancel() { try? worker.join() }
    try? watcher?.join()
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
  /// How many still use it; the queue's.
  fileprivate var users = 0

  /// What is in it.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<count]) }

  init(_ capacity: Int = Chunk.capacity) { buffer = .allocate(byteCount: capacity, alignment: 16) }

  deinit { buffer.deallocate() }
}

/// What the threads and the reader share.
final class ReadAheadQueue: @unchecked Sendable {
  private let chunkSize: Int
  private let bufferCount: Int

  private struct State {
    var unused: Int
    var free: [Chunk] = []
    var filled: [Chunk] = []
    /// What the observer has not seen yet; nil when there is none, or it has seen the end.
    var unseen: [Chunk]?
    var failure: (any Error)?
    var cancelled = false
    var reading = false
    /// The thread had nothing to fill, and goes on when half of the buffers are free: fewer turns, each longer.
    var starved = false
  }

  private let monitor: Monitor<State>

  /// - Parameter ahead: the most bytes that are decompressed ahead of the reader.
  init(ahead: Int) {
    chunkSize = max(16 << 10, min(Chunk.capacity, ahead / 4))
    bufferCount = max(4, ahead / chunkSize)
    monitor = Monitor(State(unused: bufferCount))
  }

  /// For the thread: a buffer to fill, once there is one; nil when the reader is gone.
  func takeFree() -> Chunk? {
    let (chunkSize, bufferCount) = (chunkSize, bufferCount)
    return monitor.wait(isQuiet: true) { state -> Chunk?? in
      if state.cancelled { return .some(nil) }
      if state.starved, state.free.count < bufferCount / 2 { return nil }
      state.starved = false
      if let chunk = state.free.popLast() { return chunk }
      if state.unused == 0 {
        state.starved = true
        return nil
      }
      state.unused -= 1
      return Chunk(chunkSize)
    }
  }

  /// Before the threads start: an observer is to see everything too.
  func isWatched() {
    monitor.change { state in
      state.unseen = []
      state.unused += 2
    }
  }

  /// For the thread: hands a filled buffer to the reader and the observer; an empty one means the end.
  func putFilled(_ chunk: Chunk) {
    monitor.change { state in
      chunk.users = state.unseen == nil ? 1 : 2
      state.filled.append(chunk)
      state.unseen?.append(chunk)
    }
  }

  /// For the observer: the next buffer that it has not seen; nil at the end.
  func takeUnseen() -> Chunk? {
    monitor.wait { state -> Chunk?? in
      if state.cancelled || (state.failure != nil && state.unseen?.isEmpty != false) { return .some(nil) }
      guard let chunk = state.unseen?.first else { return nil }
      if chunk.count == 0 {
        state.unseen = nil
        return .some(nil)
      }
      state.unseen?.removeFirst()
      return chunk
    }
  }

  /// For the thread: the error that follows the filled buffers.
  func fail(_ error: any Error) { monitor.change { $0.failure = error } }

  /// For the thread: whether it may read from the source now.
  func startReading() throws(CodecError) {
    var cancelled = false
    monitor.changeQuietly { state in
      state.reading = !state.cancelled
      cancelled = state.cancelled
      return false
    }
    if cancelled { throw CodecError(.closed) }
  }

  /// For the thread: the read is over.
  func stopReading() {
    monitor.changeQuietly { state in
      state.reading = false
      return false
    }
  }

  /// For the reader and the observer: gives a buffer back.
  func putFree(_ chunk: Chunk) {
    let bufferCount = bufferCount
    monitor.changeQuietly { state in
      chunk.users -= 1
      if chunk.users == 0 { state.free.append(chunk) }
      return state.starved && state.free.count >= bufferCount / 2
    }
  }

  /// For the reader: the next buffer, once there is one; the empty one and errors come again and again.
  func takeFilled() throws -> Chunk {
    try monitor.wait(isQuiet: true) { state in
      if state.cancelled { throw CodecError(.closed) }
      if let chunk = state.filled.first {
        if chunk.count > 0 {
          state.filled.removeFirst()
        } else if state.unseen != nil {
          // The end comes when the observer has seen it.
          return nil
        }
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
