import Posix
import SystemPackage
import Testing

@testable import Codec

/// Bytes that compress somewhat: a piece of `words`, each time cut elsewhere.
func sample(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  let piece = words(min(count, 100_000), seed: seed)
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count)
  var cut = 0
  while bytes.count < count {
    bytes.append(contentsOf: piece[cut...].prefix(count - bytes.count))
    bytes.append(contentsOf: piece[..<cut].prefix(count - bytes.count))
    cut = (cut + 7919) % piece.count
  }
  return bytes
}

/// Words drawn by a fixed generator, with noise and runs between them.
private func words(_ count: Int, seed: UInt64) -> [UInt8] {
  var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
  func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
  let words = ["usr/share/doc/", "lib", "\u{0}\u{0}\u{0}\u{0}", "0000644", "root", "copyright\n", "x86_64"]
    .map { Array($0.utf8) }
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count + 64)
  while bytes.count < count {
    switch next() % 16 {
    case 0: withUnsafeBytes(of: next()) { bytes.append(contentsOf: $0) }
    case 1: bytes.append(contentsOf: repeatElement(UInt8(truncatingIfNeeded: next()), count: 40))
    default: bytes.append(contentsOf: words[Int(next() % UInt64(words.count))])
    }
  }
  return Array(bytes.prefix(count))
}

/// Bytes as a source that gives at most `piece` of them at a time.
final class BytesSource: ByteSource {
  private var rest: ArraySlice<UInt8>
  private let piece: Int

  init(_ bytes: [UInt8], piece: Int = .max) {
    rest = bytes[...]
    self.piece = piece
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let part = rest.prefix(min(piece, buffer.count))
    buffer.copyBytes(from: part)
    rest = rest.dropFirst(part.count)
    return part.count
  }
}

/// All that `source` gives.
func readAll(_ source: any ByteSource, piece: Int = 1 << 16) throws -> [UInt8] {
  var result: [UInt8] = []
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 1)
  defer { buffer.deallocate() }
  while true {
    let count = try source.read(into: buffer)
    if count == 0 { return result }
    result.append(contentsOf: buffer[..<count])
  }
}

/// `bytes` decompressed; without a thread unless asked.
func decompress(
  _ bytes: [UInt8], as forced: Compression? = nil, limits: ExpansionLimits = .default,
  threaded: Bool = false, piece: Int = .max
) throws -> [UInt8] {
  let source = BytesSource(bytes, piece: piece)
  return try readAll(Decompressor(source, as: forced, limits: limits, threaded: threaded))
}

/// Collects what a compressor puts out, from whatever thread.
final class Collector: Sendable {
  private let bytes = Monitor<[UInt8]>([])
  var all: [UInt8] { bytes.change { $0 } }
  func append(_ more: UnsafeRawBufferPointer) { bytes.change { $0.append(contentsOf: more) } }
}

/// `bytes` compressed by `BlockCompressor`.
func compress(
  _ bytes: [UInt8], _ settings: CompressionSettings, jobs: Int = 2, piece: Int = .max
) throws -> [UInt8] {
  let collector = Collector()
  let compressor = BlockCompressor(settings, jobs: jobs) { collector.append($0) }
  try bytes.withUnsafeBytes { all in
    var start = 0
    while start < all.count {
      let end = start + min(piece, all.count - start)
      try compressor.write(UnsafeRawBufferPointer(rebasing: all[start..<end]))
      start = end
    }
  }
  try compressor.finish()
  return collector.all
}

