public import Posix

/// Reads tar streams of every dialect: v7, ustar, star, GNU (long names, old sparse files), pax (global
/// headers, sparse files 0.0, 0.1 and 1.0).
///
/// Names stay bytes whatever the locale. Anything that contradicts itself is an error with its place,
/// and never skipped: readers that guess are how one archive becomes two different trees.
public final class TarReader: SparseSource {
  private let stream: TarStream
  private let limits: ArchiveLimits
  private let mayEndInData: Bool
  private let notice: (String) -> Void
  private var globals = PaxAttributes()
  private var count: UInt64 = 0
  private var totalSize: UInt64 = 0
  private var ended = false

  // The current entry's data.
  private var header: UInt64 = 0
  private var name: [UInt8] = []
  private var storedLeft: UInt64 = 0
  private var padding: UInt64 = 0
  private var size: UInt64 = 0
  private var position: UInt64 = 0
  private var extentIndex = 0

  /// The runs of the current file's data that the archive stores, in order.
  public private(set) var extents: [DataExtent] = []

  /// Where the current file's stored data starts in the tar stream, in bytes.
  public private(set) var dataOffset: UInt64 = 0

  /// Reads `source`, which gives an uncompressed tar.
  ///
  /// - Parameters:
  ///   - mayEndInData: whether the archive may end with the last file's data, not filled up to a block, as
  ///     umoci 0.4.7 writes layers. Only where something else shows that it is whole.
  ///   - notice: takes remarks about what is odd but harmless.
  public init(
    _ source: any ByteSource, limits: ArchiveLimits = ArchiveLimits(), mayEndInData: Bool = false,
    notice: @escaping (String) -> Void = { _ in }
  ) {
    self.mayEndInData = mayEndInData
    stream = TarStream(source)
    self.limits = limits
    self.notice = notice
  }

  /// The next entry.
  ///
  /// - Throws: `ArchiveError`, and what the source throws.
  public func next() throws -> Entry? {
    if ended { return nil }
    try skipData()
    var pending = PaxAttributes()
    var hasPax = false
    while true {
      guard let block = try nextBlock(pending: hasPax || pending.hasLongNames) else {
        ended = true
        return nil
      }
      let tar = TarHeader(block: block)
      guard tar.hasValidChecksum else { throw error(.checksum) }
      let flag = block[TarHeader.typeFlag]
      name = tar.text(.name)
      switch flag {
      case UInt8(ascii: "x"), UInt8(ascii: "X"):
        if hasPax { throw error(.extendedHeader("two of them for one entry")) }
        hasPax = true
        let body = try metadata(tar, "an extended header")
        try read(body, into: &pending)
      case UInt8(ascii: "g"):
        if hasPax || pending.hasLongNames {
          throw error(.extendedHeader("a global header between an entry and its own extended header"))
        }
        let body = try metadata(tar, "a global header")
        try read(body, into: &globals)
      case UInt8(ascii: "L"):
        pending.longName = try longName(tar)
      case UInt8(ascii: "K"):
        pending.longLink = try longName(tar)
      case UInt8(ascii: "V"):
        let size = try unsigned(tar, .size)
        try skip(size)
      default:
        return try entry(tar, flag: flag, attributes: pending.over(globals))
      }
    }
  }

  /// Reads data with holes as zeros.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if position == size || buffer.isEmpty { return 0 }
    while extentIndex < extents.count,
      extents[extentIndex].offset + extents[extentIndex].count <= position
    {
      extentIndex += 1
    }
    if extentIndex < extents.count, extents[extentIndex].offset <= position {
      let extent = extents[extentIndex]
      let left = extent.offset + extent.count - position
      let count = Int(min(UInt64(buffer.count), left))
      let got = try readStored(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
      position += UInt64(got)
      return got
    }
    let next = extentIndex < extents.count ? extents[extentIndex].offset : size
    let count = Int(min(UInt64(buffer.count), next - position))
    buffer[..<count].initializeMemory(as: UInt8.self, repeating: 0)
    position += UInt64(count)
    return count
  }

