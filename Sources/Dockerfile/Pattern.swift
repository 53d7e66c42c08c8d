/// A shell pattern of `?`, `*` and literal characters, as `${NAME#PATTERN}` and its relatives use it.
struct Pattern {
  private enum Part {
    case one
    case any
    case literal(Unicode.Scalar)
  }

  private let parts: [Part]

  /// Parses a pattern; nil when a backslash escapes what has no meaning.
  init?(_ text: String) {
    var parts: [Part] = []
    var scalars = text.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      switch scalar {
      case "*": parts.append(.any)
      case "?": parts.append(.one)
      case "\\":
        guard let escaped = scalars.popFirst(), ["*", "?", "\\", "}", "/"].contains(escaped) else {
          return nil
        }
        parts.append(.literal(escaped))
      default: parts.append(.literal(scalar))
      }
    }
    self.parts = parts
  }

  private init(parts: [Part]) { self.parts = parts }

  /// The same pattern for text read from its end.
  var reversed: Pattern { Pattern(parts: parts.reversed()) }

  /// How many characters at the start of `text` match: the most or the fewest; nil when none do.
  func prefix(of text: ArraySlice<Unicode.Scalar>, longest: Bool) -> Int? {
    // The ends that are possible after each part; at most one for each character.
    var ends = [Bool](repeating: false, count: text.count + 1)
    ends[0] = true
    for part in parts {
      var next = [Bool](repeating: false, count: text.count + 1)
      for (length, isPossible) in ends.enumerated() where isPossible {
        switch part {
        case .any: for more in length...text.count { next[more] = true }
        case .one where length < text.count: next[length + 1] = true
        case .literal(let scalar) where length < text.count && text[text.startIndex + length] == scalar:
          next[length + 1] = true
        default: break
        }
        if case .any = part { break }
      }
      ends = next
    }
    return longest ? ends.lastIndex(of: true) : ends.firstIndex(of: true)
  }

  /// Replaces the first match, or all, by `replacement`.
  func replace(in text: [Unicode.Scalar], by replacement: [Unicode.Scalar], all: Bool) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var index = 0
    var isDone = false
    while index <= text.count {
      if !isDone, let count = prefix(of: text[index...], longest: true), count > 0 {
        result.append(contentsOf: replacement)
        index += count
        isDone = !all
        continue
      }
      if index < text.count { result.append(text[index]) }
      index += 1
    }
    return result
  }
}
