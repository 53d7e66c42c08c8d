import Cache
import Codec
import Digest
import Posix

/// Writes the decompressed files of a package into a file that `KeptData` has begun, as they come.
///
/// What goes wrong here ends this file and nothing else: without its seal it is dropped.
final class DataKeeper {
  /// The fastest level: it costs a twentieth of decompressing xz, and a larger file.
  private static let settings = (try? CompressionSettings(.zstd, level: 1)) ?? CompressionSettings(.zstd)

  private let output: Output
  private var compressor: BlockCompressor?

  /// Where what was compressed goes; the compressor hands over a piece at a time, and is done before `finish` is.
  private final class Output: @unchecked Sendable {
    let raw: Int32
    var seal: Seal?

    init(_ raw: Int32, _ package: Digest) {
      self.raw = raw
      seal = Seal(of: package)
    }
  }

  /// - Parameters:
  ///   - raw: the file, which is empty and whose position is its start.
  ///   - package: the SHA-256 of the package.
  init(_ raw: Int32, _ package: Digest) {
    let output = Output(raw, package)
    self.output = output
    compressor = BlockCompressor(Self.settings, jobs: 1) { bytes in
      try writeAll(output.raw, bytes)
      output.seal?.update(bytes)
    }
  }

  /// Takes the next bytes.
  func write(_ bytes: UnsafeRawBufferPointer) {
    do { try compressor?.write(bytes) } catch { compressor = nil }
  }

  /// All has come.
  func finish() {
    guard let compressor = compressor.take(), (try? compressor.finish()) != nil else { return }
    guard let seal = output.seal.take() else { return }
    let raw = output.raw
    seal.finish().withUnsafeBytes { bytes in _ = try? writeAll(raw, bytes) }
  }
}

/// What is read goes to a keeper, too.
final class KeepingSource: ByteSource {
  private let source: any ByteSource
  private let keeper: DataKeeper

  /// A source that is read to its end.
  init(_ source: any ByteSource, _ keeper: DataKeeper) {
    self.source = source
    self.keeper = keeper
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try source.read(into: buffer)
    if count > 0 {
      keeper.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    } else if !buffer.isEmpty {
      keeper.finish()
    }
    return count
  }
}
