import Posix
import SystemPackage
import Testing

@testable import Codec

@Suite struct DecompressorTests {
  @Test(arguments: Tool.compressors) func readsWhatToolsWrite(_ tool: Tool) throws {
    let plain = sample(3_000_000)
    let packed = try tool(plain)
    #expect(packed.count < plain.count)
    #expect(try decompress(packed) == plain)
    #expect(try decompress(packed, threaded: true) == plain)
    #expect(try decompress(packed, threaded: true, piece: 1000) == plain)
    #expect(try decompress(try tool([])) == [])
  }

  @Test(arguments: Compression.allCases) func readsByteByByte(_ format: Compression) throws {
    let plain = sample(20_000)
    let packed = try Tool.compressor(format)(plain)
    #expect(try readAll(Decompressor(BytesSource(packed, piece: 1), threaded: false), piece: 1) == plain)
    #expect(try readAll(Decompressor(BytesSource(packed, piece: 7)), piece: 11) == plain)
  }

  @Test(arguments: Compression.allCases, [1, 3, 1 << 20])
  func readsStreamsInARow(_ format: Compression, _ piece: Int) throws {
    let tool = Tool.compressor(format)
    let parts = [sample(5000, seed: 1), [], sample(1, seed: 2), sample(300_000, seed: 3), []]
    let packed = try parts.map { try tool($0) }
    #expect(try decompress(Array(packed.joined()), piece: piece) == Array(parts.joined()))
  }

  @Test func readsGzipHeaderFields() throws {
    let body = Array(try Tool.compressor(.gzip)([1, 2, 3]).dropFirst(10))
    let extra: [UInt8] = [5, 0, 1, 2, 3, 4, 5]
    let names = Array("a name\0and a comment\0".utf8)
    let header: [UInt8] = [0x1f, 0x8b, 8, 0x1c, 1, 2, 3, 4, 0, 255] + extra + names
    #expect(try decompress(header + body) == [1, 2, 3])

    // With a checksum over the header; python knows CRC-32.
    let checked: [UInt8] = [0x1f, 0x8b, 8, 0x02, 0, 0, 0, 0, 0, 3]
    let script =
      "import sys,zlib;c=zlib.crc32(sys.stdin.buffer.read())&65535;sys.stdout.buffer.write(bytes([c&255,c>>8]))"
    let checksum = try run("python3", ["-c", script], package: "python3", input: checked)
    #expect(try decompress(checked + checksum + body) == [1, 2, 3])
    let wrong = [checksum[0] ^ 1, checksum[1]]
    #expect(
      throws: CodecError(.corrupted("the header's checksum is wrong"), .gzip, at: 12)
    ) { try decompress(checked + wrong + body) }
    #expect(throws: CodecError(.unsupported("reserved flags in the header"), .gzip, at: 3)) {
      try decompress([0x1f, 0x8b, 8, 0x80, 0, 0, 0, 0, 0, 3] + body)
    }
  }

  @Test func skipsZstdSkippableFrames() throws {
    let frame = try Tool.compressor(.zstd)(sample(1000))
    let skippable: [UInt8] = [0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9]
    #expect(try decompress(skippable + frame + skippable + frame + skippable) == sample(1000) + sample(1000))
    #expect(try decompress(skippable) == [])
    #expect(throws: CodecError(.truncated, .zstd, at: 10)) { try decompress(Array(skippable.dropLast())) }
  }

  @Test(arguments: [0, 1, 511, 10_000]) func toleratesZerosAfterGzip(_ count: Int) throws {
    let packed = try Tool.compressor(.gzip)(sample(1000))
    #expect(try decompress(packed + Array(repeating: 0, count: count), piece: 100) == sample(1000))
  }

  @Test func toleratesXZPadding() throws {
    let packed = try Tool.compressor(.xz)(sample(1000))
    #expect(
      try decompress(packed + [0, 0, 0, 0] + packed + [0, 0, 0, 0, 0, 0, 0, 0]) == sample(1000) + sample(1000)
    )
    #expect(throws: CodecError(.trailingGarbage, .xz, at: UInt64(packed.count))) {
      try decompress(packed + [0, 0])
    }
  }

  @Test(arguments: [Compression.gzip, .zstd, .xz, .bzip2], [false, true])
  func refusesGarbageAfterTheEnd(_ format: Compression, _ threaded: Bool) throws {
    let packed = try Tool.compressor(format)(sample(300_000))
    let end = UInt64(packed.count)
    for garbage in [Array("garbage".utf8), [1], [0xff], Array(repeating: 0x41, count: 1_000_000)] {
      #expect(throws: CodecError(.trailingGarbage, format, at: end)) {
        try decompress(packed + garbage, threaded: threaded)
      }
    }
    if format == .gzip {
      #expect(throws: CodecError(.trailingGarbage, format, at: end + 2)) {
        try decompress(packed + [0, 0] + packed, threaded: threaded)
      }
    }
  }

  @Test(arguments: [Compression.gzip, .zstd, .xz, .bzip2])
  func refusesAnythingElseWhenForced(_ format: Compression) throws {
    for other in Compression.allCases where other != format {
      let packed = try Tool.compressor(other)(sample(100))
      #expect(throws: CodecError.self) { try decompress(packed, as: format) }
    }
    #expect(throws: CodecError(.truncated, format, at: 0)) { try decompress([], as: format) }
    let packed = try Tool.compressor(format)(sample(100))
    #expect(try decompress(packed, as: format) == sample(100))
    #expect(try decompress(packed, as: Compression.none) == packed)
  }

  @Test(arguments: Compression.allCases, [false, true])
  func showsTheTapEachByteOnce(_ format: Compression, _ threaded: Bool) throws {
    var packed = try Tool.compressor(format)(sample(2_000_000))
    if format == .gzip { packed += Array(repeating: 0, count: 700_000) }
    let seen = Collector()
    let decompressor = try Decompressor(BytesSource(packed), threaded: threaded, tap: { seen.append($0) })
    #expect(decompressor.compression == format)
    try decompressor.drain()
    #expect(seen.all == packed)
    #expect(decompressor.consumedBytes == UInt64(packed.count))
    #expect(try decompressor.next().isEmpty)
  }

  @Test(arguments: [false, true]) func mixesReadAndNext(_ threaded: Bool) throws {
    let plain = sample(1_000_000)
    let decompressor = try Decompressor(
      BytesSource(try Tool.compressor(.gzip)(plain)), threaded: threaded)
    var result = [UInt8](repeating: 0, count: 10)
    #expect(try result.withUnsafeMutableBytes { try decompressor.read(into: $0) } == 10)
    result += try decompressor.next()
    result += try readAll(decompressor)
    #expect(result == plain)
  }
}

