import Posix
import Testing

@testable import Codec

@Suite struct LimitTests {
  @Test(arguments: Compression.allCases) func sizeIsLimited(_ format: Compression) throws {
    let packed = try Tool.compressor(format)(sample(100_000))
    #expect(try decompress(packed, limits: ExpansionLimits(maximumSize: 100_000)).count == 100_000)
    let error = #expect(throws: CodecError.self) {
      try decompress(packed, limits: ExpansionLimits(maximumSize: 99_999))
    }
    #expect(error?.kind == .limit(.size(99_999)))
    #expect(error?.offset != nil)
  }

  @Test(arguments: [Compression.gzip, .zstd, .xz, .bzip2], [false, true])
  func ratioIsLimitedBeyondTheFreeSize(_ format: Compression, _ threaded: Bool) throws {
    let packed = try Tool.compressor(format)([UInt8](repeating: 0, count: 20 << 20))
    let strict = ExpansionLimits(maximumRatio: 100, freeSize: 1 << 20)
    let error = #expect(throws: CodecError.self) {
      try decompress(packed, limits: strict, threaded: threaded)
    }
    #expect(error?.kind == .limit(.ratio(100)))
    #expect(try decompress(packed, threaded: threaded).count == 20 << 20)
    // Many small members count together.
    let small = try Tool.compressor(format)([UInt8](repeating: 0, count: 1 << 20))
    let many = Array(repeatElement(small, count: 20).joined())
    #expect(throws: CodecError.self) { try decompress(many, limits: strict, threaded: threaded) }
  }

  @Test func windowIsLimited() throws {
    let plain = sample(9 << 20)
    let long = try run("zstd", ["-cq", "--long=30"], package: "zstd", input: plain)
    // A streamed input of unknown size keeps its large window in the header.
    let streamed = try run("sh", ["-c", "cat | zstd -cq --long=28"], package: "zstd", input: plain)
    let error = #expect(throws: CodecError.self) { try decompress(streamed) }
    #expect(error?.kind == .limit(.window(128 << 20)))
    #expect(try decompress(streamed, limits: ExpansionLimits(maximumWindow: 256 << 20)) == plain)
    #expect(try decompress(long, limits: ExpansionLimits(maximumWindow: 1 << 30)) == plain)

    let xz = try run("xz", ["-c", "--lzma2=preset=0,dict=64MiB"], package: "xz-utils", input: plain)
    #expect(try decompress(xz) == plain)
    #expect(
      throws: CodecError.self
    ) { try decompress(xz, limits: ExpansionLimits(maximumWindow: 32 << 20)) }
  }

  @Test func numbersDontOverflow() {
    let limits = ExpansionLimits(maximumSize: .max, maximumRatio: .max, freeSize: 0)
    #expect(limits.passed(produced: .max, consumed: .max) == nil)
    #expect(ExpansionLimits.default.passed(produced: 10 << 30, consumed: 1) == nil)
    #expect(ExpansionLimits.default.passed(produced: 17 << 30, consumed: 1000) == .ratio(2000))
    #expect(ExpansionLimits.default.passed(produced: 2 << 40, consumed: 1 << 40) == .size(1 << 40))
  }
}

@Suite struct ClosingTests {
  @Test(arguments: Compression.allCases) func readersMayGoAway(_ format: Compression) throws {
    let packed = try Tool.compressor(format)(sample(5_000_000))
    for read in [0, 1, 1_000_000] {
      let decompressor = try Decompressor(BytesSource(packed))
      var done = 0
      while done < read { done += try decompressor.next().count }
      if read == 1 {
        decompressor.close()
        decompressor.close()
        #expect(throws: CodecError(.closed, format)) { try decompressor.next() }
      }
    }
  }

  /// The other end of the pipe is silent and stays open: closing must not wait for it.
  @Test(.timeLimit(.minutes(1))) func blockedReadsAreLeftAlone() throws {
    var pipe = try Pipe()
    let writer = pipe.takeWriter()
    let packed = try Tool.compressor(.gzip)(sample(500_000))
    try packed.prefix(20_000).withUnsafeBytes { try writer.write($0) }
    do {
      let decompressor = try Decompressor(DescriptorSource(pipe.takeReader(), name: "pipe"))
      #expect(try !decompressor.next().isEmpty)
    }
    // The thread may still be in its read, and ends when this end of the pipe is closed: not before here.
    _ = writer.raw
  }

  /// What has come through a pipe is given before more is waited for.
  @Test(.timeLimit(.minutes(1)), arguments: [Compression.none, .gzip, .zstd], [false, true])
  func deliversBeforeItWaits(_ format: Compression, _ threaded: Bool) throws {
    var pipe = try Pipe()
    let writer = pipe.takeWriter()
    let part = try Tool.compressor(format)(sample(1000))
    try part.withUnsafeBytes { try writer.write($0) }
    let decompressor = try Decompressor(
      DescriptorSource(pipe.takeReader(), name: "pipe"), threaded: threaded)
    #expect(try Array(decompressor.next()) == sample(1000))
  }
}
