import Posix
public import SystemPackage

/// Bytes that are kept aside for later, in a file without a name that vanishes with the process.
///
/// Short pieces are collected before they are written: `flush` before reading.
public final class Spool {
  private let file: Descriptor
  private var waiting: [UInt8] = []
  /// The bytes kept so far: where the next ones will stand.
  public private(set) var size: UInt64 = 0

  private static let batch = 1 << 18

  /// A spool in `directory`'s file system.
  public init(in directory: FilePath) throws { file = try makeTemporaryFile(in: directory) }

  /// A spool in memory.
  init(inMemory: Void) throws {
    file = try makeMemoryFile()
  }

  /// The descriptor, for reading at an offset what was flushed.
  public var raw: Int32 { file.raw }

  /// Keeps bytes.
  public func append(_ bytes: UnsafeRawBufferPointer) throws {
    if bytes.count >= Self.batch / 4 {
      try flush()
      try file.write(bytes, at: size)
    } else {
      if waiting.isEmpty { waiting.reserveCapacity(Self.batch) }
      waiting.append(contentsOf: bytes)
      if waiting.count >= Self.batch - Self.batch / 4 { try write(size + UInt64(bytes.count)) }
    }
    size += UInt64(bytes.count)
  }

  /// Makes all bytes readable through the descriptor.
  public func flush() throws { if !waiting.isEmpty { try write(size) } }

  private func write(_ end: UInt64) throws {
    try waiting.withUnsafeBytes { try file.write($0, at: end - UInt64($0.count)) }
    waiting.removeAll(keepingCapacity: true)
  }
}
