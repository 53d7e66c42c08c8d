public import Archive
import Posix

/// A pattern for paths in a tree, matched as bytes.
///
/// - A pattern that starts with `/` is matched from the root of the tree on. Any other matches at any
///   depth: `doc/*.gz` matches `usr/share/doc/x.gz` as well as `doc/x.gz`.
/// - `*` matches any bytes but `/`, also none.
/// - `?` matches one character but `/`: a whole UTF-8 character where there is one, else one byte.
/// - `[abc]`, `[a-z]` match one character of a set or range, `[!abc]` and `[^abc]` one that isn't in it,
///   and never `/`. A `]` right after the opening stands for itself.
/// - `**` as a whole part matches any number of parts, also none; at the end, everything below.
///   In a part with other things it is like `*`.
/// - `\` takes the special meaning from what follows.
/// - A `/` at the end makes the pattern match directories only.
/// - There is no special treatment of names that start with a dot, and the case matters.
public struct Glob: Sendable, Hashable {
  /// One part of a pattern, between slashes.
  private enum Part: Sendable, Hashable {
    case anyParts
    case name([Token])
  }

  private enum Token: Sendable, Hashable {
    case byte(UInt8)
    case anyBytes
    case anyCharacter
    case set([ClosedRange<UInt32>], negated: Bool)
  }

  /// The pattern as it was written.
  public let pattern: [UInt8]
  /// Whether it matches directories only.
  public let directoriesOnly: Bool
  private let parts: [Part]

  /// Reads a pattern.
  ///
  /// - Throws: `GlobError` for what has no meaning.
  public init(_ pattern: [UInt8]) throws(GlobError) {
    self.pattern = pattern
    var written = pattern.split(separator: 0x2f, omittingEmptySubsequences: true)
    written.removeAll { $0.elementsEqual([0x2e]) }
    if written.isEmpty { throw GlobError(.empty, pattern) }
    if written.contains(where: { $0.elementsEqual([0x2e, 0x2e]) }) { throw GlobError(.leavesTree, pattern) }
    directoriesOnly = pattern.last == 0x2f
    var parts: [Part] = []
    if pattern.first != 0x2f { parts.append(.anyParts) }
    for part in written {
      if part.elementsEqual([0x2a, 0x2a]) {
        if parts.last != .anyParts { parts.append(.anyParts) }
      } else {
        parts.append(.name(try Self.tokens(part, of: pattern)))
      }
    }
    // Everything below is not the directory itself.
    if parts.last == .anyParts { parts.append(.name([.anyBytes])) }
    self.parts = parts
  }

  /// Reads a pattern that a person wrote.
  public init(_ pattern: String) throws(GlobError) { try self.init(Array(pattern.utf8)) }

  // MARK: Matching

  /// How a pattern and a path stand to each other.
  struct Relation: Equatable {
    /// It matches the path, or a directory above it.
    var matches: Bool
    /// It may match something below the path, if that is a directory.
    var mayMatchBelow: Bool
  }

  /// Whether the pattern matches a path itself. The root is matched by nothing.
  public func matches(_ path: EntryPath, isDirectory: Bool) -> Bool {
    relation(path, isDirectory: isDirectory, withAncestors: false).matches
  }

  /// Whether the pattern matches a path, or a directory above it.
  public func covers(_ path: EntryPath, isDirectory: Bool) -> Bool {
    relation(path, isDirectory: isDirectory).matches
  }

  /// Follows all ways through the pattern at once, so that no pattern takes more than its length times
  /// that of the path.
  func relation(_ path: EntryPath, isDirectory: Bool, withAncestors: Bool = true) -> Relation {
    var places = closure([0])
    var rest = path.bytes[...]
    if path.isRoot { return Relation(matches: false, mayMatchBelow: true) }
    while true {
      let end = rest.firstIndex(of: 0x2f) ?? rest.endIndex
      let name = rest[rest.startIndex..<end]
      var next: [Int] = []
      for place in places where place < parts.count {
        switch parts[place] {
        case .anyParts: next.append(place)
        case .name(let tokens): if Self.matches(tokens, name) { next.append(place + 1) }
        }
      }
      places = closure(next)
      let isLast = end == rest.endIndex
      if places.contains(parts.count), isLast || withAncestors {
        if !isLast || isDirectory || !directoriesOnly {
          return Relation(matches: true, mayMatchBelow: true)
        }
      }
      if isLast || places.isEmpty { break }
      rest = rest[(end + 1)...]
    }
    return Relation(matches: false, mayMatchBelow: places.contains { $0 < parts.count })
  }

  /// The places with those that `**` allows without consuming anything.
  private func closure(_ places: [Int]) -> [Int] {
    var result: [Int] = []
    for place in places {
      var place = place
      if !result.contains(place) { result.append(place) }
      while place < parts.count, parts[place] == .anyParts {
        place += 1
        if !result.contains(place) { result.append(place) }
      }
    }
    return result
  }

  /// Matches one name, going back to the last `*` alone: that is enough, since an earlier one can't give
  /// more.
  private static func matches(_ tokens: [Token], _ name: ArraySlice<UInt8>) -> Bool {
    var token = 0
    var index = name.startIndex
    var retry: (token: Int, index: Int)?
    while index < name.endIndex || token < tokens.count {
      if token < tokens.count {
        if tokens[token] == .anyBytes {
          retry = (token, index)
          token += 1
          continue
        }
        if let after = step(tokens[token], name, index) {
          token += 1
          index = after
          continue
        }
      }
      guard let last = retry, last.index < name.endIndex else { return false }
      retry = (last.token, last.index + 1)
      token = last.token + 1
      index = last.index + 1
    }
    return true
  }

