/// What `--chmod` says: an octal mode, or changes as chmod(1) takes them (`u+x,go=rX`).
public struct ModeChange: Hashable, Sendable {
  private struct Clause: Hashable, Sendable {
    var who: UInt16
    var operation: Unicode.Scalar
    var bits: UInt16 = 0
    /// `X`: execution for directories, and for what anybody may execute already.
    var executesIfUseful = false
    /// Copied from user, group or others.
    var copies: UInt16?
  }

  private var fixed: UInt16?
  private var clauses: [Clause] = []

  /// Parses a mode; nil when it is none.
  public init?(_ text: String) {
    if let mode = UInt16(text, radix: 8), text.utf8.allSatisfy({ (0x30...0x37).contains($0) }) {
      guard mode <= 0o7777 else { return nil }
      fixed = mode
      return
    }
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let parsed = Self.clauses(part.unicodeScalars[...]) else { return nil }
      clauses += parsed
    }
  }

  private static func clauses(_ text: Substring.UnicodeScalarView) -> [Clause]? {
    var scalars = text
    var who: UInt16 = 0
    while let letter = scalars.first, let mask = classes[letter] {
      who |= mask
      scalars = scalars.dropFirst()
    }
    if who == 0 { who = 0o777 }
    var result: [Clause] = []
    while let operation = scalars.popFirst() {
      guard ["+", "-", "="].contains(operation) else { return nil }
      var clause = Clause(who: who, operation: operation)
      while let letter = scalars.first, !["+", "-", "="].contains(letter) {
        scalars = scalars.dropFirst()
        switch letter {
        case "r": clause.bits |= 0o444
        case "w": clause.bits |= 0o222
        case "x": clause.bits |= 0o111
        case "X": clause.executesIfUseful = true
        case "s": clause.bits |= 0o6000
        case "t": clause.bits |= 0o1000
        case "u": clause.copies = 6
        case "g": clause.copies = 3
        case "o": clause.copies = 0
        default: return nil
        }
      }
      result.append(clause)
    }
    return result.isEmpty ? nil : result
  }

  private static let classes: [Unicode.Scalar: UInt16] = ["u": 0o700, "g": 0o070, "o": 0o007, "a": 0o777]

  /// The mode after the change.
  public func applied(to mode: UInt16, isDirectory: Bool) -> UInt16 {
    if let fixed { return fixed }
    var mode = mode
    for clause in clauses {
      var bits = clause.bits
      if clause.executesIfUseful, isDirectory || mode & 0o111 != 0 { bits |= 0o111 }
      if let shift = clause.copies {
        let copied = (mode >> shift) & 7
        bits |= copied << 6 | copied << 3 | copied
      }
      // The special bits belong to their classes: setuid to the user, setgid to the group, sticky to all.
      var mask = clause.who
      if clause.who & 0o700 != 0 { mask |= 0o4000 }
      if clause.who & 0o070 != 0 { mask |= 0o2000 }
      if clause.who == 0o777 || clause.who & 0o007 != 0 { mask |= 0o1000 }
      bits &= mask
      switch clause.operation {
      case "+": mode |= bits
      case "-": mode &= ~bits
      default: mode = mode & ~(mask & (isDirectory ? 0o1777 : 0o7777)) | bits
      }
    }
    return mode
  }
}
