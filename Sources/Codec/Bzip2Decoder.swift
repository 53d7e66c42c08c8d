import CBzip2

/// bzip2 by libbz2: any number of streams, as parallel compressors write them.
final class Bzip2Decoder: StreamDecoder {
  /// libbz2 remembers the address and insists on it.
  private let stream: UnsafeMutablePointer<bz_stream>
  private var inStream = false
  private var streams = 0

  init() {
    stream = .allocate(capacity: 1)
    stream.initialize(to: bz_stream())
  }

  var isBetweenStreams: Bool { !inStream }

  deinit {
    if inStream { BZ2_bzDecompressEnd(stream) }
    stream.deallocate()
  }

  func step(_ input: CompressedInput, into output: UnsafeMutableRawBufferPointer) throws -> DecodingStep {
    if !inStream {
      guard try startStream(input) else { return .ended }
    }
    let available = input.available
    // libbz2 doesn't write to its input; its types are older than const.
    stream.pointee.next_in = UnsafeMutableRawPointer(mutating: available.baseAddress)?
      .assumingMemoryBound(to: CChar.self)
    stream.pointee.avail_in = UInt32(clamping: available.count)
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: CChar.self)
    stream.pointee.avail_out = UInt32(clamping: output.count)
    let inputSpace = stream.pointee.avail_in
    let outputSpace = stream.pointee.avail_out
    let result = BZ2_bzDecompress(stream)
    let used = Int(inputSpace - stream.pointee.avail_in)
    let produced = Int(outputSpace - stream.pointee.avail_out)
    input.advance(used)
    switch result {
    case BZ_OK:
      return used == 0 && produced == 0 ? .needsInput : .produced(produced)
    case BZ_STREAM_END:
      endStream()
      return .produced(produced)
    case BZ_MEM_ERROR: throw CodecError(.failed("no memory for a block"), .bzip2, at: input.offset)
    default:
      throw CodecError(.corrupted("invalid data or wrong checksum"), .bzip2, at: input.offset)
    }
  }

  /// Looks for a stream's magic; false at the end of the last.
  private func startStream(_ input: CompressedInput) throws -> Bool {
    let magic: [UInt8] = [0x42, 0x5a, 0x68]
    let whole = try input.ensure(magic.count)
    let first = input.available.prefix(magic.count)
    if first.isEmpty && streams > 0 { return false }
    guard first.elementsEqual(magic.prefix(first.count)) else {
      throw CodecError(
        streams > 0 ? .trailingGarbage : .corrupted("no bzip2 header"), .bzip2, at: input.offset)
    }
    guard whole else { throw CodecError(.truncated, .bzip2, at: input.offset) }
    stream.pointee = bz_stream()
    guard BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK else {
      throw CodecError(.failed("no memory for a decoder"), .bzip2, at: input.offset)
    }
    inStream = true
    streams += 1
    return true
  }

  private func endStream() {
    BZ2_bzDecompressEnd(stream)
    inStream = false
  }
}
