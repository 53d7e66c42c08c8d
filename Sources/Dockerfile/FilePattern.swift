/// A pattern of one name or a path as Go's `filepath.Match` has it: `*`, `?`, `[a-z]`, `[^a]`, `\x`; none of
/// them matches a slash. <https://pkg.go.dev/path/filepath#Match>
public struct FilePattern: Hashable, Sendable {
  enum Part: Hashable, Sendable {
    case any
    case one
    case literal(Unicode.Scalar)
    case oneOf([ClosedRange<Unicode.Scalar>], negated: Bool)
  }

  private let parts: [Part]

  /// Whether a text has any character that isn't taken as it is.
  public static func isPattern(_ text: String) -> Bool {
    text.unicodeScalars.contains { ["*", "?", "["].contains($0) }
  }

  /// Parses a pattern; nil for a malformed one.
  public init?(_ text: String) {
    var scalars = text.unicodeScalars[...]
    var parts: [Part] = []
    while let scalar = scalars.popFirst() {
      switch scalar {
      case "*": if parts.last != .any { parts.append(.any) }
      case "?": parts.append(.one)
      case "[":
        guard let set = Self.set(&scalars) else { return nil }
        parts.append(set)
      case "\\":
        guard let escaped = scalars.popFirst() else { return nil }
        parts.append(.literal(escaped))
      default: parts.append(.literal(scalar))
      }
    }
    self.parts = parts
  }

  /// Reads `a-z]` after `[`.
  static func set(_ scalars: inout Substring.UnicodeScalarView) -> Part? {
    let isNegated = scalars.first == "^"
    if isNegated { scalars = scalars.dropFirst() }
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    while true {
      if scalars.first == "]", !ranges.isEmpty {
        scalars = scalars.dropFirst()
        return .oneOf(ranges, negated: isNegated)
      }
      guard let low = member(&scalars) else { return nil }
      var high = low
      if scalars.first == "-" {
        scalars = scalars.dropFirst()
        guard let end = member(&scalars) else { return nil }
        high = end
      }
      // An empty range matches nothing, but the pattern is well-formed.
      if low <= high { ranges.append(low...high) } else if ranges.isEmpty { return nil }
    }
  }

  private static func member(_ scalars: inout Substring.UnicodeScalarView) -> Unicode.Scalar? {
    guard let scalar = scalars.popFirst(), scalar != "-", scalar != "]" else { return nil }
    return scalar == "\\" ? scalars.popFirst() : scalar
  }

  /// Whether all of a name matches.
  public func matches(_ name: some Collection<UInt8>) -> Bool {
    let text = Array(String(decoding: name, as: UTF8.self).unicodeScalars)
    // Which prefixes of the pattern can have matched so far.
    var states = Self.closure([0], parts)
    for scalar in text {
      var next: Set<Int> = []
      for state in states where state < parts.count {
        switch parts[state] {
        case .any: if scalar != "/" { next.insert(state) }
        case .one: if scalar != "/" { next.insert(state + 1) }
        case .literal(let literal): if literal == scalar { next.insert(state + 1) }
        case .oneOf(let ranges, let negated):
          if scalar != "/", ranges.contains(where: { $0.contains(scalar) }) != negated {
            next.insert(state + 1)
          }
        }
      }
      states = Self.closure(next, parts)
      if states.isEmpty { return false }
    }
    return states.contains(parts.count)
  }

  private static func closure(_ states: Set<Int>, _ parts: [Part]) -> Set<Int> {
    var result = states
    for var state in states {
      while state < parts.count, parts[state] == .any {
        state += 1
        result.insert(state)
      }
    }
    return result
  }
}
