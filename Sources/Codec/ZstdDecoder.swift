import CZstd

/// RFC 8878 by libzstd: any number of frames, skippable ones among them.
final class ZstdDecoder: StreamDecoder {
  private let context: OpaquePointer
  private let maximumWindow: UInt64
  private var inFrame = false
  private var frames = 0

  init(maximumWindow: UInt64) throws(CodecError) {
    guard let context = ZSTD_createDCtx() else {
      throw CodecError(.failed("no memory for a decoder"), .zstd)
    }
    self.context = context
    self.maximumWindow = maximumWindow
    // zstd's own range is 2^10 to 2^31.
    let log = max(10, min(31, 63 - max(maximumWindow, 1).leadingZeroBitCount))
    let result = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Int32(log))
    if ZSTD_isError(result) != 0 {
      throw CodecError(.failed(String(cString: ZSTD_getErrorName(result))), .zstd)
    }
  }

  var isBetweenStreams: Bool { !inFrame }

  deinit { ZSTD_freeDCtx(context) }

  func step(_ input: CompressedInput, into output: UnsafeMutableRawBufferPointer) throws -> DecodingStep {
    if !inFrame {
      guard try startFrame(input) else { return .ended }
    }
    let available = input.available
    var source = ZSTD_inBuffer(src: available.baseAddress, size: available.count, pos: 0)
    var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    let result = ZSTD_decompressStream(context, &target, &source)
    input.advance(source.pos)
    if ZSTD_isError(result) != 0 { throw error(result, input) }
    if result == 0 {
      inFrame = false
      return .produced(target.pos)
    }
    return source.pos == 0 && target.pos == 0 ? .needsInput : .produced(target.pos)
  }

  /// Looks for the magic number of a frame; false at the end of the stream.
  private func startFrame(_ input: CompressedInput) throws -> Bool {
    let whole = try input.ensure(4)
    let available = input.available
    if available.isEmpty && frames > 0 { return false }
    let magic: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]
    let skippable: [UInt8] = [0x2a, 0x4d, 0x18]
    let first = available.prefix(4)
    let fits =
      first.elementsEqual(magic.prefix(first.count))
      || (first.first ?? 0x50) & 0xf0 == 0x50
        && first.dropFirst().elementsEqual(skippable.prefix(max(first.count - 1, 0)))
    guard fits else {
      throw CodecError(
        frames > 0 ? .trailingGarbage : .corrupted("no zstd header"), .zstd, at: input.offset)
    }
    guard whole else { throw CodecError(.truncated, .zstd, at: input.offset) }
    inFrame = true
    frames += 1
    return true
  }

  private func error(_ result: Int, _ input: CompressedInput) -> CodecError {
    let kind: CodecError.Kind
    switch ZSTD_getErrorCode(result) {
    case ZSTD_error_frameParameter_windowTooLarge: kind = .limit(.window(maximumWindow))
    case ZSTD_error_checksum_wrong: kind = .wrongChecksum
    case ZSTD_error_memory_allocation: kind = .failed("no memory for the window")
    case ZSTD_error_dictionary_wrong: kind = .unsupported("a frame that needs a dictionary")
    case ZSTD_error_frameParameter_unsupported, ZSTD_error_version_unsupported:
      kind = .unsupported(String(cString: ZSTD_getErrorName(result)))
    default: kind = .corrupted(String(cString: ZSTD_getErrorName(result)))
    }
    return CodecError(kind, .zstd, at: input.offset)
  }
}