@Suite struct DamageTests {
  /// Each shorter version of a small file is an error, and gives no byte that is wrong.
  @Test(arguments: [Compression.gzip, .zstd, .xz, .bzip2])
  func everyTruncationIsAnError(_ format: Compression) throws {
    let plain = sample(3000)
    let packed = try Tool.compressor(format)(plain)
    for count in 0..<packed.count {
      #expect(throws: CodecError.self, "cut to \(count)") {
        try decompress(Array(packed.prefix(count)), as: format)
      }
    }
    #expect(throws: CodecError.self) { try decompress(Array(packed.dropLast()), threaded: true) }
  }

  /// Each bit, one at a time: an error, or the right bytes where the bit says nothing about them.
  @Test(arguments: [Compression.gzip, .zstd, .xz, .bzip2])
  func noFlippedBitGoesUnseen(_ format: Compression) throws {
    let plain = sample(1500)
    let packed = try Tool.compressor(format)(plain)
    var errors = 0
    for bit in 0..<packed.count * 8 {
      var damaged = packed
      damaged[bit / 8] ^= 1 << (bit % 8)
      do {
        let result = try decompress(damaged, as: format)
        #expect(result == plain, "bit \(bit)")
      } catch {
        #expect(error is CodecError)
        errors += 1
      }
    }
    #expect(errors > packed.count * 8 - 100)
  }

  @Test func wrongChecksumsAreToldApart() throws {
    var packed = try Tool.compressor(.gzip)(sample(1000))
    packed[packed.count - 5] ^= 1
    #expect(throws: CodecError(.wrongChecksum, .gzip, at: UInt64(packed.count))) { try decompress(packed) }
    packed[packed.count - 5] ^= 1
    packed[packed.count - 1] ^= 1
    #expect(throws: CodecError(.wrongChecksum, .gzip, at: UInt64(packed.count))) { try decompress(packed) }
    packed = try Tool.compressor(.zstd)(sample(1000))
    packed[packed.count - 1] ^= 1
    #expect(throws: CodecError.self) { try decompress(packed) }
  }

  @Test(arguments: [false, true]) func errorsComeAgain(_ threaded: Bool) throws {
    let packed = Array(try Tool.compressor(.gzip)(sample(1_000_000)).dropLast(5))
    let decompressor = try Decompressor(BytesSource(packed), threaded: threaded)
    for _ in 0..<3 {
      #expect(throws: CodecError(.truncated, .gzip, at: UInt64(packed.count))) { try decompressor.drain() }
    }
  }

  @Test(arguments: [false, true]) func sourceErrorsPassThrough(_ threaded: Bool) throws {
    final class Failing: ByteSource {
      var reads = 0
      func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        reads += 1
        if reads > 3 { throw PosixError("read", "it", .ioError) }
        return buffer.count
      }
    }
    let decompressor = try Decompressor(Failing(), as: Compression.none, threaded: threaded)
    #expect(throws: PosixError("read", "it", .ioError)) { try decompressor.drain() }
  }
}
