/// A JSON array of strings at the start of a line, read as Go's decoder does for docker: what follows
/// the array doesn't count.
enum StringArray {
  enum Outcome {
    /// An array of strings.
    case strings([String])
    /// An array of valid JSON that holds something else as well.
    case otherElements
    /// No valid JSON array.
    case noArray
  }

  static func parse(_ scalars: ArraySlice<Unicode.Scalar>) -> Outcome {
    var reader = Reader(scalars: scalars, position: scalars.startIndex)
    guard reader.skipSpace() == "[" else { return .noArray }
    reader.position += 1
    var strings: [String] = []
    var isPure = true
    if reader.skipSpace() == "]" { return .strings([]) }
    while true {
      if reader.skipSpace() == "\"" {
        guard let string = reader.string() else { return .noArray }
        strings.append(string)
      } else {
        guard reader.skipValue(depth: 0) else { return .noArray }
        isPure = false
      }
      switch reader.skipSpace() {
      case ",": reader.position += 1
      case "]": return isPure ? .strings(strings) : .otherElements
      default: return .noArray
      }
    }
  }

  private struct Reader {
    let scalars: ArraySlice<Unicode.Scalar>
    var position: Int

    var next: Unicode.Scalar? { position < scalars.endIndex ? scalars[position] : nil }

    mutating func skipSpace() -> Unicode.Scalar? {
      while let scalar = next, [" ", "\t", "\n", "\r"].contains(scalar) { position += 1 }
      return next
    }

    mutating func string() -> String? {
      position += 1
      var text = String.UnicodeScalarView()
      while let scalar = next {
        position += 1
        switch scalar {
        case "\"": return String(text)
        case "\\":
          guard let escaped = escape() else { return nil }
          text.append(escaped)
        case let scalar where scalar.value < 0x20: return nil
        default: text.append(scalar)
        }
      }
      return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
      guard let letter = next else { return nil }
      position += 1
      switch letter {
      case "\"", "\\", "/": return letter
      case "b": return "\u{8}"
      case "f": return "\u{c}"
      case "n": return "\n"
      case "r": return "\r"
      case "t": return "\t"
      case "u":
        guard let first = hexadecimal() else { return nil }
        if let scalar = Unicode.Scalar(first) { return scalar }
        let mark = position
        guard first < 0xdc00, next == "\\", position + 1 < scalars.endIndex, scalars[position + 1] == "u"
        else {
          return "\u{fffd}"
        }
        position += 2
        guard let second = hexadecimal() else { return nil }
        if (0xdc00...0xdfff).contains(second) {
          return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
        }
        // Half of a pair becomes the replacement character; the second escape stands for itself.
        position = mark
        return "\u{fffd}"
      default: return nil
      }
    }

    private mutating func hexadecimal() -> UInt32? {
      guard position + 4 <= scalars.endIndex else { return nil }
      var value: UInt32 = 0
      for _ in 0..<4 {
        guard scalars[position].isASCII, let digit = Character(scalars[position]).hexDigitValue else {
          return nil
        }
        value = value << 4 | UInt32(digit)
        position += 1
      }
      return value
    }

    /// Skips any valid value, to tell an array of other things from a line for the shell.
    mutating func skipValue(depth: Int) -> Bool {
      if depth > 100 { return false }
      switch skipSpace() {
      case "\"": return string() != nil
      case "[": return skipList(closing: "]", named: false, depth: depth)
      case "{": return skipList(closing: "}", named: true, depth: depth)
      default:
        let start = position
        while let scalar = next, scalar.isASCII,
          scalar.properties.isAlphabetic || "+-.0123456789".unicodeScalars.contains(scalar)
        { position += 1 }
        let text = String(String.UnicodeScalarView(scalars[start..<position]))
        return ["true", "false", "null"].contains(text) || isNumber(text)
      }
    }

    private mutating func skipList(closing: Unicode.Scalar, named: Bool, depth: Int) -> Bool {
      position += 1
      if skipSpace() == closing {
        position += 1
        return true
      }
      while true {
        if named {
          guard skipSpace() == "\"", string() != nil, skipSpace() == ":" else { return false }
          position += 1
        }
        guard skipValue(depth: depth + 1) else { return false }
        switch skipSpace() {
        case ",": position += 1
        case closing:
          position += 1
          return true
        default: return false
        }
      }
    }

    private func isNumber(_ text: String) -> Bool {
      let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
      guard let first = digits.first, first.isASCII, first.isNumber, digits.last?.isNumber == true else {
        return false
      }
      if digits.count > 1, first == "0", digits.dropFirst().first?.isNumber == true { return false }
      return !digits.contains("x") && !text.contains(".e") && Double(text) != nil
    }
  }
}
