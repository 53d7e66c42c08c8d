import Posix

/// Compresses bytes in blocks on several threads, to bytes that don't depend on the number of threads.
///
/// The input is cut into blocks whose size follows from the format and the level alone. Each becomes a gzip
/// member, zstd frame, xz or bzip2 stream of its own, and these follow each other in order, which every
/// decompressor of the format reads as one stream. So the same input gives the same output, however it is
/// cut into writes (as long as the library is the same: its other versions may choose other bytes).
///
/// Memory is bounded by about `2 * jobs + 1` blocks and their results; threads are started as blocks come,
/// and input of less than a block is compressed in place.
///
/// Use it from one thread. After an error, and after `finish` or `cancel`, it takes nothing more.
public final class BlockCompressor {
  private let settings: CompressionSettings
  private let jobs: Int
  private let output: @Sendable (UnsafeRawBufferPointer) throws -> Void
  private let queue: BlockQueue
  private var threads: [Worker] = []
  private var current: Block?
  private var hasSubmitted = false
  private var isClosed = false

  /// Prepares to compress.
  ///
  /// - Parameters:
  ///   - settings: the format and level.
  ///   - jobs: the number of threads, at least 1.
  ///   - output: takes the compressed bytes, piece by piece in order, never two at a time, on any thread.
  public init(
    _ settings: CompressionSettings, jobs: Int,
    output: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) {
    self.settings = settings
    // Nothing to compress: one thread takes the output off the writer.
    self.jobs = settings.format == .none ? 1 : max(1, min(jobs, 1024))
    self.output = output
    queue = BlockQueue(blocks: 2 * self.jobs + 1, blockSize: settings.blockSize, output: output)
  }

  deinit { queue.cancel() }

  /// Adds bytes; waits while the threads have enough to do.
  ///
  /// - Throws: what `output` threw, or `CodecError`.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    if isClosed { throw CodecError(.closed, settings.format) }
    var rest = bytes
    while !rest.isEmpty {
      let block = try current ?? closingOnError { try queue.takeFree() }
      current = block
      let count = min(rest.count, block.room)
      UnsafeMutableRawBufferPointer(rebasing: block.input[block.inputCount...])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
      block.inputCount += count
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if block.room == 0 {
        submit(block)
        current = nil
      }
    }
  }

  /// Compresses what is left, and waits until `output` has taken all.
  ///
  /// - Throws: what `output` threw, or `CodecError`.
  public func finish() throws {
    if isClosed { throw CodecError(.closed, settings.format) }
    try closingOnError {
      if !hasSubmitted {
        let block = try current ?? queue.takeFree()
        try compressHere(block)
      } else {
        if let current { submit(current) }
        try queue.complete()
      }
    }
    current = nil
    isClosed = true
    joinAll()
  }

  /// Ends the threads; `output` is not called any more when this returns.
  ///
  /// Waits for the blocks and the call of `output` that are under way. Without it, `deinit` ends the threads
  /// in the same way, but waits for nothing.
  public func cancel() {
    isClosed = true
    current = nil
    queue.cancel()
    joinAll()
  }

  private func submit(_ block: Block) {
    hasSubmitted = true
    let onTheWay = queue.submit(block)
    guard threads.count < min(jobs, onTheWay) else { return }
    let queue = queue
    let settings = settings
    threads.append(
      Worker { queue.work { try settings.makeEngine() } })
  }

  private func compressHere(_ block: Block) throws {
    try block.compress(try settings.makeEngine())
    if !block.result.isEmpty { try output(block.result) }
  }

  private func closingOnError<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch {
      cancel()
      throw error
    }
  }

  private func joinAll() {
    // Their errors come through the queue.
    for thread in threads { try? thread.join() }
    threads = []
  }
}
