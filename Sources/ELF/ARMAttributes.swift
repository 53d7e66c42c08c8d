/// The build attributes of 32-bit ARM files: "Addenda to, and Errata in, the ABI for the Arm Architecture",
/// section 3.
extension ELFReading {
  /// SHT_ARM_ATTRIBUTES.
  private static let attributesType: UInt32 = 0x7000_0003
  private static let sectionLimit = 65_535
  private static let attributesLimit: UInt32 = 1 << 16

  /// The architecture that `Tag_CPU_arch` names, as 5, 6, 7 or 8; nil where no attributes say it, as after
  /// stripping with `sstrip`, and in what Go's compiler made.
  func armArchitecture() throws -> Int? {
    let table = header.sectionHeaders
    if table.count == 0 || Int(table.entrySize) != 40 { return nil }
    // What only helps and is not there is no error: the loader doesn't look at sections.
    guard let sections = try? bytes(table.offset, 40 * UInt64(table.count), "the section header table") else {
      return nil
    }
    let place: (offset: UInt32, size: UInt32)? = fields(sections) { fields in
      for start in stride(from: 0, to: sections.count, by: 40)
      where fields.word(start + 4) == Self.attributesType {
        return (fields.word(start + 16), fields.word(start + 20))
      }
      return nil
    }
    guard let place, place.size <= Self.attributesLimit,
      let section = try? bytes(UInt64(place.offset), UInt64(place.size), "the attributes")
    else { return nil }
    return cpu(in: section).flatMap(Self.architecture)
  }

  /// The value of Tag_CPU_arch of the whole file, by the vendor "aeabi".
  private func cpu(in section: [UInt8]) -> UInt64? {
    // 'A', the length of the vendor's part, its name; then Tag_File and the length of its part.
    let vendor = Array("aeabi\0".utf8)
    guard section.count > 16, section[0] == 0x41, section[5..<11].elementsEqual(vendor), section[11] == 1
    else {
      return nil
    }
    var position = 16
    while position < section.count {
      guard let tag = Self.number(section, &position) else { return nil }
      // Tags 4, 5 and odd ones from 32 on have strings; 32 has a number and a string.
      if tag == 4 || tag == 5 || (tag > 32 && tag % 2 == 1) {
        Self.skipString(section, &position)
        continue
      }
      guard let value = Self.number(section, &position) else { return nil }
      if tag == 32 { Self.skipString(section, &position) }
      if tag == 6 { return value }
    }
    return nil
  }

  private static func number(_ bytes: [UInt8], _ position: inout Int) -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 63, by: 7) {
      guard position < bytes.count else { return nil }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }

  private static func skipString(_ bytes: [UInt8], _ position: inout Int) {
    while position < bytes.count, bytes[position] != 0 { position += 1 }
    position += 1
  }

  private static func architecture(_ value: UInt64) -> Int? {
    switch value {
    case 1...5: 5
    case 6...9, 11, 12: 6
    case 10, 13: 7
    case 14...22: 8
    default: nil
    }
  }
}
