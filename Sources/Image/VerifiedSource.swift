public import Digest
public import Posix

/// A source whose bytes must have a digest and a size.
///
/// Gives never more than the declared size. The end is only reached when both are right: what is wrong is
/// an error there, and every further read throws it again.
public final class VerifiedSource: ByteSource {
  private let source: any ByteSource
  private let digest: Digest
  private let size: UInt64
  private let place: String
  private var hash: SHA256? = SHA256()
  private var count: UInt64 = 0
  private var failure: ImageError?

  /// Reads `source`, which is to be the blob `digest` of `size` bytes.
  ///
  /// - Parameter place: where it is, for messages.
  public init(_ source: any ByteSource, digest: Digest, size: UInt64, place: String) {
    self.source = source
    self.digest = digest
    self.size = size
    self.place = place
  }

  /// Reads on.
  ///
  /// - Throws: `ImageError` when the blob is not what it should be, and what the source throws.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if let failure { throw failure }
    if buffer.isEmpty { return 0 }
    if count == size {
      if hash != nil { try finish() }
      return 0
    }
    let room = UnsafeMutableRawBufferPointer(
      rebasing: buffer[..<Int(min(UInt64(buffer.count), size - count))])
    let got = try source.read(into: room)
    if got == 0 { throw fail("has \(count) bytes instead of \(size)") }
    hash?.update(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<got]))
    count += UInt64(got)
    return got
  }

  private func finish() throws {
    let more = try withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { try source.read(into: $0) }
    if more > 0 { throw fail("has more than \(size) bytes") }
    guard let found = hash.take()?.finish() else { return }
    if found != digest { throw fail("has other content: its digest is \(found)") }
  }

  private func fail(_ problem: String) -> ImageError {
    let error = ImageError(.blob(digest, problem: problem), at: place)
    failure = error
    return error
  }
}
