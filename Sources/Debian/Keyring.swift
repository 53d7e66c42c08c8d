/// OpenPGP keys as files hold them: binary, or in ASCII armour (RFC 4880, section 6).
public enum Keyring {
  /// Whether a file's bytes are in armour.
  public static func isArmoured(_ bytes: some Collection<UInt8>) -> Bool {
    let start = bytes.drop { $0 <= 0x20 }
    return start.starts(with: "-----BEGIN PGP PUBLIC KEY BLOCK-----".utf8)
  }

  /// The binary form of a keyring, which several can be joined in; nil when its armour is broken.
  ///
  /// The armour's CRC-24 is not checked: a broken key fails to verify.
  public static func binary(_ bytes: [UInt8]) -> [UInt8]? {
    if !isArmoured(bytes) { return bytes }
    var result: [UInt8] = []
    var isInside = false
    var isHeader = false
    for line in String(decoding: bytes, as: UTF8.self).split(
      omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" })
    {
      if line.hasPrefix("-----BEGIN PGP PUBLIC KEY BLOCK") {
        isInside = true
        isHeader = true
      } else if line.hasPrefix("-----END PGP") {
        isInside = false
      } else if isInside, isHeader {
        // Lines `Name: value`, then an empty one. A key pasted without either starts at once.
        if line.contains(":") { continue }
        isHeader = false
        if line.allSatisfy(\.isWhitespace) { continue }
        guard append(line, to: &result) else { return nil }
      } else if isInside, !line.hasPrefix("=") {
        guard append(line, to: &result) else { return nil }
      }
    }
    return isInside || result.isEmpty ? nil : result
  }

  /// One line of base64; every line but the last holds whole groups of four.
  private static func append(_ line: Substring, to result: inout [UInt8]) -> Bool {
    var bits: UInt32 = 0
    var count = 0
    for byte in line.utf8 where byte > 0x20 {
      let value: UInt8
      switch byte {
      case 0x41...0x5a: value = byte - 0x41
      case 0x61...0x7a: value = byte - 0x61 + 26
      case 0x30...0x39: value = byte - 0x30 + 52
      case 0x2b: value = 62
      case 0x2f: value = 63
      case 0x3d: continue
      default: return false
      }
      bits = bits << 6 | UInt32(value)
      count += 1
      if count % 4 == 0 {
        result += [UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 8)]
        result.append(UInt8(truncatingIfNeeded: bits))
        bits = 0
      }
    }
    switch count % 4 {
    case 0: break
    case 2: result.append(UInt8(truncatingIfNeeded: bits >> 4))
    case 3: result += [UInt8(truncatingIfNeeded: bits >> 10), UInt8(truncatingIfNeeded: bits >> 2)]
    default: return false
    }
    return true
  }
}
