import Testing

@testable import Codec

@Suite struct SettingsTests {
  @Test(arguments: [
    ("gzip", Compression.gzip, 4), ("zstd", .zstd, 3), ("xz", .xz, 6), ("bzip2", .bzip2, 9),
    ("none", .none, 0),
    ("gzip:1", .gzip, 1), ("gzip:9", .gzip, 9), ("zstd:19", .zstd, 19), ("xz:0", .xz, 0),
    ("bzip2:1", .bzip2, 1),
    ("none:0", .none, 0),
  ])
  func parses(_ text: String, _ format: Compression, _ level: Int) throws {
    let settings = try CompressionSettings(parsing: text)
    #expect(settings.format == format)
    #expect(settings.level == level)
    #expect(try CompressionSettings(parsing: settings.description) == settings)
  }

  @Test(arguments: [
    "", ":", "gz", "GZIP", "gzip:", "gzip:0", "gzip:10", "gzip:-1", "gzip:+6", "gzip:06", "gzip:6:",
    "gzip:six",
    "zstd:0", "zstd:20", "xz:10", "bzip2:0", "none:1", " gzip", "gzip:99999999999999999999",
  ])
  func refuses(_ text: String) {
    #expect(throws: CodecError.self) { try CompressionSettings(parsing: text) }
  }

  @Test func saysWhatIsPossible() {
    #expect(
      throws: CodecError(.invalidSetting("gzip has no level \"12\", only 1 to 9"))
    ) { try CompressionSettings(parsing: "gzip:12") }
    #expect(
      throws: CodecError(
        .invalidSetting("unknown compression \"lz4\"; known are none, gzip, zstd, xz, bzip2"))
    ) { try CompressionSettings(parsing: "lz4") }
    #expect(throws: CodecError.self) { try CompressionSettings(.gzip, level: 10) }
  }
}

@Suite struct DetectionTests {
  @Test(arguments: Tool.compressors) func knowsTools(_ tool: Tool) throws {
    #expect(Compression.detect(try tool(sample(1000))) == tool.format)
    #expect(Compression.detect(try tool([])) == tool.format)
  }

  @Test(
    arguments: [
      [], [0x1f], [0x28, 0xb5, 0x2f], Array("BZh".utf8), Array("BZh0".utf8), Array("BZh9/name".utf8),
      [0xfd, 0x37, 0x7a, 0x58, 0x5a], Array("ustar".utf8), [0x2a, 0x4d, 0x18, 0x50],
    ] as [[UInt8]])
  func takesTheRestAsItIs(_ bytes: [UInt8]) throws {
    #expect(Compression.detect(bytes) == .none)
    #expect(try decompress(bytes) == bytes)
    #expect(try decompress(bytes, threaded: true) == bytes)
  }

  @Test func knowsSkippableFrames() {
    #expect(Compression.detect([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]) == .zstd)
    #expect(Compression.detect([0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]) == .zstd)
  }
}
