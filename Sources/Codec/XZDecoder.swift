import CLZMA
import Posix

/// The .xz format by liblzma: any number of streams with padding between and after them.
///
/// Streams of several blocks, as `xz -T` writes them, are decoded in several threads while that fits into
/// memory. With one, all is decoded in place: liblzma's threaded decoder would hand even a single block to a
/// thread and copy what comes of it.
final class XZDecoder: StreamDecoder {
  /// Beside the dictionary, what liblzma's decoder needs itself.
  private static let overhead: UInt64 = 1 << 20
  /// Blocks decoded ahead may take this much in all; beyond it liblzma uses fewer threads.
  private static let threadingMemory: UInt64 = 96 << 20

  private var stream = lzma_stream()
  private let maximumWindow: UInt64
  private let threads: Int
  private var inStream = false
  private var streams = 0

  /// - Parameters:
  ///   - maximumWindow: the largest dictionary.
  ///   - threads: how many threads may decode, at least 1.
  init(maximumWindow: UInt64, threads: Int) {
    self.maximumWindow = maximumWindow
    self.threads = threads
  }

  var isBetweenStreams: Bool { !inStream }

  deinit { lzma_end(&stream) }

  func step(_ input: CompressedInput, into output: UnsafeMutableRawBufferPointer) throws -> DecodingStep {
    if !inStream {
      guard try startStream(input) else { return .ended }
    }
    while true {
      let available = input.available
      stream.next_in = available.baseAddress?.assumingMemoryBound(to: UInt8.self)
      stream.avail_in = available.count
      stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
      stream.avail_out = output.count
      let result = lzma_code(&stream, input.atEnd ? LZMA_FINISH : LZMA_RUN)
      let used = available.count - stream.avail_in
      let produced = output.count - stream.avail_out
      input.advance(used)
      switch result {
      case LZMA_OK:
        if used > 0 || produced > 0 { return .produced(produced) }
        // At the end, liblzma says so only when it is asked a second time in vain.
        if !input.atEnd { return .needsInput }
      case LZMA_BUF_ERROR:
        return produced > 0 ? .produced(produced) : .needsInput
      case LZMA_STREAM_END:
        inStream = false
        return .produced(produced)
      default: throw error(result, input)
      }
    }
  }

  /// Passes padding and prepares for the next stream; false at the end of the last.
  private func startStream(_ input: CompressedInput) throws -> Bool {
    if streams > 0, try !skipPadding(input) { return false }
    let magic: [UInt8] = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]
    let whole = try input.ensure(magic.count)
    let first = input.available.prefix(magic.count)
    guard first.elementsEqual(magic.prefix(first.count)) else {
      throw CodecError(
        streams > 0 ? .trailingGarbage : .corrupted("no xz header"), .xz, at: input.offset)
    }
    guard whole else { throw CodecError(.truncated, .xz, at: input.offset) }
    let limit = maximumWindow.addingReportingOverflow(Self.overhead)
    let memory = limit.overflow ? .max : limit.partialValue
    var result = LZMA_OK
    if threads == 1 {
      result = lzma_stream_decoder(&stream, memory, 0)
    } else {
      var options = lzma_mt()
      options.threads = UInt32(clamping: threads)
      options.memlimit_stop = memory
      options.memlimit_threading = min(Self.threadingMemory, memory)
      result = lzma_stream_decoder_mt(&stream, &options)
    }
    if result != LZMA_OK { throw error(result, input) }
    inStream = true
    streams += 1
    return true
  }

  /// Zeros in fours may follow a stream (.xz file format 1.1, 2.2); false when the input ends with them.
  private func skipPadding(_ input: CompressedInput) throws -> Bool {
    while try input.ensure(1), input.available[0] == 0 {
      guard try input.ensure(4), input.available.prefix(4).allSatisfy({ $0 == 0 }) else {
        throw CodecError(.trailingGarbage, .xz, at: input.offset)
      }
      input.advance(4)
    }
    return !input.available.isEmpty
  }

  private func error(_ result: lzma_ret, _ input: CompressedInput) -> CodecError {
    let kind: CodecError.Kind
    switch result {
    case LZMA_MEMLIMIT_ERROR: kind = .limit(.window(maximumWindow))
    case LZMA_MEM_ERROR: kind = .failed("no memory for the dictionary")
    case LZMA_OPTIONS_ERROR: kind = .unsupported("options that this liblzma doesn't know")
    case LZMA_FORMAT_ERROR: kind = .corrupted("no xz header")
    case LZMA_DATA_ERROR: kind = .corrupted("invalid data or wrong checksum")
    default: kind = .failed("liblzma error \(result.rawValue)")
    }
    return CodecError(kind, .xz, at: input.offset)
  }
}
