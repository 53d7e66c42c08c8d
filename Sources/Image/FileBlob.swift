import Posix
public import SystemPackage
import Synchronization

/// A blob that is a file of its own: it gets its name when it is complete.
public final class FileBlob: BlobBytes {
  private struct State: ~Copyable {
    var file: AtomicFile
    var size: UInt64 = 0
  }

  private let state: Mutex<State>

  /// Starts the file that will be `target`.
  public init(_ target: FilePath) throws { state = Mutex(State(file: try AtomicFile(target))) }

  /// Adds bytes at the end.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    nonisolated(unsafe) let bytes = bytes
    try state.withLock { state in
      try state.file.descriptor.write(bytes, at: state.size)
      state.size += UInt64(bytes.count)
    }
  }

  /// Reads at an offset.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws -> Int {
    nonisolated(unsafe) let buffer = buffer
    return try state.withLock { try $0.file.descriptor.read(into: buffer, at: offset) }
  }

  /// Drops all bytes.
  public func reset() throws {
    try state.withLock { state in
      try state.file.descriptor.truncate(to: 0)
      state.size = 0
    }
  }

  /// Gives the file its name.
  public func commit() throws { try state.withLock { try $0.file.commit() } }
}
