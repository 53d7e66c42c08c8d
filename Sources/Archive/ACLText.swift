/// POSIX ACLs from the text that tar archives hold to the bytes that the kernel takes.
///
/// Text as acl(5), "ACL text forms", where star's fourth field is the number of a named user or group;
/// bytes as Linux's `posix_acl_xattr.h`.
enum ACLText {
  /// The value of `system.posix_acl_access` or `system.posix_acl_default` for `text`.
  static func binary(_ text: [UInt8]) throws -> [UInt8] {
    struct Item {
      var tag: UInt16
      var permissions: UInt16
      var identifier: UInt32
    }
    var items: [Item] = []
    for line in text.split(whereSeparator: { $0 == 0x0a || $0 == 0x2c }) {
      let comment = line.prefix { $0 != 0x23 }
      let trimmed = comment.filter { $0 != 0x20 && $0 != 0x09 }
      if trimmed.isEmpty { continue }
      let fields = trimmed.split(separator: 0x3a, omittingEmptySubsequences: false)
      guard fields.count >= 3 else { throw malformed("an ACL line without three fields") }
      let named = !fields[1].isEmpty
      let tag: UInt16
      switch String(decoding: fields[0], as: UTF8.self) {
      case "user", "u": tag = named ? 0x02 : 0x01
      case "group", "g": tag = named ? 0x08 : 0x04
      case "mask", "m": tag = 0x10
      case "other", "o": tag = 0x20
      default: throw malformed("an ACL line that names neither user, group, mask nor other")
      }
      var permissions: UInt16 = 0
      for byte in fields[2] {
        switch byte {
        case UInt8(ascii: "r"): permissions |= 4
        case UInt8(ascii: "w"): permissions |= 2
        case UInt8(ascii: "x"): permissions |= 1
        case UInt8(ascii: "-"): break
        default: throw malformed("ACL permissions that are not of r, w, x and -")
        }
      }
      var identifier = UInt32.max
      if tag == 0x02 || tag == 0x08 {
        // A name means something only on the machine that wrote it: the number is what counts.
        let digits = fields.count > 3 && !fields[3].isEmpty ? fields[3] : fields[1]
        guard let number = UInt32(String(decoding: digits, as: UTF8.self)) else {
          throw malformed(
            "an ACL names a user or group without its number (bsdtar writes it, GNU tar may not)")
        }
        identifier = number
      }
      items.append(Item(tag: tag, permissions: permissions, identifier: identifier))
    }
    // The kernel wants them by tag, then by number.
    items.sort { ($0.tag, $0.identifier) < ($1.tag, $1.identifier) }
    var bytes: [UInt8] = [2, 0, 0, 0]
    for item in items {
      withUnsafeBytes(of: item.tag.littleEndian) { bytes.append(contentsOf: $0) }
      withUnsafeBytes(of: item.permissions.littleEndian) { bytes.append(contentsOf: $0) }
      withUnsafeBytes(of: item.identifier.littleEndian) { bytes.append(contentsOf: $0) }
    }
    return bytes
  }

  private static func malformed(_ what: String) -> PaxRecords.Malformed { PaxRecords.Malformed(what: what) }
}
