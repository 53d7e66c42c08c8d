import Spelling

/// Takes the keys of a mapping that are known, and reports what is left.
struct MappingReader {
  private let scope: Scope
  private let members: [YAMLNode.Member]
  private var known: [String] = []
  private var missing: [(key: String, advice: String)] = []
  /// Where it starts.
  let location: RecipeLocation
  /// Its name, for messages: `source.bootstrap`.
  let name: String
  /// Whether it was a mapping at all: if not, missing keys are no news.
  let isMapping: Bool

  /// A mapping, or nothing when the node is none.
  init(_ node: YAMLNode, _ name: String, _ scope: Scope) {
    self.scope = scope
    self.name = name
    location = node.location
    if case .mapping(let members) = node.content {
      self.members = members
      isMapping = true
    } else {
      members = []
      isMapping = false
      scope.problems.add(
        node.location, "\(name) must be a mapping, and this is \(node.kind)",
        advice: "write a line \"key: value\" for each of its values")
    }
  }

  /// The value of a key; nil when it isn't there.
  mutating func take(_ key: String) -> YAMLNode? {
    known.append(key)
    return members.first { $0.key == key }?.value
  }

  /// The value of a key that must be there; `finish` reports it when it isn't.
  mutating func require(_ key: String, _ advice: String) -> YAMLNode? {
    let node = take(key)
    if node == nil { missing.append((key, advice)) }
    return node
  }

  /// Reports keys that were not asked for, and those that must be there and aren't.
  func finish() {
    if !isMapping { return }
    var meant: Set<String> = []
    for member in members where !known.contains(member.key) {
      let near = nearest(to: member.key, in: known)
      if let near { meant.insert(near) }
      scope.problems.add(
        member.keyLocation, "\(name) has no key \(shown(member.key))",
        advice: near.map { "do you mean \(shown($0))?" }
          ?? "there are \(known.sorted().joined(separator: ", "))")
    }
    // A mistyped key is there after all.
    for (key, advice) in missing where !meant.contains(key) {
      scope.problems.add(location, "\(name) has no \(shown(key))", advice: advice)
    }
  }

  /// The one member of a mapping that must have exactly one of some keys, whose order is that of `keys`.
  mutating func one(of keys: [String]) -> YAMLNode.Member? {
    known += keys
    if !isMapping { return nil }
    finish()
    let found = members.filter { keys.contains($0.key) }
    if found.count == 1 { return found[0] }
    if let second = found.dropFirst().first {
      scope.problems.add(
        second.keyLocation, "\(name) has \(shown(found[0].key)) and \(shown(second.key))",
        advice: "keep one of them")
    } else if members.isEmpty || found.isEmpty && members.allSatisfy({ keys.contains($0.key) }) {
      scope.problems.add(
        location, "\(name) is empty", advice: "give it one of \(keys.joined(separator: ", "))")
    }
    return nil
  }
}