  /// Reads the stored bytes of the current file alone, one extent after the other, without the holes.
  public func readStored(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = Int(min(UInt64(buffer.count), storedLeft))
    if count == 0 { return 0 }
    let got = try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
    if got == 0 { throw error(.truncated("a file's data")) }
    storedLeft -= UInt64(got)
    return got
  }

  /// Reads what follows the archive's end, so that digests cover it too.
  public func drain() throws { try stream.drain() }

  // MARK: Blocks

  private func error(_ reason: ArchiveError.Reason) -> ArchiveError {
    ArchiveError(reason, entry: name, offset: header)
  }

  private func nextBlock(pending: Bool) throws -> UnsafeRawBufferPointer? {
    var zeros = 0
    while true {
      header = stream.offset
      guard let block = try stream.take(TarHeader.blockSize) else {
        if stream.remainder > 0 { throw error(.truncated("a header")) }
        if pending { throw error(.truncated("an entry, after its extended header")) }
        if zeros == 0, count > 0 { notice("the archive has no end marker") }
        if zeros == 0, count == 0 { throw error(.unknownFormat) }
        return nil
      }
      if !TarHeader(block: block).isZero {
        if zeros == 1 { notice("a lone block of zeros at byte \(header - 512)") }
        return block
      }
      if pending { throw error(.extendedHeader("no entry follows it")) }
      zeros += 1
      if zeros == 2 { return nil }
    }
  }

  private func skipData() throws {
    let (left, last) = (storedLeft, padding)
    storedLeft = 0
    padding = 0
    position = 0
    size = 0
    if left > 0 { try skip(exactly: left) }
    if last > 0, try !stream.skip(last) {
      if !mayEndInData { throw error(.truncated("a file's data")) }
      notice("the last file's data are not filled up to a block")
    }
  }

  private func skip(_ size: UInt64) throws { try skip(exactly: size + Self.padding(size)) }

  private func skip(exactly count: UInt64) throws {
    if try !stream.skip(count) { throw error(.truncated("a file's data")) }
  }

  static func padding(_ size: UInt64) -> UInt64 { (512 - size % 512) % 512 }

  private func number(_ tar: TarHeader, _ field: TarHeader.Field) throws -> Int64 {
    do { return try tar.number(field) } catch { throw self.error(.number(field: error.field)) }
  }

  private func unsigned(_ tar: TarHeader, _ field: TarHeader.Field) throws -> UInt64 {
    let value = try number(tar, field)
    if value < 0 { throw error(.number(field: field.name)) }
    return UInt64(value)
  }

  // MARK: Headers of headers

  private func metadata(_ tar: TarHeader, _ what: String) throws -> [UInt8] {
    let size = try unsigned(tar, .size)
    guard size <= limits.extendedHeader else {
      throw error(.limit("\(what) of \(size) bytes is over the limit of \(limits.extendedHeader)"))
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(min(size, 1 << 20)))
    var left = Int(size)
    while left > 0 {
      guard let chunk = try stream.take(min(left, 65_536)) else { throw error(.truncated(what)) }
      bytes.append(contentsOf: chunk)
      left -= chunk.count
    }
    try skip(exactly: Self.padding(size))
    return bytes
  }

  private func read(_ body: [UInt8], into attributes: inout PaxAttributes) throws {
    do {
      try PaxRecords.parse(body) { key, value in try attributes.set(key, value) }
    } catch let malformed as PaxRecords.Malformed {
      throw error(.extendedHeader(malformed.what))
    }
  }

  private func longName(_ tar: TarHeader) throws -> [UInt8] {
    let bytes = try metadata(tar, "a long name")
    return Array(bytes.prefix { $0 != 0 })
  }

  // MARK: Entries

