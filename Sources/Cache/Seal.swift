public import Digest
public import Posix

/// The end of a file that is believed only when it is whole: the SHA-256 of what the file is kept under and of all
/// bytes before.
///
/// It has the form of a skippable frame of zstd (RFC 8878, 3.1.2): programs that decompress the file read over it.
public struct Seal: ~Copyable {
  /// Its size in bytes.
  public static let size = 40
  private static let start: [UInt8] = [0x5a, 0x2a, 0x4d, 0x18, 32, 0, 0, 0]
  private var hash = SHA256()

  /// The seal of a file that is kept under `key`.
  public init(of key: Digest) { hash.update(key.bytes) }

  /// Takes the file's next bytes.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) { hash.update(bytes) }

  /// The seal, which comes after the last byte.
  public consuming func finish() -> [UInt8] { Self.start + hash.finish().bytes }

  /// Whether a file ends with the seal of all that is before.
  ///
  /// - Parameters:
  ///   - key: what the file is kept under.
  ///   - progress: takes the number of bytes with each piece that was read.
  /// - Throws: `PosixError` when it can't be read.
  public static func isWhole(
    _ file: borrowing Descriptor, of key: Digest, progress: (Int) -> Void = { _ in }
  ) throws(PosixError) -> Bool {
    let size = try file.size()
    guard size >= UInt64(Self.size) else { return false }
    var seal = Seal(of: key)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
    defer { buffer.deallocate() }
    var offset: UInt64 = 0
    let end = size - UInt64(Self.size)
    while offset < end {
      let part = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<Int(min(UInt64(buffer.count), end - offset))])
      let count = try file.read(into: part, at: offset)
      if count == 0 { return false }
      seal.update(UnsafeRawBufferPointer(rebasing: part[..<count]))
      progress(count)
      offset += UInt64(count)
    }
    let last = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Self.size])
    guard try file.read(into: last, at: end) == Self.size else { return false }
    return seal.finish().elementsEqual(last)
  }
}
