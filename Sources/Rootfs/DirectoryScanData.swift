import Glibc
import Posix

/// The data of a file that a scan is at: opened when it is first read.
final class ScannedFile {
  private let name: [UInt8]
  private let directory: Relative
  private let status: FileStatus
  private let shown: () -> String
  private var descriptor: Descriptor?
  private var offset: UInt64 = 0
  /// The data that `offset` is in or before; what is between is a hole.
  private var extent: Range<UInt64>

  /// A file in a directory that stays open as long as this is used.
  init(_ name: [UInt8], in directory: Relative, _ status: FileStatus, shown: @escaping () -> String) {
    self.name = name
    self.directory = directory
    self.status = status
    self.shown = shown
    // Without holes nothing needs to be asked.
    extent = status.allocated < status.size ? 0..<0 : 0..<UInt64.max
  }

  /// Reads on: `size` bytes in all, then 0.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if offset == status.size { return 0 }
    if descriptor == nil { try open() }
    if offset >= extent.upperBound { try findData() }
    let end = min(status.size, offset < extent.lowerBound ? extent.lowerBound : extent.upperBound)
    let part = UnsafeMutableRawBufferPointer(
      rebasing: buffer[..<Int(min(UInt64(buffer.count), end - offset))])
    if offset < extent.lowerBound {
      if let base = part.baseAddress { memset(base, 0, part.count) }
    } else {
      try readData(part)
    }
    offset += UInt64(part.count)
    if offset == status.size { try checkSize() }
    return part.count
  }

  private func open() throws {
    let file = try directory.open(name, for: .read, shown: shown())
    let opened = try file.status(shown: shown())
    // The number of a file that was removed is soon given to another.
    if opened.identity != status.identity || opened.kind != .file { throw ScanError(.replaced, shown()) }
    descriptor = consume file
  }

  private func findData() throws {
    do {
      extent = try descriptor?.nextData(from: offset) ?? status.size..<status.size
    } catch {
      throw PosixError(error.operation, shown(), error.errno)
    }
    // Never empty: a read must get on.
    if extent.upperBound <= offset, offset < status.size { extent = offset..<UInt64.max }
  }

  private func readData(_ part: UnsafeMutableRawBufferPointer) throws {
    let got: Int
    do {
      got = try descriptor?.read(into: part, at: offset) ?? 0
    } catch {
      throw PosixError("read", shown(), error.errno)
    }
    if got < part.count { throw ScanError(.sizeChanged, shown()) }
  }

  private func checkSize() throws {
    if try descriptor?.status(shown: shown()).size != status.size { throw ScanError(.sizeChanged, shown()) }
  }
}
