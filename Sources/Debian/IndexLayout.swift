import Digest

/// How a parsed index lies in memory and in its cache file: a header, four tables of little 32-bit
/// numbers, and the text of `Packages` as it was.
///
/// ```
/// header     64 bytes: magic, counts, the size of the text, SHA-256 of the tables
/// records    32 bytes each: one paragraph
/// names      16 bytes each: one name, in the order in which the names first appear
/// providers   8 bytes each: one entry of a Provides field, in a list for each name
/// table       4 bytes each: open addressing from a name's hash to its number plus one
/// text       the bytes of Packages
/// ```
struct IndexLayout {
  static let magic: [UInt8] = Array("GBINDEX2".utf8)
  static let headerSize = 64
  static let recordSize = 32
  static let nameSize = 16
  static let providerSize = 8

  var records: Int
  var names: Int
  var providers: Int
  /// A power of two.
  var slots: Int
  var text: Int

  var recordsStart: Int { Self.headerSize }
  var namesStart: Int { recordsStart + records * Self.recordSize }
  var providersStart: Int { namesStart + names * Self.nameSize }
  var slotsStart: Int { providersStart + providers * Self.providerSize }
  var textStart: Int { slotsStart + slots * 4 }
  var size: Int { textStart + text }

  /// The header of `bytes`; nil when it is none, or does not fit them.
  static func read(_ bytes: UnsafeRawBufferPointer) -> IndexLayout? {
    guard bytes.count >= headerSize, bytes.prefix(8).elementsEqual(magic) else { return nil }
    func number(_ index: Int) -> Int {
      Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 + index * 4, as: UInt32.self)))
    }
    let layout = IndexLayout(
      records: number(0), names: number(1), providers: number(2), slots: number(3), text: number(4))
    guard number(5) == 0, layout.size == bytes.count, layout.slots > layout.names,
      layout.slots & (layout.slots - 1) == 0
    else { return nil }
    let tables = UnsafeRawBufferPointer(rebasing: bytes[headerSize..<layout.textStart])
    guard checksum(tables) == Array(bytes[32..<64]) else { return nil }
    return layout
  }

  func header(tables: UnsafeRawBufferPointer) -> [UInt8] {
    var header = Self.magic
    for number in [records, names, providers, slots, text, 0] {
      withUnsafeBytes(of: UInt32(number).littleEndian) { header += $0 }
    }
    return header + Self.checksum(tables)
  }

  private static func checksum(_ tables: UnsafeRawBufferPointer) -> [UInt8] {
    var hash = SHA256()
    hash.update(tables)
    return hash.finish().bytes
  }
}

/// What a record's word of flags holds.
struct RecordFlags {
  var bits: UInt32

  static let essential: UInt32 = 1
  static let protected: UInt32 = 2
  static let all: UInt32 = 4

  var isEssential: Bool { bits & Self.essential != 0 }
  var isProtected: Bool { bits & Self.protected != 0 }
  /// Whether the architecture is `all`.
  var isAll: Bool { bits & Self.all != 0 }
  /// The priority's number; 0 when it has none.
  var priority: UInt8 { UInt8(truncatingIfNeeded: bits >> 4 & 7) }
  var multiArch: UInt8 { UInt8(truncatingIfNeeded: bits >> 8 & 3) }
}

/// A hash of bytes for tables and for checks against damage; not against intent.
func quickHash(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  var hash: UInt64 = 0x9e37_79b9_7f4a_7c15 ^ UInt64(bytes.count)
  var index = 0
  while index + 8 <= bytes.count {
    hash =
      (hash ^ bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian)
      &* 0xff51_afd7_ed55_8ccd
    hash ^= hash >> 32
    index += 8
  }
  var rest: UInt64 = 0
  while index < bytes.count {
    rest = rest << 8 | UInt64(bytes[index])
    index += 1
  }
  hash = (hash ^ rest) &* 0xc4ce_b9fe_1a85_ec53
  return UInt32(truncatingIfNeeded: hash ^ hash >> 32)
}
