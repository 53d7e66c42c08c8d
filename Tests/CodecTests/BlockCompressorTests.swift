import Glibc
import Posix
import Testing

@testable import Codec

@Suite struct BlockCompressorTests {
  /// xz at its default level takes seconds for each block.
  static let fastXZ: CompressionSettings = {
    do { return try CompressionSettings(.xz, level: 0) } catch { return .init(.xz) }
  }()

  static let settings: [CompressionSettings] = [
    .init(.gzip), .init(.zstd), .init(.bzip2), .none, fastXZ,
  ]

  @Test(arguments: Tool.decompressors) func toolsReadWhatItWrites(_ tool: Tool) throws {
    let level = tool.format == .xz ? 0 : CompressionSettings.defaultLevel(tool.format)
    let settings = try CompressionSettings(tool.format, level: level)
    let size = settings.blockSize
    for count in [0, 1, 1000, size, 2 * size + 1] {
      let plain = sample(count)
      #expect(try tool(compress(plain, settings)) == plain, "\(count) bytes")
    }
  }

  @Test(arguments: Compression.allCases) func readsItsOwn(_ format: Compression) throws {
    let plain = sample(9_000_000)
    for level in Set([
      CompressionSettings.levels(format).lowerBound, CompressionSettings.defaultLevel(format),
    ]) {
      let packed = try compress(plain, CompressionSettings(format, level: level))
      #expect(try decompress(packed, as: format, threaded: true) == plain)
    }
  }

  @Test(arguments: ["gzip:1", "gzip:6", "zstd:1", "zstd:3", "xz:0", "bzip2:9", "bzip2:1", "none"])
  func bytesDependOnNothingElse(_ text: String) throws {
    let settings = try CompressionSettings(parsing: text)
    let size = settings.blockSize
    let plain = sample(3 * size + 12345)
    let expected = try compress(plain, settings, jobs: 1)
    for (jobs, piece) in [(2, .max), (3, 10_007), (8, 512), (2, size), (2, size + 1)] {
      #expect(try compress(plain, settings, jobs: jobs, piece: piece) == expected, "\(jobs) jobs, \(piece)")
    }
  }

  /// The blocks are what the libraries make of each block alone, so blocks can be taken over one by one.
  @Test(arguments: settings) func blocksStandAlone(_ settings: CompressionSettings) throws {
    if settings.format == .xz { return }
    let size = settings.blockSize
    let first = sample(size, seed: 1)
    let second = sample(size, seed: 2)
    let both = try compress(first + second, settings)
    #expect(try both == compress(first, settings) + compress(second, settings))
  }

  @Test func gzipHeaderIsPlain() throws {
    for level in 1...9 {
      let packed = try compress(sample(1000), CompressionSettings(.gzip, level: level))
      #expect(packed.prefix(8) == [0x1f, 0x8b, 8, 0, 0, 0, 0, 0])
      #expect(packed[9] == 255)
    }
  }

  @Test func zstdHasSizeAndChecksum() throws {
    let packed = try compress(sample(100_000), .init(.zstd))
    let script = "d=$(mktemp -d) && cat > $d/x.zst && zstd -lv $d/x.zst && rm -r $d"
    let listing = try run("sh", ["-c", script], package: "zstd", input: packed)
    let text = String(decoding: listing, as: UTF8.self)
    #expect(text.contains("XXH64"), "\(text)")
    #expect(text.contains("(100000 B)"), "\(text)")
  }

  @Test(arguments: settings) func emptyInputIsAValidStream(_ settings: CompressionSettings) throws {
    let packed = try compress([], settings)
    #expect(packed.isEmpty == (settings.format == .none))
    #expect(try decompress(packed, as: settings.format) == [])
  }

  /// At the same level, never larger than gzip: what docs/decisions/gzip-engine.md promises.
  @Test(arguments: ["usr/share/perl5 usr/bin/perl", "usr/bin/bash usr/bin/tar", "etc"])
  func isNoLargerThanGzip(_ names: String) throws {
    let tar = try run(
      "sh", ["-c", "tar -C / --sort=name -cf - \(names) 2> /dev/null"], package: "tar", input: [])
    #expect(tar.count > 100_000)
    for level in [1, 6] {
      let theirs = try run("gzip", ["-nc\(level)"], package: "gzip", input: tar)
      let ours = try compress(tar, CompressionSettings(.gzip, level: level))
      #expect(ours.count <= theirs.count, "level \(level)")
    }
  }

  struct OutputError: Error {}

  @Test(.timeLimit(.minutes(1)), arguments: settings, [1, 2, 8])
  func outputErrorsComeOut(_ settings: CompressionSettings, _ jobs: Int) throws {
    let plain = sample(1 << 20)
    for failing in [1, 2] {
      let calls = Monitor(0)
      let compressor = BlockCompressor(settings, jobs: jobs) { _ in
        let call = calls.change { count in
          count += 1
          return count
        }
        if call == failing { throw OutputError() }
      }
      #expect(throws: OutputError.self) {
        var left = failing * settings.blockSize + 1
        while left > 0 {
          let count = min(left, plain.count)
          try plain.prefix(count).withUnsafeBytes { try compressor.write($0) }
          left -= count
        }
        try compressor.finish()
      }
      #expect(throws: CodecError(.closed, settings.format)) {
        try plain.withUnsafeBytes { try compressor.write($0) }
      }
      #expect(throws: CodecError(.closed, settings.format)) { try compressor.finish() }
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: settings, [1, 2, 8])
  func cancelEndsWithoutOutput(_ settings: CompressionSettings, _ jobs: Int) throws {
    let plain = sample(1 << 20)
    let calls = Monitor(0)
    let compressor = BlockCompressor(settings, jobs: jobs) { _ in calls.change { $0 += 1 } }
    try plain.withUnsafeBytes { bytes in for _ in 0..<20 { try compressor.write(bytes) } }
    compressor.cancel()
    let before = calls.change { $0 }
    compressor.cancel()
    #expect(throws: CodecError(.closed, settings.format)) { try compressor.finish() }
    usleep(20_000)
    #expect(calls.change { $0 } == before)
  }

  @Test func abandoningIsHarmless() throws {
    let plain = sample(1 << 20)
    for _ in 0..<20 {
      let compressor = BlockCompressor(.default, jobs: 3) { _ in }
      try plain.withUnsafeBytes { bytes in for _ in 0..<5 { try compressor.write(bytes) } }
    }
  }
}
