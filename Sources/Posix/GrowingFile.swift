public import SystemPackage
import Synchronization

/// A file that grows at its end and can be read while it does; it gets its name when it is complete, and without
/// one nothing is left of it.
public final class GrowingFile: Sendable {
  private struct State: ~Copyable {
    var file: AtomicFile
    var size: UInt64 = 0
  }

  private let state: Mutex<State>

  /// Starts the file that will be `target`, or another in the same file system.
  public init(_ target: FilePath) throws(PosixError) { state = Mutex(State(file: try AtomicFile(target))) }

  /// How many bytes were written.
  public var size: UInt64 { state.withLock { $0.size } }

  /// Adds bytes at the end.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    nonisolated(unsafe) let bytes = bytes
    try state.withLock { state in
      try state.file.descriptor.write(bytes, at: state.size)
      state.size += UInt64(bytes.count)
    }
  }

  /// Reads at an offset; fewer bytes only at the end.
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

  /// Gives the file another name in the same file system.
  public func commit(as target: FilePath) throws { try state.withLock { try $0.file.commit(as: target) } }

  /// The same open file, which stays readable whatever happens to its name.
  public func duplicate() throws -> Descriptor { try state.withLock { try $0.file.descriptor.duplicate() } }
}
