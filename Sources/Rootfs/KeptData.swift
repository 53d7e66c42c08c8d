import Archive
import Posix
import SystemPackage

/// The data of files that are wanted later, in another order: in memory up to a bound, and beyond it in a
/// file without a name. Holes are not stored.
///
/// Small files are written and read many at a time: a call for each would cost more than the copying.
final class KeptData {
  private let directory: FilePath
  private let memoryLimit: UInt64
  private var memory: Spool?
  private var disk: Spool?
  /// Read from `window.raw`, starting at `window.offset`.
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
  private var window: (raw: Int32, offset: UInt64, count: Int) = (-1, 0, 0)

  /// - Parameters:
  ///   - directory: where the file is made when one is needed.
  ///   - memory: how many bytes stay in memory.
  init(in directory: FilePath, memory: UInt64 = 0) {
    self.directory = directory
    memoryLimit = memory
  }

  deinit { buffer.deallocate() }

  /// Keeps the data of the current file of a source.
  func keep(_ source: any EntrySource, _ entry: Entry) throws -> KeptFile.Location {
    let sparse = source as? any SparseSource
    let spool = try self.spool(for: entry.size)
    let offset = spool.size
    window.count = 0
    while true {
      let count = try sparse?.readStored(into: buffer) ?? source.read(into: buffer)
      if count == 0 { break }
      try spool.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
    return .stored(raw: spool.raw, offset: offset, extents: sparse?.extents.holes(in: entry.size))
  }

  private func spool(for size: UInt64) throws -> Spool {
    if size <= memoryLimit, (memory?.size ?? 0) <= memoryLimit - size {
      let spool = try memory ?? Spool(inMemory: ())
      memory = spool
      return spool
    }
    let spool = try disk ?? Spool(in: directory)
    disk = spool
    return spool
  }

  /// Forgets everything that was kept.
  func clear() {
    memory = nil
    disk = nil
    window.count = 0
  }

  /// Gives the data of a file of `size` bytes to the sink, holes as zeros.
  ///
  /// - Parameter extents: the runs that are stored; nil for all.
  func copy(
    _ raw: Int32, _ start: UInt64, _ extents: [DataExtent]?, size: UInt64, into sink: any EntrySink
  ) throws {
    try read(raw, start, extents, size: size) { try sink.write($0) }
  }

  /// Reads the data of a file that was kept here, holes as zeros.
  func read(
    _ place: KeptFile.Location, size: UInt64, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard case .stored(let raw, let offset, let extents) = place else { throw TreeError.lostData }
    try read(raw, offset, extents, size: size, body)
  }

  /// Reads the data of a file of `size` bytes, holes as zeros.
  func read(
    _ raw: Int32, _ start: UInt64, _ extents: [DataExtent]?, size: UInt64,
    _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard let extents else {
      try readStored(raw, start, size, body)
      return
    }
    var position: UInt64 = 0
    var stored = start
    for extent in extents {
      try zeros(extent.offset - position, body)
      try readStored(raw, stored, extent.count, body)
      stored += extent.count
      position = extent.offset + extent.count
    }
    try zeros(size - position, body)
  }

  private func readStored(
    _ raw: Int32, _ start: UInt64, _ count: UInt64, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    try memory?.flush()
    try disk?.flush()
    var offset = start
    let end = start + count
    while offset < end {
      if window.raw != raw || window.count == 0 || offset < window.offset
        || offset >= window.offset + UInt64(window.count)
      {
        // Only what follows closely is read along: files may be wanted in any order.
        let isNext = window.raw == raw && offset >= window.offset && offset - window.offset < 2 << 20
        let wanted = min(UInt64(buffer.count), isNext ? UInt64(buffer.count) : end - offset)
        window.count = 0
        let got = try readFull(
          raw, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(wanted)]), at: offset)
        if got == 0 { throw TreeError.lostData }
        window = (raw, offset, got)
      }
      let skip = Int(offset - window.offset)
      let now = Int(min(UInt64(window.count - skip), end - offset))
      try body(UnsafeRawBufferPointer(rebasing: buffer[skip..<(skip + now)]))
      offset += UInt64(now)
    }
  }

  private func zeros(_ count: UInt64, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    if count == 0 { return }
    window.count = 0
    let size = Int(min(count, UInt64(buffer.count)))
    buffer[..<size].initializeMemory(as: UInt8.self, repeating: 0)
    var left = count
    while left > 0 {
      let now = Int(min(left, UInt64(size)))
      try body(UnsafeRawBufferPointer(rebasing: buffer[..<now]))
      left -= UInt64(now)
    }
  }
}

extension [DataExtent] {
  /// The extents of a file that has holes; nil when all of its bytes are stored in one piece.
  func holes(in size: UInt64) -> [DataExtent]? {
    self == [DataExtent(offset: 0, count: size)] || (isEmpty && size == 0) ? nil : self
  }
}