/// What an outside program makes of `input`; it must exit with `status`.
func run(
  _ name: String, _ arguments: [String] = [], package: String, input: [UInt8], status: Int32 = 0,
  sourceLocation: SourceLocation = #_sourceLocation
) throws -> [UInt8] {
  let program = try #require(
    Command.find(name), "\(name) is missing: install the Debian package \(package)",
    sourceLocation: sourceLocation)
  let inputFile = try makeTemporaryFile(in: "/tmp")
  try input.withUnsafeBytes { try inputFile.write($0, at: 0) }
  let outputFile = try makeTemporaryFile(in: "/tmp")
  var command = Command(program, arguments)
  command.input = .descriptor(inputFile.raw)
  command.output = .descriptor(outputFile.raw)
  let ended = try command.start().wait()
  #expect(ended == .exited(status), "\(name) \(arguments)", sourceLocation: sourceLocation)
  var output = [UInt8](repeating: 0, count: Int(try outputFile.size()))
  let count = try output.withUnsafeMutableBytes { try outputFile.read(into: $0, at: 0) }
  #expect(count == output.count, sourceLocation: sourceLocation)
  return output
}

/// An outside compressor.
struct Tool: Sendable, CustomTestStringConvertible {
  let name: String
  let arguments: [String]
  let package: String
  let format: Compression

  init(_ name: String, _ arguments: [String], _ package: String, _ format: Compression) {
    self.name = name
    self.arguments = arguments
    self.package = package
    self.format = format
  }

  var testDescription: String { ([name] + arguments).joined(separator: " ") }

  func callAsFunction(_ input: [UInt8]) throws -> [UInt8] {
    try run(name, arguments, package: package, input: input)
  }

  /// The plain one for each format.
  static func compressor(_ format: Compression) -> Tool {
    switch format {
    case .none: Tool("cat", [], "coreutils", .none)
    case .gzip: Tool("gzip", ["-c"], "gzip", .gzip)
    case .zstd: Tool("zstd", ["-c", "-q"], "zstd", .zstd)
    case .xz: Tool("xz", ["-c"], "xz-utils", .xz)
    case .bzip2: Tool("bzip2", ["-c"], "bzip2", .bzip2)
    }
  }

  private static func python(_ code: String, _ format: Compression) -> Tool {
    let script = "import sys,\(code.prefix(while: { $0 != "." }));r=sys.stdin.buffer.read();"
    return Tool("python3", ["-c", script + "sys.stdout.buffer.write(\(code)(r))"], "python3", format)
  }

  static let compressors: [Tool] = [
    compressor(.gzip), compressor(.zstd), compressor(.xz), compressor(.bzip2),
    Tool("gzip", ["-1"], "gzip", .gzip), Tool("gzip", ["-9"], "gzip", .gzip),
    Tool("pigz", ["-c"], "pigz", .gzip), Tool("pigz", ["-c", "-i", "-b", "128"], "pigz", .gzip),
    python("gzip.compress", .gzip), python("lzma.compress", .xz), python("bz2.compress", .bzip2),
    Tool("zstd", ["-c", "-q", "-1"], "zstd", .zstd), Tool("zstd", ["-c", "-q", "-19"], "zstd", .zstd),
    Tool("zstd", ["-c", "-q", "--long=27"], "zstd", .zstd),
    Tool("zstd", ["-c", "-q", "-T2"], "zstd", .zstd),
    Tool("xz", ["-c", "-0"], "xz-utils", .xz),
    Tool("xz", ["-c", "-T2", "--block-size=100000"], "xz-utils", .xz),
    Tool("xz", ["-c", "--check=sha256"], "xz-utils", .xz),
    Tool("xz", ["-c", "--check=none"], "xz-utils", .xz),
    Tool("xz", ["-c", "--x86", "--lzma2"], "xz-utils", .xz),
    Tool("bzip2", ["-c", "-1"], "bzip2", .bzip2),
  ]

  static let decompressors: [Tool] = [
    Tool("gzip", ["-dc"], "gzip", .gzip), Tool("pigz", ["-dc"], "pigz", .gzip),
    python("gzip.decompress", .gzip), Tool("zstd", ["-dcq"], "zstd", .zstd),
    Tool("xz", ["-dc"], "xz-utils", .xz), python("lzma.decompress", .xz),
    Tool("bzip2", ["-dc"], "bzip2", .bzip2), python("bz2.decompress", .bzip2),
  ]
}
