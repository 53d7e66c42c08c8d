public import Posix

/// Opens an archive by its content: tar in any dialect, else whatever libarchive knows.
///
/// `source` gives it without the compressions of `Codec`.
public func openArchive(
  _ source: any ByteSource, limits: ArchiveLimits = ArchiveLimits(),
  notice: @escaping (String) -> Void = { _ in }
) throws -> any EntrySource {
  let peeked = try PeekedSource(source, count: TarHeader.blockSize)
  if peeked.prefix.isEmpty || isTar(peeked.prefix) {
    return TarReader(peeked, limits: limits, notice: notice)
  }
  return try LibarchiveReader(peeked, limits: limits)
}

/// Whether an archive that starts with these bytes (at least a block) is a tar, of any dialect.
public func isTar(_ start: some Collection<UInt8>) -> Bool {
  let block = Array(start.prefix(TarHeader.blockSize))
  guard block.count == TarHeader.blockSize else { return false }
  return block.withUnsafeBytes { bytes in
    let header = TarHeader(block: bytes)
    return header.isZero || header.hasValidChecksum
  }
}

/// A source whose first bytes were looked at, and are given once more.
final class PeekedSource: SkippableSource {
  let prefix: [UInt8]
  private var position = 0
  private let source: any ByteSource

  init(_ source: any ByteSource, count: Int) throws {
    self.source = source
    prefix = try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      while initialized < count {
        let got = try source.read(
          into: UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[initialized...])))
        if got == 0 { break }
        initialized += got
      }
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if position == prefix.count { return try source.read(into: buffer) }
    let count = min(buffer.count, prefix.count - position)
    buffer.copyBytes(from: prefix[position..<(position + count)])
    position += count
    return count
  }

  func skip(_ count: UInt64) throws {
    let here = min(count, UInt64(prefix.count - position))
    position += Int(here)
    if count == here { return }
    if let skippable = source as? any SkippableSource {
      try skippable.skip(count - here)
      return
    }
    var left = count - here
    try withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { buffer in
      while left > 0 {
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(left, 65_536))])
        let got = try source.read(into: part)
        if got == 0 { return }
        left -= UInt64(got)
      }
    }
  }
}
