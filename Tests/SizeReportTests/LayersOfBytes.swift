import Digest
import OCI
import Posix
import SizeReport

extension ReportedLayer {
  /// A layer whose stored bytes are the tar.
  init(tar bytes: [UInt8], diffID: Digest? = nil, createdBy: String? = nil) {
    let digest = SHA256.digest(bytes)
    self.init(
      OCI.Descriptor(.layer, digest: digest, size: UInt64(bytes.count)), diffID: diffID ?? digest,
      createdBy: createdBy
    ) { BytesSource(bytes) }
  }
}

/// Bytes in memory as a source.
final class BytesSource: ByteSource {
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(buffer.count, bytes.count - offset)
    bytes.withUnsafeBytes {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<(offset + count)]))
    }
    offset += count
    return count
  }
}
