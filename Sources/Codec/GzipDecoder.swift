import CISAL

/// RFC 1952 by isa-l: any number of members, then zeros that fill up a tape block (as GNU gzip allows).
///
/// isa-l was the fastest streaming inflate measured (twice zlib). Headers are parsed here, so that their
/// errors have a place and isa-l only sees deflate data and the trailer, whose CRC and length it checks.
final class GzipDecoder: StreamDecoder {
  private let inflate: OpaquePointer
  private var inMember = false
  private var members = 0

  init() throws(CodecError) {
    guard let inflate = garboard_inflate_create() else {
      throw CodecError(.failed("no memory for inflate"), .gzip)
    }
    self.inflate = inflate
  }

  var isBetweenStreams: Bool { !inMember }

  deinit { garboard_inflate_destroy(inflate) }

  func step(_ input: CompressedInput, into output: UnsafeMutableRawBufferPointer) throws -> DecodingStep {
    if !inMember {
      guard try startMember(input) else { return .ended }
    }
    let available = input.available
    var inputCount = UInt32(clamping: available.count)
    let outputSpace = UInt32(clamping: output.count)
    let inputSpace = inputCount
    var outputCount = outputSpace
    var ended = false
    let result = garboard_inflate_run(
      inflate, available.baseAddress?.assumingMemoryBound(to: UInt8.self), &inputCount,
      output.baseAddress?.assumingMemoryBound(to: UInt8.self), &outputCount, &ended)
    let used = Int(inputSpace - inputCount)
    let produced = Int(outputSpace - outputCount)
    input.advance(used)
    switch result {
    case ISAL_DECOMP_OK: break
    case ISAL_INCORRECT_CHECKSUM: throw CodecError(.wrongChecksum, .gzip, at: input.offset)
    case ISAL_INVALID_LOOKBACK: throw corrupted("a distance points before the start", input)
    case ISAL_INVALID_SYMBOL: throw corrupted("invalid symbol", input)
    default: throw corrupted("invalid deflate block", input)
    }
    if ended {
      inMember = false
      return .produced(produced)
    }
    return used == 0 && produced == 0 ? .needsInput : .produced(produced)
  }

  /// Reads a member's header; false at the end of the stream.
  private func startMember(_ input: CompressedInput) throws -> Bool {
    let place = input.offset
    guard try input.ensure(1) else {
      if members == 0 { throw CodecError(.truncated, .gzip, at: place) }
      return false
    }
    if members > 0, input.available[0] == 0 {
      try skipZeros(input)
      return false
    }
    guard try input.ensure(2), input.available[0] == 0x1f, input.available[1] == 0x8b else {
      let partial = members == 0 && input.available.count == 1 && input.available[0] == 0x1f
      let kind: CodecError.Kind =
        members > 0 ? .trailingGarbage : partial ? .truncated : .corrupted("no gzip header")
      throw CodecError(kind, .gzip, at: place)
    }
    try readHeader(input)
    garboard_inflate_start(inflate)
    inMember = true
    members += 1
    return true
  }

  /// RFC 1952, 2.3; the header's own checksum is checked where it has one.
  private func readHeader(_ input: CompressedInput) throws {
    var checksum: UInt32 = 0
    func next() throws -> UInt8 {
      guard try input.ensure(1) else { throw CodecError(.truncated, .gzip, at: input.offset) }
      var byte = input.available[0]
      input.advance(1)
      checksum = crc32_gzip_refl(checksum, &byte, 1)
      return byte
    }
    _ = (try next(), try next())
    guard try next() == 8 else {
      throw CodecError(.unsupported("a compression method other than deflate"), .gzip, at: input.offset - 1)
    }
    let flags = try next()
    if flags & 0xe0 != 0 {
      throw CodecError(.unsupported("reserved flags in the header"), .gzip, at: input.offset - 1)
    }
    for _ in 0..<6 { _ = try next() }  // time, extra flags, system
    if flags & 0x04 != 0 {
      let length = Int(try next()) | Int(try next()) << 8
      for _ in 0..<length { _ = try next() }
    }
    if flags & 0x08 != 0 { while try next() != 0 {} }  // name
    if flags & 0x10 != 0 { while try next() != 0 {} }  // comment
    if flags & 0x02 != 0 {
      let expected = checksum & 0xffff
      let stored = UInt32(try next()) | UInt32(try next()) << 8
      if stored != expected { throw corrupted("the header's checksum is wrong", input) }
    }
  }

  private func skipZeros(_ input: CompressedInput) throws {
    while try input.ensure(1) {
      let available = input.available
      if let other = available.firstIndex(where: { $0 != 0 }) {
        throw CodecError(.trailingGarbage, .gzip, at: input.offset + UInt64(other))
      }
      input.advance(available.count)
    }
  }

  private func corrupted(_ words: String, _ input: CompressedInput) -> CodecError {
    CodecError(.corrupted(words), .gzip, at: input.offset)
  }
}
