import CBzip2
import CDeflate
import CLZMA
import CZstd

/// Compresses whole blocks, one after the other, each by itself; owned by one thread at a time.
protocol BlockEngine: AnyObject {
  /// The most bytes that `count` bytes of input can become.
  func bound(_ count: Int) -> Int

  /// Compresses `input` into `output`, which has room for `bound`; gives the size.
  func compress(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(CodecError) -> Int
}

extension CompressionSettings {
  /// The bytes of input that are compressed together, whatever the number of threads.
  ///
  /// Larger blocks lose less at their edges, smaller ones keep more threads busy and take less memory;
  /// docs/decisions/gzip-engine.md has the measurements.
  public var blockSize: Int {
    switch format {
    case .none: 256 << 10
    case .gzip: 1 << 20
    case .zstd: level < 3 ? 4 << 20 : level < 9 ? 8 << 20 : 16 << 20
    case .xz: level < 3 ? 4 << 20 : level < 7 ? 8 << 20 : 16 << 20
    // Four of bzip2's own blocks, less what its run-length step may add.
    case .bzip2: level * 400_000 - 4_000
    }
  }

  /// A new engine; nil for `none`.
  func makeEngine() throws(CodecError) -> (any BlockEngine)? {
    switch format {
    case .none: nil
    case .gzip: try GzipEngine(level: level)
    case .zstd: try ZstdEngine(level: level)
    case .xz: XZEngine(level: level)
    case .bzip2: Bzip2Engine(level: level)
    }
  }
}

/// A gzip member by libdeflate: no name, no time, system "unknown".
final class GzipEngine: BlockEngine {
  private let compressor: OpaquePointer

  init(level: Int) throws(CodecError) {
    guard let compressor = libdeflate_alloc_compressor(Int32(level)) else {
      throw CodecError(.failed("no memory for a compressor"), .gzip)
    }
    self.compressor = compressor
  }

  deinit { libdeflate_free_compressor(compressor) }

  func bound(_ count: Int) -> Int { libdeflate_gzip_compress_bound(compressor, count) }

  func compress(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(CodecError) -> Int {
    // An empty input has no address, but libdeflate wants one.
    let size = libdeflate_gzip_compress(
      compressor, input.baseAddress ?? UnsafeRawPointer(output.baseAddress), input.count,
      output.baseAddress, output.count)
    if size == 0 { throw CodecError(.failed("libdeflate found no room"), .gzip) }
    return size
  }
}

/// A zstd frame with its content's size and checksum.
final class ZstdEngine: BlockEngine {
  private let context: OpaquePointer

  init(level: Int) throws(CodecError) {
    guard let context = ZSTD_createCCtx() else {
      throw CodecError(.failed("no memory for a compressor"), .zstd)
    }
    self.context = context
    try check(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(level)))
    try check(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1))
    try check(ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1))
  }

  deinit { ZSTD_freeCCtx(context) }

  func bound(_ count: Int) -> Int { ZSTD_compressBound(count) }

  func compress(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(CodecError) -> Int {
    try check(
      ZSTD_compress2(context, output.baseAddress, output.count, input.baseAddress, input.count))
  }

  @discardableResult
  private func check(_ result: Int) throws(CodecError) -> Int {
    if ZSTD_isError(result) != 0 {
      throw CodecError(.failed(String(cString: ZSTD_getErrorName(result))), .zstd)
    }
    return result
  }
}

/// An .xz stream with one block and CRC64, as `xz` makes them.
final class XZEngine: BlockEngine {
  private var stream = lzma_stream()
  private let preset: UInt32

  init(level: Int) { preset = UInt32(level) }

  deinit { lzma_end(&stream) }

  func bound(_ count: Int) -> Int { lzma_stream_buffer_bound(count) }

  func compress(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(CodecError) -> Int {
    // On a used stream this keeps the memory of the last block.
    try check(lzma_easy_encoder(&stream, preset, LZMA_CHECK_CRC64), LZMA_OK)
    stream.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.avail_in = input.count
    stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.avail_out = output.count
    try check(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END)
    return output.count - stream.avail_out
  }

  private func check(_ result: lzma_ret, _ wanted: lzma_ret) throws(CodecError) {
    if result != wanted { throw CodecError(.failed("liblzma error \(result.rawValue)"), .xz) }
  }
}

/// A bzip2 stream.
final class Bzip2Engine: BlockEngine {
  private let level: Int32

  init(level: Int) { self.level = Int32(level) }

  /// As bzip2's manual says.
  func bound(_ count: Int) -> Int { count + count / 100 + 600 }

  func compress(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(CodecError) -> Int {
    var size = UInt32(clamping: output.count)
    // libbz2 doesn't write to its input, but wants an address for an empty one.
    let source = UnsafeMutableRawPointer(mutating: input.baseAddress) ?? output.baseAddress
    let result = BZ2_bzBuffToBuffCompress(
      output.baseAddress?.assumingMemoryBound(to: CChar.self), &size,
      source?.assumingMemoryBound(to: CChar.self), UInt32(clamping: input.count), level, 0, 0)
    if result != BZ_OK { throw CodecError(.failed("libbz2 error \(result)"), .bzip2) }
    return Int(size)
  }
}