  private static func step(_ token: Token, _ name: ArraySlice<UInt8>, _ index: Int) -> Int? {
    guard index < name.endIndex else { return nil }
    switch token {
    case .anyBytes: return nil
    case .byte(let byte): return name[index] == byte ? index + 1 : nil
    case .anyCharacter: return character(name, index).end
    case .set(let ranges, let negated):
      let (value, end) = character(name, index)
      return ranges.contains { $0.contains(value) } != negated ? end : nil
    }
  }

  /// The UTF-8 character at a place and where it ends; a byte that starts none stands for itself, above
  /// all characters.
  private static func character(_ bytes: ArraySlice<UInt8>, _ index: Int) -> (value: UInt32, end: Int) {
    let first = bytes[index]
    if first < 0x80 { return (UInt32(first), index + 1) }
    let count = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
    if first >= 0xc2, first <= 0xf4, index + count <= bytes.endIndex,
      let text = String(validating: bytes[index..<(index + count)], as: UTF8.self),
      let scalar = text.unicodeScalars.first
    {
      return (scalar.value, index + count)
    }
    return (0x11_0000 + UInt32(first), index + 1)
  }

  // MARK: Reading patterns

  private static func tokens(
    _ part: ArraySlice<UInt8>, of pattern: [UInt8]
  ) throws(GlobError) -> [Token] {
    var tokens: [Token] = []
    var index = part.startIndex
    while index < part.endIndex {
      switch part[index] {
      case UInt8(ascii: "*"):
        if tokens.last != .anyBytes { tokens.append(.anyBytes) }
        index += 1
      case UInt8(ascii: "?"):
        tokens.append(.anyCharacter)
        index += 1
      case UInt8(ascii: "["):
        tokens.append(try set(part, &index, of: pattern))
      case UInt8(ascii: "\\"):
        guard index + 1 < part.endIndex else { throw GlobError(.endsWithBackslash, pattern) }
        tokens.append(.byte(part[index + 1]))
        index += 2
      case 0:
        throw GlobError(.holdsNUL, pattern)
      case let byte:
        tokens.append(.byte(byte))
        index += 1
      }
    }
    return tokens
  }

  private static func set(
    _ part: ArraySlice<UInt8>, _ index: inout Int, of pattern: [UInt8]
  ) throws(GlobError) -> Token {
    index += 1
    var negated = false
    if index < part.endIndex, part[index] == UInt8(ascii: "!") || part[index] == UInt8(ascii: "^") {
      negated = true
      index += 1
    }
    var ranges: [ClosedRange<UInt32>] = []
    let start = index
    while index < part.endIndex {
      if part[index] == UInt8(ascii: "]"), index > start {
        index += 1
        return .set(ranges, negated: negated)
      }
      let named = index + 1 < part.endIndex ? part[index + 1] : 0
      if part[index] == UInt8(ascii: "["), [UInt8](":.=".utf8).contains(named) {
        throw GlobError(.namedSet, pattern)
      }
      let low = try member(part, &index, of: pattern)
      if index + 1 < part.endIndex, part[index] == UInt8(ascii: "-"), part[index + 1] != UInt8(ascii: "]") {
        index += 1
        let high = try member(part, &index, of: pattern)
        if high < low { throw GlobError(.emptyRange, pattern) }
        ranges.append(low...high)
      } else {
        ranges.append(low...low)
      }
    }
    throw GlobError(.unclosedSet, pattern)
  }

  private static func member(
    _ part: ArraySlice<UInt8>, _ index: inout Int, of pattern: [UInt8]
  ) throws(GlobError) -> UInt32 {
    if part[index] == UInt8(ascii: "\\") { index += 1 }
    guard index < part.endIndex else { throw GlobError(.unclosedSet, pattern) }
    let (value, end) = character(part, index)
    index = end
    return value
  }
}

extension Glob: CustomStringConvertible {
  /// The pattern, for messages.
  public var description: String { displayed(pattern) }
}

/// A pattern that has no meaning.
public struct GlobError: Error, Sendable, Equatable {
  /// What is wrong with it.
  public enum Reason: Sendable, Equatable {
    /// It names nothing.
    case empty
    /// It has a `..` part, and no path in a tree has.
    case leavesTree
    /// A `[` without its `]`.
    case unclosedSet
    /// A range that ends before it starts.
    case emptyRange
    /// `[:alpha:]` and the like, which depend on the locale.
    case namedSet
    /// A `\` with nothing to follow.
    case endsWithBackslash
    /// A NUL byte, which no name has.
    case holdsNUL
  }

  /// What is wrong.
  public var reason: Reason
  /// The pattern.
  public var pattern: [UInt8]

  init(_ reason: Reason, _ pattern: [UInt8]) {
    self.reason = reason
    self.pattern = pattern
  }
}

extension GlobError: CustomStringConvertible {
  /// What is wrong, in one line.
  public var description: String {
    let what =
      switch reason {
      case .empty: "names nothing"
      case .leavesTree: "has a \"..\" part"
      case .unclosedSet: "has a \"[\" without \"]\""
      case .emptyRange: "has a range that ends before it starts"
      case .namedSet: "has a named set of characters, which is not supported"
      case .endsWithBackslash: "ends with a single \"\\\""
      case .holdsNUL: "has a NUL byte"
      }
    return "the pattern \"\(self.shown)\" \(what)"
  }

  private var shown: String { displayed(pattern) }
}
