import SystemPackage

/// Something that bytes are pulled from: a file, a pipe, a decompressor, a download.
public protocol ByteSource: AnyObject {
  /// Reads at least one byte into `buffer`; 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// A source that can leave out bytes without reading them.
public protocol SkippableSource: ByteSource {
  /// Moves on by `count` bytes; past the end is no error here, but shows in the next read.
  func skip(_ count: UInt64) throws
}

/// A descriptor as a source, read at its current position.
public final class DescriptorSource: ByteSource {
  private let descriptor: Descriptor
  /// What is read, for messages.
  public let name: String

  /// Reads from `descriptor` until its end.
  public init(_ descriptor: consuming Descriptor, name: String) {
    self.descriptor = descriptor
    self.name = name
  }

  /// Reads what is there, up to the size of `buffer`.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    do {
      return try descriptor.read(into: buffer)
    } catch {
      throw PosixError("read", name, error.errno)
    }
  }
}

/// A part of a file as a source, read by position: several can share one descriptor.
public final class RangeSource: SkippableSource {
  private let raw: Int32
  private var offset: UInt64
  private var remaining: UInt64
  private let owner: AnyObject?

  /// `count` bytes from `offset` of a descriptor.
  ///
  /// - Parameter owner: what the descriptor lives as long as, and is kept by this source; nil when the
  ///   descriptor outlives it anyway.
  public init(_ raw: Int32, offset: UInt64 = 0, count: UInt64, of owner: AnyObject? = nil) {
    self.raw = raw
    self.owner = owner
    self.offset = offset
    remaining = count
  }

  /// Reads on; a file that ends before the range does is an error.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = Int(min(UInt64(buffer.count), remaining))
    if count == 0 { return 0 }
    let got = try readFull(raw, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: offset)
    if got == 0 { throw PosixError("read past the end of", "a file that became shorter", .ioError) }
    offset += UInt64(got)
    remaining -= UInt64(got)
    return got
  }

  /// Moves on within the range.
  public func skip(_ count: UInt64) throws {
    let step = min(count, remaining)
    offset += step
    remaining -= step
  }
}

/// Bytes at hand as a source.
public final class BytesSource: ByteSource {
  private let bytes: [UInt8]
  private var offset = 0

  /// A source of `bytes`, from their start.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Copies what comes next; 0 at the end.
  public func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(buffer.count, bytes.count - offset)
    bytes.withUnsafeBytes {
      UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<(offset + count)]))
    }
    offset += count
    return count
  }
}
