import Posix

/// A source, its decoder and the limits: fills buffers with decompressed bytes, on whatever thread.
final class DecodingCore {
  let compression: Compression
  let input: CompressedInput
  private let decoder: any StreamDecoder
  private let limits: ExpansionLimits
  private var produced: UInt64 = 0
  private var ended = false
  private var failure: (any Error)?

  /// - Parameter threads: how many threads may decode, where a format can use several.
  init(
    _ input: CompressedInput, as forced: Compression?, limits: ExpansionLimits, threads: Int
  ) throws {
    self.input = input
    self.limits = limits
    if let forced {
      compression = forced
    } else {
      _ = try input.ensure(Compression.detectionLength)
      compression = Compression.detect(input.available.prefix(Compression.detectionLength))
    }
    switch compression {
    case .none: decoder = RawDecoder()
    case .gzip: decoder = try GzipDecoder()
    case .zstd: decoder = try ZstdDecoder(maximumWindow: limits.maximumWindow)
    case .xz: decoder = XZDecoder(maximumWindow: limits.maximumWindow, threads: threads)
    case .bzip2: decoder = Bzip2Decoder()
    }
  }

  /// Decompresses until `output` is full or the source would have to be waited for; 0 at the end.
  /// An error is thrown again at each further call.
  func fill(_ output: UnsafeMutableRawBufferPointer) throws -> Int {
    if let failure { throw failure }
    if ended || output.isEmpty { return 0 }
    do {
      return try decode(output)
    } catch {
      failure = error
      throw error
    }
  }

  private func decode(_ output: UnsafeMutableRawBufferPointer) throws -> Int {
    var done = 0
    while done < output.count {
      // The next stream's header, or the end, may be long in coming.
      if done > 0 && decoder.isBetweenStreams && input.available.isEmpty { return done }
      switch try decoder.step(input, into: UnsafeMutableRawBufferPointer(rebasing: output[done...])) {
      case .produced(let count):
        done += count
        try checkLimits(count)
      case .passed(let count):
        try checkLimits(count)
        return count
      case .needsInput:
        if done > 0 { return done }
        if input.atEnd { throw CodecError(.truncated, compression, at: input.offset) }
        try input.fill()
      case .ended:
        ended = true
        return done
      }
    }
    return done
  }

  private func checkLimits(_ count: Int) throws(CodecError) {
    produced += UInt64(count)
    if let limit = limits.passed(produced: produced, consumed: input.total.value) {
      throw CodecError(.limit(limit), compression, at: input.offset)
    }
  }
}
