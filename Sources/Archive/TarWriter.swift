import Posix

/// Writes POSIX pax tar: the bytes of a layer.
///
/// The bytes depend on nothing but the entries: extended headers stand only where a header's own fields
/// don't suffice, their records in bytewise order, without process ids or times of their own. Files are
/// written in full. Extended attributes are `SCHILY.xattr.` records, as image tools read them.
public final class TarWriter {
  private let output: (UnsafeRawBufferPointer) throws -> Void
  private var left: UInt64 = 0
  private var padding = 0
  private var name: [UInt8] = []
  /// The bytes written so far.
  public private(set) var offset: UInt64 = 0

  /// Writes to `output`, which gets the bytes in order in pieces of any size.
  public init(output: @escaping (UnsafeRawBufferPointer) throws -> Void) { self.output = output }

  /// Writes an entry and, for a file, the data of the source's current one.
  ///
  /// - Parameter buffer: what the data go through.
  /// - Throws: what `source` throws, and what `add` and `write` throw.
  public func add(
    _ entry: Entry, dataOf source: any EntrySource, _ buffer: UnsafeMutableRawBufferPointer
  ) throws {
    try add(entry)
    if entry.kind != .file { return }
    while case let count = try source.read(into: buffer), count > 0 {
      try write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }

  /// Starts an entry; a file's data follows by `write`.
  ///
  /// - Throws: `ArchiveError` when the data of the entry before is not complete.
  public func add(_ entry: Entry) throws {
    try endEntry()
    try emit(Self.header(entry))
    name = entry.path.bytes
    left = entry.kind == .file ? entry.size : 0
    padding = Int(TarReader.padding(left))
    if left == 0 { try endEntry() }
  }

  /// Writes data of the current file: in all exactly as many bytes as its entry says.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard UInt64(bytes.count) <= left else {
      throw ArchiveError(.entry("more data than the size of the file"), entry: name, offset: offset)
    }
    left -= UInt64(bytes.count)
    offset += UInt64(bytes.count)
    try output(bytes)
  }

  /// Ends the archive.
  public func finish() throws {
    try endEntry()
    try emit([UInt8](repeating: 0, count: 2 * TarHeader.blockSize))
  }

  private func endEntry() throws {
    guard left == 0 else {
      throw ArchiveError(.entry("less data than the size of the file"), entry: name, offset: offset)
    }
    if padding > 0 { try emit([UInt8](repeating: 0, count: padding)) }
    padding = 0
  }

  private func emit(_ bytes: [UInt8]) throws {
    offset += UInt64(bytes.count)
    try bytes.withUnsafeBytes { try output($0) }
  }

  // MARK: Headers

  /// The header blocks of an entry, its extended header included.
  public static func header(_ entry: Entry) -> [UInt8] {
    var block = Block()
    var records: [(key: [UInt8], value: [UInt8])] = []
    func record(_ key: String, _ value: [UInt8]) { records.append((Array(key.utf8), value)) }

    var path = entry.path.bytes
    if entry.path.isRoot { path = [0x2e, 0x2f] } else if entry.kind == .directory { path.append(0x2f) }
    if !block.setName(path) {
      record("path", path)
      block.set(.name, Array(path.prefix(100)))
    }
    let link = entry.kind == .symlink ? entry.linkTarget : entry.hardlinkTarget?.bytes ?? []
    if link.count > 100 { record("linkpath", link) }
    block.set(.link, Array(link.prefix(100)))
    block.set(.mode, octal: UInt64(entry.mode))
    for (field, key, value) in [
      (TarHeader.Field.user, "uid", entry.user), (TarHeader.Field.group, "gid", entry.group),
    ] {
      if !block.set(field, octal: UInt64(value)) { record(key, Array(String(value).utf8)) }
    }
    for (field, key, value) in [
      (TarHeader.Field.userName, "uname", entry.userName),
      (TarHeader.Field.groupName, "gname", entry.groupName),
    ] {
      if value.count > 31 { record(key, value) } else { block.set(field, value) }
    }
    let size = entry.kind == .file ? entry.size : 0
    if !block.set(.size, octal: size) { record("size", Array(String(size).utf8)) }
    let time = entry.modified
    let fits = time.seconds >= 0 && block.set(.modified, octal: UInt64(time.seconds))
    if !fits { block.set(.modified, octal: 0) }
    if !fits || time.nanoseconds != 0 { record("mtime", PaxRecords.text(time)) }
    if entry.kind == .characterDevice || entry.kind == .blockDevice {
      for (field, key, value) in [
        (TarHeader.Field.deviceMajor, "SCHILY.devmajor", entry.deviceMajor),
        (TarHeader.Field.deviceMinor, "SCHILY.devminor", entry.deviceMinor),
      ] {
        if !block.set(field, octal: UInt64(value)) { record(key, Array(String(value).utf8)) }
      }
    } else {
      block.set(.deviceMajor, octal: 0)
      block.set(.deviceMinor, octal: 0)
    }
    for attribute in entry.attributes {
      records.append((Array("SCHILY.xattr.".utf8) + encoded(attribute.name), attribute.value))
    }
    block.finish(typeFlag(entry.kind))
    if records.isEmpty { return block.bytes }

    records.sort { $0.key.lexicographicallyPrecedes($1.key) }
    var body: [UInt8] = []
    for (key, value) in records { PaxRecords.append(key, value, to: &body) }
    var extended = Block()
    extended.set(
      .name, Array(("PaxHeaders/".utf8 + (entry.path.isRoot ? [0x2e] : entry.path.name)).prefix(100)))
    extended.set(.mode, octal: 0o644)
    for field in [
      TarHeader.Field.user, .group, .modified, .deviceMajor, .deviceMinor,
    ] { extended.set(field, octal: 0) }
    extended.set(.size, octal: UInt64(body.count))
    extended.finish(UInt8(ascii: "x"))
    body.append(contentsOf: repeatElement(0, count: Int(TarReader.padding(UInt64(body.count)))))
    return extended.bytes + body + block.bytes
  }

  private static func encoded(_ name: [UInt8]) -> [UInt8] {
    guard name.contains(0x3d) || name.contains(0x25) else { return name }
    return name.flatMap { byte -> [UInt8] in
      switch byte {
      case 0x3d: Array("%3D".utf8)
      case 0x25: Array("%25".utf8)
      default: [byte]
      }
    }
  }

  private static func typeFlag(_ kind: EntryKind) -> UInt8 {
    switch kind {
    case .file: UInt8(ascii: "0")
    case .hardlink: UInt8(ascii: "1")
    case .symlink: UInt8(ascii: "2")
    case .characterDevice: UInt8(ascii: "3")
    case .blockDevice: UInt8(ascii: "4")
    case .directory: UInt8(ascii: "5")
    case .fifo: UInt8(ascii: "6")
    }
  }

  /// A ustar header being filled in.
  private struct Block {
    var bytes = [UInt8](repeating: 0, count: TarHeader.blockSize)

    mutating func set(_ field: TarHeader.Field, _ value: [UInt8]) {
      bytes.replaceSubrange(field.range.lowerBound..<(field.range.lowerBound + value.count), with: value)
    }

    /// A number with leading zeros and a NUL; false, and 0 written, when it has too many digits.
    @discardableResult
    mutating func set(_ field: TarHeader.Field, octal value: UInt64) -> Bool {
      let width = field.range.count - 1
      var rest = value
      for index in stride(from: field.range.lowerBound + width - 1, through: field.range.lowerBound, by: -1) {
        bytes[index] = 0x30 + UInt8(rest & 7)
        rest >>= 3
      }
      if rest == 0 { return true }
      set(field, [UInt8](repeating: 0x30, count: width))
      return false
    }

    /// The name, split at a slash into prefix and name where it must be.
    mutating func setName(_ path: [UInt8]) -> Bool {
      if path.count <= 100 {
        set(.name, path)
        return true
      }
      // The name must not be empty, so the slash at a directory's end is no place to split.
      guard path.count <= 256 else { return false }
      let earliest = path.count - 101
      guard
        let slash = path[earliest..<(path.count - 1)].firstIndex(of: 0x2f), slash > 0, slash <= 155
      else { return false }
      set(.prefix, Array(path[..<slash]))
      set(.name, Array(path[(slash + 1)...]))
      return true
    }

    mutating func finish(_ flag: UInt8) {
      bytes[TarHeader.typeFlag] = flag
      set(.magic, Array("ustar\u{0}00".utf8))
      set(.checksum, Array("        ".utf8))
      let sum = bytes.reduce(0) { $0 + Int($1) }
      let digits = String(sum, radix: 8)
      set(.checksum, Array((String(repeating: "0", count: 6 - digits.utf8.count) + digits + "\u{0} ").utf8))
    }
  }
}
