/// The patterns of a `.dockerignore`: which files of a context are left out.
///
/// The rules are those of moby's patternmatcher, its odd ones included: the last pattern that matches a path
/// or a directory above it decides, `!` takes files in again, `**` crosses directories.
/// <https://docs.docker.com/build/concepts/context/#dockerignore-files>
public struct IgnorePatterns: Hashable, Sendable {
  private struct Rule: Hashable, Sendable {
    var matcher: Matcher
    var takesIn: Bool
  }

  private var rules: [Rule] = []

  /// Whether any pattern takes files in again.
  public private(set) var hasExceptions = false

  /// Whether nothing is left out.
  public var isEmpty: Bool { rules.isEmpty }

  /// No patterns.
  public init() {}

  /// Reads a file of patterns, one a line.
  ///
  /// - Throws: `DockerfileError` with the line of a malformed pattern.
  public init(parsing bytes: some Collection<UInt8>) throws(DockerfileError) {
    var text = String(decoding: bytes, as: UTF8.self).unicodeScalars[...]
    if text.first == "\u{feff}" { text = text.dropFirst() }
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if line.first == "#" { continue }
      var pattern = trimmed(String(line))
      if pattern.isEmpty { continue }
      let takesIn = pattern.hasPrefix("!")
      if takesIn { pattern = trimmed(String(pattern.dropFirst())) }
      let position = SourcePosition(line: index + 1, column: 1)
      if pattern.isEmpty {
        throw DockerfileError(.refused("\"!\" needs a pattern"), "", position)
      }
      var cleaned = Self.cleaned(pattern)
      if cleaned.utf8.count > 1, cleaned.hasPrefix("/") { cleaned = String(cleaned.dropFirst()) }
      try add(cleaned, takesIn: takesIn, at: position)
    }
  }

  /// Takes patterns that stand elsewhere, as those of `--exclude`.
  public init(_ patterns: [Word], instruction: String) throws(DockerfileError) {
    for word in patterns {
      var pattern = trimmed(word.text)
      let takesIn = pattern.hasPrefix("!")
      if takesIn { pattern = String(pattern.dropFirst()) }
      if pattern.isEmpty { continue }
      var cleaned = Self.cleaned(pattern)
      if cleaned.utf8.count > 1, cleaned.hasPrefix("/") { cleaned = String(cleaned.dropFirst()) }
      do throws(DockerfileError) { try add(cleaned, takesIn: takesIn, at: word.position) } catch {
        throw DockerfileError(error.reason, instruction, word.position)
      }
    }
  }

  private mutating func add(
    _ pattern: String, takesIn: Bool, at position: SourcePosition
  ) throws(DockerfileError) {
    guard FilePattern(pattern) != nil, let matcher = Matcher(pattern) else {
      throw DockerfileError(.badValue(pattern, expected: "a well-formed pattern"), "", position)
    }
    if takesIn { hasExceptions = true }
    rules.append(Rule(matcher: matcher, takesIn: takesIn))
  }

  /// Whether a path of the context (its parts, joined by `/`) is left out.
  public func ignores(_ path: [UInt8]) -> Bool {
    if rules.isEmpty { return false }
    let text = Array(String(decoding: path, as: UTF8.self).unicodeScalars)
    var ends = text.indices.filter { text[$0] == "/" }
    ends.append(text.count)
    var isIgnored = false
    for rule in rules where rule.takesIn == isIgnored {
      if ends.contains(where: { rule.matcher.matches(text[..<$0]) }) { isIgnored = !rule.takesIn }
    }
    return isIgnored
  }

  /// Go's `filepath.Clean`.
  static func cleaned(_ path: String) -> String {
    let isRooted = path.hasPrefix("/")
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part != ".." {
        parts.append(part)
      } else if let last = parts.last, last != ".." {
        parts.removeLast()
      } else if !isRooted {
        parts.append(part)
      }
    }
    let joined = parts.joined(separator: "/")
    if isRooted { return "/" + joined }
    return joined.isEmpty ? "." : joined
  }
}

extension IgnorePatterns {
  /// One pattern, matched as moby does: exactly, by its start or end where `**` stands there alone, else as
  /// the regular expression that it stands for.
  struct Matcher: Hashable, Sendable {
    private enum Way: Hashable, Sendable {
      case exact
      case prefix
      case suffix
      case expression
    }

    private enum Part: Hashable, Sendable {
      /// `.*`
      case all
      /// `(.*/)?`
      case directories
      /// What one name has.
      case name(FilePattern.Part)
    }

    private let text: [Unicode.Scalar]
    private var way = Way.exact
    private var parts: [Part] = []

    init?(_ pattern: String) {
      text = Array(pattern.unicodeScalars)
      var scalars = pattern.unicodeScalars[...]
      var count = 0
      while let scalar = scalars.popFirst() {
        defer { count += 1 }
        switch scalar {
        case "*" where scalars.first == "*":
          scalars = scalars.dropFirst()
          if scalars.first == "/" { scalars = scalars.dropFirst() }
          if scalars.isEmpty {
            way = way == .exact ? .prefix : .expression
            parts.append(.all)
          } else {
            parts.append(.directories)
            way = .expression
          }
          if count == 0 { way = .suffix }
        case "*":
          parts.append(.name(.any))
          way = .expression
        case "?":
          parts.append(.name(.one))
          way = .expression
        case "[":
          guard let set = FilePattern.set(&scalars) else { return nil }
          parts.append(.name(set))
          way = .expression
        case "\\":
          guard let escaped = scalars.popFirst() else { return nil }
          parts.append(.name(.literal(escaped)))
          way = .expression
        default: parts.append(.name(.literal(scalar)))
        }
      }
    }

    func matches(_ path: ArraySlice<Unicode.Scalar>) -> Bool {
      switch way {
      case .exact: return path.elementsEqual(text)
      case .prefix: return path.starts(with: text.dropLast(text.last == "/" ? 3 : 2))
      case .suffix:
        let end = text.dropFirst(2)
        if path.count >= end.count, path.suffix(end.count).elementsEqual(end) { return true }
        return end.first == "/" && path.elementsEqual(end.dropFirst())
      case .expression: return matchesParts(path)
      }
    }

    private func matchesParts(_ path: ArraySlice<Unicode.Scalar>) -> Bool {
      var states: Set<Int> = []
      // A state is twice the number of a part; odd inside of "(.*/)?", which must end with a slash.
      func enter(_ part: Int, _ set: inout Set<Int>) {
        var part = part
        set.insert(part * 2)
        while part < parts.count {
          switch parts[part] {
          case .all, .name(.any): part += 1
          case .directories:
            set.insert(part * 2 + 1)
            part += 1
          default: return
          }
          set.insert(part * 2)
        }
      }
      enter(0, &states)
      for scalar in path {
        var next: Set<Int> = []
        for state in states where state / 2 < parts.count {
          let part = state / 2
          switch parts[part] {
          case .all: enter(part, &next)
          case .directories:
            if state % 2 == 1 {
              next.insert(state)
              if scalar == "/" { enter(part + 1, &next) }
            }
          case .name(.any): if scalar != "/" { enter(part, &next) }
          case .name(.one): if scalar != "/" { enter(part + 1, &next) }
          case .name(.literal(let literal)): if literal == scalar { enter(part + 1, &next) }
          case .name(.oneOf(let ranges, let negated)):
            if ranges.contains(where: { $0.contains(scalar) }) != negated { enter(part + 1, &next) }
          }
        }
        states = next
        if states.isEmpty { return false }
      }
      return states.contains(parts.count * 2)
    }
  }
}