  private func entry(_ tar: TarHeader, flag: UInt8, attributes: PaxAttributes) throws -> Entry {
    count += 1
    if count > limits.entries {
      throw error(.limit("the archive has more than \(limits.entries) entries (the limit)"))
    }
    let dialect = tar.dialect
    let rawName = attributes.sparseName ?? attributes.path ?? attributes.longName ?? headerName(tar, dialect)
    name = rawName
    let kind = try kind(flag, rawName)
    if flag == UInt8(ascii: "D") { notice("\"\(displayed(rawName))\" is from an incremental dump") }
    var entry = Entry(try path(rawName), kind)
    entry.mode = UInt16(truncatingIfNeeded: try number(tar, .mode) & 0o7777)
    entry.user = try owner(attributes.user, tar, .user)
    entry.group = try owner(attributes.group, tar, .group)
    if dialect != .v7 {
      entry.userName = attributes.userName ?? tar.text(.userName)
      entry.groupName = attributes.groupName ?? tar.text(.groupName)
    }
    entry.modified = try attributes.modified ?? Timestamp(seconds: number(tar, .modified))
    let rawLink = attributes.linkPath ?? attributes.longLink ?? tar.text(.link)
    let stored = try attributes.size ?? unsigned(tar, .size)
    extents = []
    extentIndex = 0

    switch kind {
    case .file:
      storedLeft = stored
      padding = Self.padding(stored)
      entry.size = stored
      if flag == UInt8(ascii: "S") || attributes.isSparse {
        entry.size = try readSparseMap(tar, attributes, oldFormat: flag == UInt8(ascii: "S"))
      } else if stored > 0 {
        extents = [DataExtent(offset: 0, count: stored)]
      }
      size = entry.size
      dataOffset = stream.offset
      let (total, overflow) = totalSize.addingReportingOverflow(size)
      if overflow || total > limits.totalSize {
        throw error(.limit("the files are over the limit of \(limits.totalSize) bytes together"))
      }
      totalSize = total
    case .hardlink:
      // Some writers store the data again, some only say how much it would be.
      entry.hardlinkTarget = try path(rawLink)
      if entry.hardlinkTarget?.isRoot == true { throw error(.entry("a hardlink to the root directory")) }
      if attributes.size ?? 0 > 0 || (stored > 0 && dialect == .ustar && attributes.isPax) {
        try skip(stored)
      }
    case .symlink:
      guard !rawLink.isEmpty, !rawLink.contains(0) else { throw error(.entry("a symlink without a target")) }
      guard rawLink.count <= limits.pathLength else {
        throw error(
          .limit("a link target of \(rawLink.count) bytes is over the limit of \(limits.pathLength)"))
      }
      entry.linkTarget = rawLink
    case .characterDevice, .blockDevice:
      entry.deviceMajor = try device(attributes.deviceMajor, tar, .deviceMajor)
      entry.deviceMinor = try device(attributes.deviceMinor, tar, .deviceMinor)
    case .directory:
      // GNU's dumps list the directory; a size in the header of other directories means nothing.
      if flag == UInt8(ascii: "D") { try skip(stored) }
    case .fifo:
      break
    }
    if kind != .file, kind != .hardlink, flag != UInt8(ascii: "D"), attributes.size ?? 0 > 0 {
      throw error(.extendedHeader("a size for something that has no data"))
    }
    if entry.path.isRoot, kind != .directory {
      throw error(.entry("the root of the tree is not a directory"))
    }
    entry.attributes = try extendedAttributes(attributes)
    return entry
  }

  private func headerName(_ tar: TarHeader, _ dialect: TarHeader.Dialect) -> [UInt8] {
    let name = tar.text(.name)
    let prefix: [UInt8] =
      switch dialect {
      case .ustar: tar.text(.prefix)
      case .star: tar.text(.starPrefix)
      case .gnu, .v7: []
      }
    return prefix.isEmpty ? name : prefix + [0x2f] + name
  }

