import Posix
public import SystemPackage

/// Bytes that are kept aside for later, in a file without a name that vanishes with the process.
public final class Spool {
  private let file: Descriptor
  /// The bytes kept so far: where the next ones will stand.
  public private(set) var size: UInt64 = 0

  /// A spool in `directory`'s file system.
  public init(in directory: FilePath) throws { file = try makeTemporaryFile(in: directory) }

  /// The descriptor, for reading at an offset.
  public var raw: Int32 { file.raw }

  /// Keeps bytes.
  public func append(_ bytes: UnsafeRawBufferPointer) throws {
    try file.write(bytes, at: size)
    size += UInt64(bytes.count)
  }
}
