import Archive
import Posix

/// The files of a run of entries that can be read once, from first to last, and are wanted in nearly
/// that order: what is passed over is kept until somebody asks for it.
final class SortedRun {
  private let source: any EntrySource
  private var next = 0
  private var passed: [Int: (place: KeptFile.Location, size: UInt64)] = [:]

  init(_ source: any EntrySource) { self.source = source }

  /// Copies the data of the n-th file that has any.
  func copy(
    _ number: Int, into sink: any EntrySink, buffer: UnsafeMutableRawBufferPointer,
    keepingOthersIn kept: KeptData
  ) throws {
    if case (.stored(let raw, let offset, let extents), let size)? = passed[number] {
      try kept.copy(raw, offset, extents, size: size, into: sink)
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
      passed[current] = (try kept.keep(source, entry), entry.size)
    }
    throw TreeError.lostData
  }
}
