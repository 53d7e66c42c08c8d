/// One 512-byte header block of a tar archive: fields and numbers, nothing of what they mean.
///
/// POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
struct TarHeader {
  /// The size of blocks in every tar.
  static let blockSize = 512

  /// A part of the block.
  struct Field {
    var range: Range<Int>
    var name: String

    static let name = Field(range: 0..<100, name: "name")
    static let mode = Field(range: 100..<108, name: "mode")
    static let user = Field(range: 108..<116, name: "user number")
    static let group = Field(range: 116..<124, name: "group number")
    static let size = Field(range: 124..<136, name: "size")
    static let modified = Field(range: 136..<148, name: "modification time")
    static let checksum = Field(range: 148..<156, name: "checksum")
    static let link = Field(range: 157..<257, name: "link target")
    static let magic = Field(range: 257..<265, name: "magic")
    static let userName = Field(range: 265..<297, name: "user name")
    static let groupName = Field(range: 297..<329, name: "group name")
    static let deviceMajor = Field(range: 329..<337, name: "device major number")
    static let deviceMinor = Field(range: 337..<345, name: "device minor number")
    static let prefix = Field(range: 345..<500, name: "name prefix")
    /// star's form has a shorter prefix, and times behind it.
    static let starPrefix = Field(range: 345..<476, name: "name prefix")
    static let realSize = Field(range: 483..<495, name: "real size")
  }

  /// The position of the type flag.
  static let typeFlag = 156

  /// Which family of tar wrote a header.
  enum Dialect {
    case v7
    case ustar
    case star
    case gnu
  }

  let block: UnsafeRawBufferPointer

  var isZero: Bool {
    let words = block.assumingMemoryBound(to: UInt8.self)
    return words.allSatisfy { $0 == 0 }
  }

  /// Whether the checksum is right, as bytes without sign or, from old writers, with sign.
  var hasValidChecksum: Bool {
    guard let stated = try? octal(.checksum), stated >= 0 else { return false }
    var unsigned: Int64 = 0
    var signed: Int64 = 0
    for index in 0..<Self.blockSize {
      let byte = Field.checksum.range.contains(index) ? 0x20 : block[index]
      unsigned += Int64(byte)
      signed += Int64(Int8(bitPattern: byte))
    }
    return stated == unsigned || stated == signed
  }

  var dialect: Dialect {
    let magic = bytes(.magic)
    if magic.elementsEqual("ustar  \0".utf8) { return .gnu }
    if magic.prefix(5).elementsEqual("ustar".utf8) {
      return block[508..<512].elementsEqual("tar\0".utf8) ? .star : .ustar
    }
    return .v7
  }

  func bytes(_ field: Field) -> Slice<UnsafeRawBufferPointer> { block[field.range] }

  /// The bytes of a field up to its first NUL.
  func text(_ field: Field) -> [UInt8] { Array(bytes(field).prefix { $0 != 0 }) }

  struct BadNumber: Error {
    var field: String
  }

  /// A number in octal, or in base 256 when the first bit is set (GNU); a blank field is 0.
  func number(_ field: Field) throws(BadNumber) -> Int64 {
    try Self.number(block, field.range, named: field.name)
  }

  static func number(
    _ block: UnsafeRawBufferPointer, _ range: Range<Int>, named name: String
  ) throws(BadNumber) -> Int64 {
    let first = block[range.lowerBound]
    if first & 0x80 == 0 { return try octal(block, range, named: name) }
    // Base 256, two's complement with the first bit taken by the marker.
    var value: Int64 = first & 0x40 != 0 ? -1 : 0
    for (index, byte) in block[range].enumerated() {
      let digit = index == 0 ? (first & 0x40 != 0 ? byte | 0x80 : byte & 0x3f) : byte
      let (shifted, overflow) = value.multipliedReportingOverflow(by: 256)
      if overflow { throw BadNumber(field: name) }
      value = shifted | Int64(digit)
    }
    return value
  }

  private func octal(_ field: Field) throws(BadNumber) -> Int64 {
    try Self.octal(block, field.range, named: field.name)
  }

  private static func octal(
    _ block: UnsafeRawBufferPointer, _ range: Range<Int>, named name: String
  ) throws(BadNumber) -> Int64 {
    var index = range.lowerBound
    while index < range.upperBound, block[index] == 0x20 || block[index] == 0 { index += 1 }
    var value: Int64 = 0
    while index < range.upperBound, case let byte = block[index], byte != 0x20, byte != 0 {
      guard byte >= 0x30, byte <= 0x37 else { throw BadNumber(field: name) }
      value = value << 3 | Int64(byte - 0x30)
      index += 1
    }
    // What follows a number is only space.
    while index < range.upperBound {
      guard block[index] == 0x20 || block[index] == 0 else { throw BadNumber(field: name) }
      index += 1
    }
    return value
  }
}
