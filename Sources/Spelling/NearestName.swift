/// The name that a mistyped one most likely meant: the fewest edits away, at most a third of its length
/// (and two edits for short ones); nil when none is near.
public func nearest(to typed: String, in names: [String]) -> String? {
  // What is far longer than any name means none of them, and isn't worth the work.
  if typed.utf8.count > 100 { return nil }
  let limit = max(2, typed.count / 3)
  let candidates = names.map { (name: $0, edits: editDistance(typed, $0)) }
  let best = candidates.min { $0.edits < $1.edits }
  return best.flatMap { $0.edits <= limit ? $0.name : nil }
}

/// How many characters must be inserted, removed or replaced to make one of the other (Levenshtein).
private func editDistance(_ one: String, _ other: String) -> Int {
  let other = Array(other)
  var previous = Array(0...other.count)
  for (row, character) in one.enumerated() {
    var current = [row + 1]
    for (column, counterpart) in other.enumerated() {
      let replaced = previous[column] + (character == counterpart ? 0 : 1)
      current.append(min(replaced, previous[column + 1] + 1, current[column] + 1))
    }
    previous = current
  }
  return previous[other.count]
}
