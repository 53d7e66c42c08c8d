import Archive
import Posix

/// The files of a run of entries that can be read once, from first to last, and are wanted in nearly
/// that order: what is passed over goes to a spool until somebody asks for it.
final class SortedRun {
  private let source: any EntrySource
  private var next = 0
  private var passed: [Int: (offset: UInt64, size: UInt64)] = [:]
  private var spool: Spool?

  init(_ source: any EntrySource) { self.source = source }

  /// Copies the data of the n-th file that has any.
  func copy(
    _ number: Int, into sink: any EntrySink, buffer: UnsafeMutableRawBufferPointer,
    keepingOthersIn makeSpool: () throws -> Spool
  ) throws {
    if let place = passed[number], let spool {
      let range = RangeSource(spool.raw, offset: place.offset, count: place.size)
      while case let count = try range.read(into: buffer), count > 0 {
        try sink.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
      return
    }
    while let entry = try source.next() {
      guard entry.kind == .file, entry.size > 0 else { continue }
      let current = next
      next += 1
      if current == number {
        while case let count = try source.read(into: buffer), count > 0 {
          try sink.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        return
      }
      let spool = try self.spool ?? makeSpool()
      self.spool = spool
      passed[current] = (spool.size, entry.size)
      while case let count = try source.read(into: buffer), count > 0 {
        try spool.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
    if passed[number] == nil { throw TreeError.lostData }
  }
}
