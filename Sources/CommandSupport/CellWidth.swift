/// How many cells of a terminal a text takes: 0 for marks that combine, 2 for wide characters (Unicode
/// Standard Annex 11) and emoji, 1 for the rest. It does not depend on the locale.
func cellWidth(_ text: some StringProtocol) -> Int {
  var width = 0
  for character in text { width += cellWidth(of: character) }
  return width
}

/// `text` cut to `limit` cells, its end replaced by "…" when it is longer.
func truncated(_ text: String, to limit: Int) -> String {
  if cellWidth(text) <= limit { return text }
  var width = 0
  var result = ""
  for character in text {
    let more = cellWidth(of: character)
    if width + more > limit - 1 { break }
    width += more
    result.append(character)
  }
  return limit > 0 ? result + "…" : ""
}

private func cellWidth(of character: Character) -> Int {
  var width = 0
  for scalar in character.unicodeScalars {
    // A variation selector asks for the emoji's picture, which is wide.
    if scalar.value == 0xfe0f && width > 0 { return 2 }
    width = max(width, cellWidth(of: scalar))
  }
  return width
}

private func cellWidth(of scalar: Unicode.Scalar) -> Int {
  if scalar.value < 0x300 { return scalar.value >= 0x20 && !(0x7f..<0xa0).contains(scalar.value) ? 1 : 0 }
  switch scalar.properties.generalCategory {
  case .nonspacingMark, .enclosingMark, .format, .control: return 0
  default:
    return wideRanges.contains { $0.contains(scalar.value) } || scalar.properties.isEmojiPresentation ? 2 : 1
  }
}

private let wideRanges: [ClosedRange<UInt32>] = [
  0x1100...0x115f,  // Hangul Jamo
  0x2e80...0x303e,  // CJK radicals and punctuation
  0x3041...0xa4cf,  // kana, CJK, Yi
  0xa960...0xa97f,  // Hangul Jamo extended
  0xac00...0xd7a3,  // Hangul syllables
  0xf900...0xfaff,  // CJK compatibility
  0xfe30...0xfe6f,  // CJK compatibility forms
  0xff00...0xff60, 0xffe0...0xffe6,  // fullwidth forms
  0x20000...0x3fffd,  // CJK extensions
]
