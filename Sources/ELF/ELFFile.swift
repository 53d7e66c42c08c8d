/// What a dynamic loader wants to know of a program or library.
///
/// Nothing in the file is trusted: each offset is checked against the file's size, and each count against what
/// real files have at most.
public struct ELFFile: Sendable, Equatable {
  /// The header.
  public var header: ELFHeader
  /// The loader that the program asks for (`PT_INTERP`); nil for static programs and for most libraries.
  public var interpreter: [UInt8]?
  /// What its dynamic section says; nil when it has none.
  public var dynamic: ELFDynamic?
  /// What an ARM file's attributes say is the oldest architecture that it runs on, as 6 or 7.
  public var armArchitecture: Int?

  /// Whether the kernel runs it without a loader, libraries or both.
  public var isStatic: Bool { interpreter == nil && (dynamic?.needed.isEmpty ?? true) }

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - size: the file's size in bytes.
  ///   - read: gives exactly so many bytes from an offset; it is never asked for any beyond `size`.
  /// - Throws: `ELFError`, and what `read` throws.
  public init(size: UInt64, read: (_ offset: UInt64, _ count: Int) throws -> [UInt8]) throws {
    let start = try read(0, Int(min(size, UInt64(ELFHeader.size))))
    guard start.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { throw ELFError.notELF }
    guard let header = start.withUnsafeBytes({ ELFHeader($0) }) else {
      throw size < 64
        ? ELFError.truncated("the header") : ELFError.malformed("an unknown class, byte order or version")
    }
    self.header = header
    (interpreter, dynamic, armArchitecture) = try withoutActuallyEscaping(read) { read in
      let file = ELFReading(header: header, size: size, read: read)
      let segments = try file.segments()
      return (
        try segments.first { $0.type == ELFSegment.interpreter }.map { try file.interpreter($0) },
        try segments.first { $0.type == ELFSegment.dynamic }.map {
          try file.dynamic($0, loaded: segments.filter { $0.type == ELFSegment.load })
        }, header.processor == .arm ? try file.armArchitecture() : nil
      )
    }
  }
}

/// What the dynamic section says: System V gABI, chapter 5, "Dynamic Section".
public struct ELFDynamic: Sendable, Equatable {
  /// The libraries that must be loaded, in order (`DT_NEEDED`).
  public var needed: [[UInt8]] = []
  /// The library's own name (`DT_SONAME`).
  public var soname: [UInt8]?
  /// Where its libraries and theirs are searched (`DT_RPATH`).
  public var rpath: [UInt8]?
  /// Where its own libraries are searched (`DT_RUNPATH`).
  public var runpath: [UInt8]?
  /// `DT_FLAGS_1`.
  public var flags1: UInt64 = 0

  /// Whether the default folders and the loader's cache are left out (`DF_1_NODEFLIB`).
  public var excludesDefaultFolders: Bool { flags1 & 0x800 != 0 }

  /// The table of its strings, which also has the versions of symbols.
  public var strings: ELFStrings
}

/// The strings of a dynamic section.
public struct ELFStrings: Sendable, Equatable {
  /// Where the table is in the file.
  public var offset: UInt64
  /// Its bytes.
  public var size: UInt64
}

struct ELFSegment {
  static let load: UInt32 = 1
  static let dynamic: UInt32 = 2
  static let interpreter: UInt32 = 3

  var type: UInt32
  var offset: UInt64
  var address: UInt64
  var size: UInt64
}

/// Reading the tables of one file.
struct ELFReading {
  let header: ELFHeader
  let size: UInt64
  let read: (UInt64, Int) throws -> [UInt8]

  private static let pathLimit: UInt64 = 4096
  private static let dynamicLimit: UInt64 = 1 << 20
  private static let neededLimit = 4096
  private static let segmentLimit = 4096

  private var is64: Bool { header.fileClass == .bits64 }

  func bytes(_ offset: UInt64, _ count: UInt64, _ what: String) throws -> [UInt8] {
    let (end, isTooFar) = offset.addingReportingOverflow(count)
    if isTooFar || end > size { throw ELFError.truncated(what) }
    let bytes = try read(offset, Int(count))
    if bytes.count != Int(count) { throw ELFError.truncated(what) }
    return bytes
  }

