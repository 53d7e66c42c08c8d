public import Posix

/// Decompressed bytes of a source, whatever it is compressed with.
///
/// The format is told by content, and all that belongs to it is read: several gzip members, zstd frames, xz
/// or bzip2 streams. The end is only reached when the source ends there too: what else follows is an error,
/// as are a stream that ends early and a wrong checksum. After an error each further read throws it again.
///
/// With `threaded`, decompression runs ahead of the reader on a thread of its own, at most 1 MiB by default. The source
/// (and the tap) are then used by that thread alone until the end or `close()`.
public final class Decompressor: ByteSource {
  /// The format that was found or forced.
  public let compression: Compression
  private let input: CompressedInput
  private let observer: (@Sendable (UnsafeRawBufferPointer) -> Void)?
  private var threaded: ReadAhead?
  private var core: DecodingCore?
  private var buffer: Chunk?
  private var rest = UnsafeRawBufferPointer(start: nil, count: 0)
  private var isClosed = false

  /// Reads the first bytes of `source`, which may block, and prepares to decompress.
  ///
  /// - Parameters:
  ///   - source: where the compressed bytes come from; kept until the end or `close()`.
  ///   - forced: the format, when it is known; another one in the data is then an error. Detected when nil:
  ///     data of no known format, and empty data, are taken as they are.
  ///   - limits: how far the data may expand.
  ///   - threaded: whether to decompress ahead of the reader on a thread, or on several where the format allows.
  ///   - ahead: how many bytes ahead at most, from 64 KiB.
  ///   - tap: is called with each piece of compressed data that was read, in order, each byte once, up to
  ///     the end of the source. When a read has returned 0 all calls are done. On the thread, if there is one.
  ///   - observer: is called with each piece of decompressed data, in order, each byte once; all calls are
  ///     done when a read has returned 0. On a second thread, beside the reader, if there are any.
  /// - Throws: what `source` and `tap` throw.
  public init(
    _ source: any ByteSource, as forced: Compression? = nil, limits: ExpansionLimits = .default,
    threaded: Bool = true, ahead: Int = 1 << 20,
    tap: (@Sendable (UnsafeRawBufferPointer) throws -> Void)? = nil,
    observer: (@Sendable (UnsafeRawBufferPointer) -> Void)? = nil
  ) throws {
    self.observer = observer
    let queue = threaded ? ReadAheadQueue(ahead: ahead) : nil
    let watched: any ByteSource = queue.map { WatchedSource(source, $0) } ?? source
    input = CompressedInput(watched, tap: tap)
    let core = try DecodingCore(
      input, as: forced, limits: limits, threads: threaded ? max(1, processorCount()) : 1)
    compression = core.compression
    if let queue {
      self.threaded = ReadAhead(core, queue, observer: observer)
    } else {
      self.core = core
    }
  }

  deinit { close() }

  /// How many decompressed bytes the reader was given.
  public private(set) var givenBytes: UInt64 = 0

  /// How many compressed bytes were read from the source so far; with a thread, ahead of the reader.
  public var consumedBytes: UInt64 { input.total.value }

  /// Reads at least one decompressed byte into `buffer`; 0 at the end.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if buffer.isEmpty { return 0 }
    if rest.isEmpty {
      if let core { return try fill(buffer, from: core).count }
      rest = try nextFromThread()
    }
    let count = min(buffer.count, rest.count)
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    givenBytes += UInt64(count)
    return count
  }

  /// The next decompressed bytes without a copy, valid until the next call of any kind; empty at the end.
  public func next() throws -> UnsafeRawBufferPointer {
    if !rest.isEmpty {
      let all = rest
      givenBytes += UInt64(all.count)
      rest = UnsafeRawBufferPointer(start: nil, count: 0)
      return all
    }
    guard let core else {
      let bytes = try nextFromThread()
      givenBytes += UInt64(bytes.count)
      return bytes
    }
    let chunk = buffer ?? Chunk()
    buffer = chunk
    return try fill(chunk.buffer, from: core)
  }

  private func fill(
    _ buffer: UnsafeMutableRawBufferPointer, from core: DecodingCore
  ) throws -> UnsafeRawBufferPointer {
    let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<(try core.fill(buffer))])
    if !bytes.isEmpty { observer?(bytes) }
    givenBytes += UInt64(bytes.count)
    return bytes
  }

  /// Reads on to the end and drops what comes, so that everything is checked and the tap has seen it all.
  public func drain() throws {
    while try !next().isEmpty {}
  }

  /// Stops before the end: no read of the source starts from now on.
  ///
  /// Reading is an error from then on. Never blocks: a read of the source that is under way on the thread
  /// is left to end by itself, and the source is kept that long. Called by `deinit` too.
  public func close() {
    if isClosed { return }
    isClosed = true
    threaded?.close()
    threaded = nil
    core = nil
    rest = UnsafeRawBufferPointer(start: nil, count: 0)
  }

  private func nextFromThread() throws -> UnsafeRawBufferPointer {
    guard let threaded else { throw CodecError(.closed, compression) }
    return try threaded.next()
  }
}
