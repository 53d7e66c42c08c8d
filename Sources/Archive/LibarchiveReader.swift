import CArchive
public import Posix

/// Reads the archives that are not tar: cpio, zip, 7z, ar, ISO 9660, xar, mtree and whatever else
/// libarchive knows, with the compressions that `Codec` leaves to it (lz4, lzip, compress, …).
///
/// Tar itself is read by `TarReader`; docs/decisions/tar.md says why.
public final class LibarchiveReader: EntrySource {
  private let archive: OpaquePointer
  private let input: Input
  private let limits: ArchiveLimits
  private var name: [UInt8] = []
  private var count: UInt64 = 0
  private var size: UInt64 = 0
  private var position: UInt64 = 0
  private var total: UInt64 = 0
  // A block that libarchive lent, and where it stands in the file.
  private var block = UnsafeRawBufferPointer(start: nil, count: 0)
  private var blockOffset: UInt64 = 0
  private var dataEnded = true

  private final class Input {
    let source: any ByteSource
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
    var error: (any Error)?
    init(_ source: any ByteSource) { self.source = source }
    deinit { buffer.deallocate() }
  }

  /// Opens the archive that `source` gives.
  ///
  /// - Throws: `ArchiveError.Reason.unknownFormat` when it is none.
  public init(_ source: any ByteSource, limits: ArchiveLimits = ArchiveLimits()) throws {
    guard let archive = archive_read_new() else { preconditionFailure("archive_read_new: out of memory") }
    self.archive = archive
    self.limits = limits
    input = Input(source)
    archive_read_support_filter_all(archive)
    archive_read_support_format_all(archive)
    // Names stay bytes, whatever the locale; formats without the option say so, which is fine.
    archive_read_set_options(archive, "hdrcharset=BINARY")
    let result = archive_read_open(
      archive, Unmanaged.passUnretained(input).toOpaque(), nil,
      { archive, context, pointer in
        guard let context, let pointer else { return -1 }
        let input = Unmanaged<Input>.fromOpaque(context).takeUnretainedValue()
        pointer.pointee = UnsafeRawPointer(input.buffer.baseAddress)
        do {
          return try input.source.read(into: input.buffer)
        } catch {
          input.error = error
          archive_set_error_text(archive, "the input can't be read")
          return -1
        }
      }, nil)
    if result != ARCHIVE_OK {
      if let error = input.error { throw error }
      throw ArchiveError(.unknownFormat, offset: 0)
    }
  }

  deinit { archive_read_free(archive) }

  private func error(_ reason: ArchiveError.Reason) -> ArchiveError {
    ArchiveError(reason, entry: name, offset: UInt64(max(0, archive_read_header_position(archive))))
  }

  /// libarchive's own words; its warnings are errors here, for what it gave is not what was stored.
  private func check(_ result: Int32) throws {
    if result == ARCHIVE_OK { return }
    if let error = input.error { throw error }
    if count == 0, result == ARCHIVE_FATAL { throw ArchiveError(.unknownFormat, offset: 0) }
    let text = archive_error_string(archive).map { String(cString: $0) } ?? "unknown error \(result)"
    throw error(.library(text))
  }

  /// The next entry.
  public func next() throws -> Entry? {
    while true {
      var pointer: OpaquePointer?
      let result = archive_read_next_header(archive, &pointer)
      if result == ARCHIVE_EOF { return nil }
      name = []
      try check(result)
      count += 1
      guard let pointer else { return nil }
      if count > limits.entries {
        throw error(.limit("the archive has more than \(limits.entries) entries (the limit)"))
      }
      return try convert(pointer)
    }
  }