  private func table(_ table: ELFHeader.Table, entry: Int, limit: Int, _ what: String) throws -> [UInt8] {
    if table.count == 0 { return [] }
    if Int(table.entrySize) != entry {
      throw ELFError.malformed("entries of \(what) of \(table.entrySize) bytes")
    }
    if Int(table.count) > limit { throw ELFError.limit("\(what) has \(table.count) entries") }
    return try bytes(table.offset, UInt64(entry) * UInt64(table.count), what)
  }

  func fields<Result>(_ bytes: [UInt8], _ body: (Fields) throws -> Result) rethrows -> Result {
    try bytes.withUnsafeBytes { try body(Fields($0, isLittleEndian: header.isLittleEndian, is64: is64)) }
  }

  func segments() throws -> [ELFSegment] {
    let entry = is64 ? 56 : 32
    let bytes = try table(
      header.programHeaders, entry: entry, limit: Self.segmentLimit, "the program header table")
    return fields(bytes) { fields in
      stride(from: 0, to: bytes.count, by: entry).map { start in
        ELFSegment(
          type: fields.word(start), offset: fields.address(start + (is64 ? 8 : 4)),
          address: fields.address(start + (is64 ? 16 : 8)), size: fields.address(start + (is64 ? 32 : 16)))
      }
    }
  }

  func interpreter(_ segment: ELFSegment) throws -> [UInt8] {
    if segment.size > Self.pathLimit {
      throw ELFError.limit("its interpreter's name has \(segment.size) bytes")
    }
    let bytes = try bytes(segment.offset, segment.size, "the interpreter's name")
    guard let end = bytes.firstIndex(of: 0) else {
      throw ELFError.malformed("an interpreter's name without an end")
    }
    if end == 0 { throw ELFError.malformed("an empty interpreter's name") }
    return Array(bytes[..<end])
  }

  func dynamic(_ segment: ELFSegment, loaded: [ELFSegment]) throws -> ELFDynamic {
    if segment.size > Self.dynamicLimit {
      throw ELFError.limit("its dynamic section has \(segment.size) bytes")
    }
    let bytes = try bytes(segment.offset, segment.size, "the dynamic section")
    var needed: [UInt64] = []
    var values: [UInt64: UInt64] = [:]
    let entry = is64 ? 16 : 8
    try fields(bytes) { fields in
      var start = 0
      while start + entry <= bytes.count {
        let tag = fields.address(start)
        let value = fields.address(start + entry / 2)
        if tag == 0 { break }
        if tag == 1 { needed.append(value) } else { values[tag] = value }
        start += entry
      }
      if needed.count > Self.neededLimit { throw ELFError.limit("it needs \(needed.count) libraries") }
    }
    let strings = try strings(at: values[5], size: values[10], loaded: loaded)
    var dynamic = ELFDynamic(strings: strings)
    dynamic.needed = try needed.map { try string($0, in: strings) }
    dynamic.soname = try values[14].map { try string($0, in: strings) }
    dynamic.rpath = try values[15].map { try string($0, in: strings) }
    dynamic.runpath = try values[29].map { try string($0, in: strings) }
    dynamic.flags1 = values[0x6fff_fffb] ?? 0
    return dynamic
  }

  /// DT_STRTAB is an address in memory; the segment that is loaded there says where it is in the file.
  private func strings(at address: UInt64?, size count: UInt64?, loaded: [ELFSegment]) throws -> ELFStrings {
    guard let address, let count else { return ELFStrings(offset: 0, size: 0) }
    let holder = loaded.first { address >= $0.address && address - $0.address < $0.size }
    guard let holder else { throw ELFError.malformed("a table of strings that is in no segment") }
    let (offset, isTooFar) = holder.offset.addingReportingOverflow(address - holder.address)
    let (end, isTooLong) = offset.addingReportingOverflow(count)
    if isTooFar || isTooLong || end > size { throw ELFError.truncated("the table of strings") }
    return ELFStrings(offset: offset, size: count)
  }

  private func string(_ index: UInt64, in strings: ELFStrings) throws -> [UInt8] {
    guard index < strings.size else { throw ELFError.malformed("a name outside of the table of strings") }
    let count = min(strings.size - index, Self.pathLimit * 16)
    // Names are short; read more only for the rare long one.
    for part in [min(count, 256), count] {
      let bytes = try bytes(strings.offset + index, part, "the table of strings")
      if let end = bytes.firstIndex(of: 0) { return Array(bytes[..<end]) }
    }
    throw ELFError.malformed("a name without an end")
  }
}