  private func kind(_ flag: UInt8, _ name: [UInt8]) throws -> EntryKind {
    switch flag {
    case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
      // v7 had no directories but names that end in a slash.
      return name.last == 0x2f ? .directory : .file
    case UInt8(ascii: "S"): return .file
    case UInt8(ascii: "1"): return .hardlink
    case UInt8(ascii: "2"): return .symlink
    case UInt8(ascii: "3"): return .characterDevice
    case UInt8(ascii: "4"): return .blockDevice
    case UInt8(ascii: "5"), UInt8(ascii: "D"): return .directory
    case UInt8(ascii: "6"): return .fifo
    default: throw error(.unsupportedType(flag))
    }
  }

  private func path(_ bytes: [UInt8]) throws -> EntryPath {
    if bytes.isEmpty { throw error(.entry("an entry or link without a name")) }
    guard bytes.count <= limits.pathLength else {
      throw error(.limit("a path of \(bytes.count) bytes is over the limit of \(limits.pathLength)"))
    }
    let path: EntryPath
    do { path = try EntryPath(normalising: bytes) } catch { throw self.error(.path(error)) }
    guard path.depth <= limits.pathDepth else {
      throw error(.limit("a path of \(path.depth) parts is over the limit of \(limits.pathDepth)"))
    }
    return path
  }

  private func owner(_ value: UInt64?, _ tar: TarHeader, _ field: TarHeader.Field) throws -> UInt32 {
    // 2^32-1 is -1 to chown, which means "leave it".
    guard let number = try UInt32(exactly: value ?? unsigned(tar, field)), number != UInt32.max else {
      throw error(.number(field: field.name))
    }
    return number
  }

  private func device(_ value: UInt64?, _ tar: TarHeader, _ field: TarHeader.Field) throws -> UInt32 {
    guard let number = try UInt32(exactly: value ?? unsigned(tar, field)) else {
      throw error(.number(field: field.name))
    }
    return number
  }

  private func extendedAttributes(_ attributes: PaxAttributes) throws -> [ExtendedAttribute] {
    var result = attributes.extended
    do {
      for (name, text) in attributes.acls {
        if result[name] == nil { result[name] = try ACLText.binary(text) }
      }
    } catch let malformed as PaxRecords.Malformed {
      throw error(.extendedHeader(malformed.what))
    }
    return result.map { ExtendedAttribute(name: $0.key, value: $0.value) }
      .sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }

  // MARK: Sparse files

  /// Reads the map of a sparse file; gives its full size.
  private func readSparseMap(_ tar: TarHeader, _ attributes: PaxAttributes, oldFormat: Bool) throws -> UInt64
  {
    var map = SparseMap(limit: limits.sparseExtents)
    let full: UInt64
    do {
      if oldFormat {
        full = try attributes.sparseSize ?? unsigned(tar, .realSize)
        var more = try map.append(oldHeader: tar.block)
        while more {
          guard let block = try stream.take(TarHeader.blockSize) else {
            throw error(.truncated("a sparse map"))
          }
          more = try map.append(oldExtension: block)
        }
      } else if attributes.sparseMajor == 1 {
        guard let size = attributes.sparseSize else { throw SparseMap.Malformed(what: "no real size") }
        full = size
        try readMapInData(&map)
      } else {
        guard let size = attributes.sparseSize else { throw SparseMap.Malformed(what: "no real size") }
        full = size
        try map.append(pairs: attributes.sparsePairs)
      }
      extents = try map.finish(size: full, stored: storedLeft)
    } catch let malformed as SparseMap.Malformed {
      throw error(.sparse(malformed.what))
    } catch let bad as TarHeader.BadNumber {
      throw error(.number(field: bad.field))
    }
    return full
  }

  /// GNU's format 1.0: decimal lines before the data, padded to whole blocks.
  private func readMapInData(_ map: inout SparseMap) throws {
    var lines = SparseMap.Lines()
    while !lines.isComplete {
      guard storedLeft >= 512, let block = try stream.take(TarHeader.blockSize) else {
        throw SparseMap.Malformed(what: "it is longer than the entry")
      }
      storedLeft -= 512
      try lines.append(block, limit: limits.sparseExtents)
    }
    try map.append(pairs: lines.numbers)
  }
}
