import Posix

/// A block of input, and what it became.
final class Block {
  let input: UnsafeMutableRawBufferPointer
  var inputCount = 0
  private(set) var output = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  /// How much of `output` there is; nil when the input is the output.
  private var outputCount: Int?

  init(capacity: Int) { input = .allocate(byteCount: capacity, alignment: 16) }

  deinit {
    input.deallocate()
    output.deallocate()
  }

  /// The room that is left for input.
  var room: Int { input.count - inputCount }

  /// The compressed bytes.
  var result: UnsafeRawBufferPointer {
    guard let outputCount else { return UnsafeRawBufferPointer(rebasing: input[..<inputCount]) }
    return UnsafeRawBufferPointer(rebasing: output[..<outputCount])
  }

  /// Compresses the input; without an engine it stays as it is.
  func compress(_ engine: (any BlockEngine)?) throws(CodecError) {
    guard let engine else { return }
    if output.isEmpty {
      output = .allocate(byteCount: engine.bound(input.count), alignment: 16)
    }
    outputCount = try engine.compress(UnsafeRawBufferPointer(rebasing: input[..<inputCount]), into: output)
  }
}

/// The blocks on their way from the writer through the threads to the output.
///
/// There is no thread for the output: whichever thread finishes the block that is next hands it on, and
/// those behind it that are finished too. So all threads compress as long as there is something to compress.
final class BlockQueue: @unchecked Sendable {
  typealias Output = @Sendable (UnsafeRawBufferPointer) throws -> Void

  private struct State {
    var unused: Int
    var free: [Block] = []
    var pending: [(index: Int, block: Block)] = []
    var finished: [Int: Block] = [:]
    var submitted = 0
    var handedOn = 0
    var isHandingOn = false
    var isComplete = false
    var isCancelled = false
    var failure: (any Error)?

    /// Whether nothing should be done any more.
    var isStopped: Bool { isCancelled || failure != nil }
  }

  private let monitor: Monitor<State>
  private let blockSize: Int
  private let output: Output

  init(blocks: Int, blockSize: Int, output: @escaping Output) {
    monitor = Monitor(State(unused: blocks))
    self.blockSize = blockSize
    self.output = output
  }

  /// For the writer: an empty block, once there is one.
  func takeFree() throws -> Block {
    try monitor.wait { state in
      if let failure = state.failure { throw failure }
      if let block = state.free.popLast() { return block }
      if state.unused == 0 { return nil }
      state.unused -= 1
      return Block(capacity: blockSize)
    }
  }

  /// For the writer: hands a filled block to the threads. Gives the number of blocks that are on their way.
  func submit(_ block: Block) -> Int {
    monitor.change { state in
      state.pending.append((state.submitted, block))
      state.submitted += 1
      return state.submitted - state.handedOn
    }
  }

  /// For the writer: no more blocks will come. Waits until all are handed on.
  func complete() throws {
    monitor.change { $0.isComplete = true }
    try monitor.wait { state -> Void? in
      if let failure = state.failure { throw failure }
      return state.handedOn == state.submitted ? () : nil
    }
  }

  /// For the writer: drops all that is not handed on.
  func cancel() { monitor.change { $0.isCancelled = true } }

  /// For each thread: compresses blocks until there will be no more.
  func work(_ makeEngine: () throws -> (any BlockEngine)?) {
    do {
      let engine = try makeEngine()
      while let (index, block) = takePending() {
        try block.compress(engine)
        monitor.change { $0.finished[index] = block }
        try handOn()
      }
    } catch {
      monitor.change { state in
        state.isHandingOn = false
        if state.failure == nil { state.failure = error }
      }
    }
  }

  private func takePending() -> (index: Int, block: Block)? {
    monitor.wait { state -> (index: Int, block: Block)?? in
      if state.isStopped { return .some(nil) }
      if !state.pending.isEmpty { return state.pending.removeFirst() }
      return state.isComplete ? .some(nil) : nil
    }
  }

  /// Gives what is next to the output, unless another thread is at it.
  private func handOn() throws {
    var done: Block?
    while true {
      let next = monitor.change { state -> Block? in
        if let done {
          state.isHandingOn = false
          state.handedOn += 1
          done.inputCount = 0
          state.free.append(done)
        }
        if state.isHandingOn || state.isStopped { return nil }
        let next = state.finished.removeValue(forKey: state.handedOn)
        state.isHandingOn = next != nil
        return next
      }
      guard let next else { return }
      try output(next.result)
      done = next
    }
  }
}