  private func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8] {
    text.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
  }

  private func path(_ bytes: [UInt8]) throws -> EntryPath {
    guard !bytes.isEmpty else { throw error(.entry("an entry or link without a name")) }
    guard bytes.count <= limits.pathLength else {
      throw error(.limit("a path of \(bytes.count) bytes is over the limit of \(limits.pathLength)"))
    }
    do { return try EntryPath(normalising: bytes) } catch { throw self.error(.path(error)) }
  }

  private func convert(_ pointer: OpaquePointer) throws -> Entry {
    name = bytes(archive_entry_pathname(pointer))
    let hardlink = bytes(archive_entry_hardlink(pointer))
    let kind: EntryKind
    if !hardlink.isEmpty {
      kind = .hardlink
    } else {
      switch UInt32(archive_entry_filetype(pointer)) {
      case 0o100000: kind = .file
      case 0o040000: kind = .directory
      case 0o120000: kind = .symlink
      case 0o020000: kind = .characterDevice
      case 0o060000: kind = .blockDevice
      case 0o010000: kind = .fifo
      default: throw error(.entry("an entry of a kind that images can't hold"))
      }
    }
    var entry = Entry(try path(name), kind)
    guard !entry.path.isRoot || kind == .directory else {
      throw error(.entry("the root of the tree is not a directory"))
    }
    entry.mode = UInt16(archive_entry_perm(pointer) & 0o7777)
    guard let user = UInt32(exactly: archive_entry_uid(pointer)) else {
      throw error(.number(field: "user number"))
    }
    guard let group = UInt32(exactly: archive_entry_gid(pointer)) else {
      throw error(.number(field: "group number"))
    }
    entry.user = user
    entry.group = group
    entry.userName = bytes(archive_entry_uname(pointer))
    entry.groupName = bytes(archive_entry_gname(pointer))
    entry.modified = Timestamp(
      seconds: Int64(archive_entry_mtime(pointer)), nanoseconds: UInt32(archive_entry_mtime_nsec(pointer)))
    entry.linkTarget = kind == .symlink ? bytes(archive_entry_symlink(pointer)) : []
    if kind == .symlink, entry.linkTarget.isEmpty { throw error(.entry("a symlink without a target")) }
    if kind == .hardlink { entry.hardlinkTarget = try path(hardlink) }
    if kind == .characterDevice || kind == .blockDevice {
      entry.deviceMajor = UInt32(truncatingIfNeeded: archive_entry_rdevmajor(pointer))
      entry.deviceMinor = UInt32(truncatingIfNeeded: archive_entry_rdevminor(pointer))
    }
    if kind == .file || kind == .hardlink, archive_entry_size_is_set(pointer) != 0 {
      let size = archive_entry_size(pointer)
      guard size >= 0 else { throw error(.number(field: "size")) }
      entry.size = UInt64(size)
    } else if kind == .file {
      throw error(.entry("a file whose size is not stated before its data"))
    }
    let (sum, overflow) = total.addingReportingOverflow(entry.size)
    if overflow || sum > limits.totalSize {
      throw error(.limit("the files are over the limit of \(limits.totalSize) bytes together"))
    }
    total = sum
    size = entry.size
    position = 0
    block = UnsafeRawBufferPointer(start: nil, count: 0)
    blockOffset = 0
    dataEnded = false
    archive_entry_xattr_reset(pointer)
    var xattrName: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var length = 0
    while archive_entry_xattr_next(pointer, &xattrName, &value, &length) == ARCHIVE_OK {
      entry.attributes.append(
        ExtendedAttribute(
          name: bytes(xattrName), value: Array(UnsafeRawBufferPointer(start: value, count: length))))
    }
    entry.attributes.sort { $0.name.lexicographicallyPrecedes($1.name) }
    return entry
  }

  /// Reads data with holes as zeros.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if position == size || buffer.isEmpty { return 0 }
    while !dataEnded, position >= blockOffset + UInt64(block.count) {
      var pointer: UnsafeRawPointer?
      var count = 0
      var offset: la_int64_t = 0
      let result = archive_read_data_block(archive, &pointer, &count, &offset)
      if result == ARCHIVE_EOF {
        dataEnded = true
      } else {
        try check(result)
        guard offset >= 0, UInt64(offset) >= position else {
          throw error(.sparse("runs of data that go back"))
        }
        block = UnsafeRawBufferPointer(start: pointer, count: count)
        blockOffset = UInt64(offset)
      }
    }
    if dataEnded, position >= blockOffset + UInt64(block.count) {
      let left = Int(min(UInt64(buffer.count), size - position))
      buffer[..<left].initializeMemory(as: UInt8.self, repeating: 0)
      position += UInt64(left)
      return left
    }
    if position < blockOffset {
      let hole = Int(min(UInt64(buffer.count), min(size, blockOffset) - position))
      buffer[..<hole].initializeMemory(as: UInt8.self, repeating: 0)
      position += UInt64(hole)
      return hole
    }
    let start = Int(position - blockOffset)
    let count = Int(min(UInt64(min(buffer.count, block.count - start)), size - position))
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: block[start..<(start + count)]))
    position += UInt64(count)
    return count
  }
}
