import Posix

/// What a name of a variable may be.
enum VariableName {
  /// Reports a name that can't be one.
  static func check(_ member: YAMLNode.Member, _ scope: Scope) -> Bool {
    let name = member.key
    if Variables.ofPlatform.contains(name) {
      scope.problems.add(
        member.keyLocation, "\(shown(name)) is known by itself, from platforms", advice: "take another name")
      return false
    }
    let isGood =
      !name.isEmpty
      && name.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
          || $0 == 0x2d || $0 == 0x5f
      }
    if !isGood {
      scope.problems.add(
        member.keyLocation, "\(shown(name)) can't be the name of a variable",
        advice: "it has letters, digits, \"_\" and \"-\"")
    }
    return isGood
  }
}

/// The cartesian product of lists of values.
struct Matrix {
  /// How many images one file may describe.
  static let maximalCount = 1000

  /// The values of each image, in the order of the file: the last list changes fastest.
  private(set) var combinations: [[String: String]] = [[:]]

  /// The combinations of a file; one without values when there is no matrix.
  ///
  /// - Parameter reserved: names that are variables already.
  init(_ node: YAMLNode?, _ scope: Scope, reserved: [String: RecipeLocation]) {
    guard let node else { return }
    guard case .mapping(let members) = node.content, !members.isEmpty else {
      scope.problems.add(
        node.location, "the matrix has no values",
        advice: "write a line \"name: [one, two]\" for each variable")
      combinations = []
      return
    }
    var lists: [(name: String, values: [String])] = []
    for member in members where member.key != "exclude" && VariableName.check(member, scope) {
      if let other = reserved[member.key] {
        scope.problems.add(
          member.keyLocation, "\(shown(member.key)) is a variable in line \(other.line) already",
          advice: "take another name")
      }
      lists.append((member.key, Self.values(member, scope)))
    }
    for list in lists {
      if combinations.count * list.values.count > Self.maximalCount {
        scope.problems.add(node.location, "the matrix gives more than \(Self.maximalCount) images")
        combinations = []
        return
      }
      combinations = combinations.flatMap { base in
        list.values.map { value in base.merging([list.name: value]) { $1 } }
      }
    }
    if lists.isEmpty {
      scope.problems.add(
        node.location, "the matrix has no values", advice: "write a line \"name: [one, two]\"")
      combinations = []
    }
    let isComplete = !combinations.isEmpty
    for item in scope.items(members.first { $0.key == "exclude" }?.value) { leaveOut(item, lists, scope) }
    if isComplete, combinations.isEmpty {
      scope.problems.add(node.location, "the matrix is empty: all is excluded", advice: "exclude less")
    }
  }

  private static func values(_ member: YAMLNode.Member, _ scope: Scope) -> [String] {
    var values: [String] = []
    let items = scope.items(member.value)
    if case .sequence = member.value.content, items.isEmpty {
      scope.problems.add(
        member.value.location, "the list \(shown(member.key)) of the matrix is empty",
        advice: "give it a value, or take it away")
    }
    for item in items {
      guard let value = scope.text(item, orEmpty: true) else { continue }
      if values.contains(value) {
        scope.problems.add(item.location, "\(shown(value)) is here twice", advice: "keep one of them")
      } else {
        values.append(value)
      }
    }
    return values
  }

  private mutating func leaveOut(
    _ node: YAMLNode, _ lists: [(name: String, values: [String])], _ scope: Scope
  ) {
    guard case .mapping(let members) = node.content, !members.isEmpty else {
      scope.problems.add(
        node.location, "what is excluded is a mapping, and this is \(node.kind)",
        advice: "write {name: value}")
      return
    }
    var wanted: [String: String] = [:]
    for member in members {
      guard let list = lists.first(where: { $0.name == member.key }) else {
        let names = lists.map(\.name)
        scope.problems.add(
          member.keyLocation, "the matrix has no \(shown(member.key))",
          advice: suggestion(member.key, among: names, "it has \(names.joined(separator: ", "))"))
        return
      }
      guard let value = scope.text(member.value, orEmpty: true) else { return }
      if !list.values.contains(value) {
        scope.problems.add(
          member.value.location, "\(shown(member.key)) is never \(shown(value)) in the matrix",
          advice: suggestion(value, among: list.values, "it is \(list.values.joined(separator: ", "))"))
        return
      }
      wanted[member.key] = value
    }
    combinations.removeAll { combination in wanted.allSatisfy { combination[$0.key] == $0.value } }
  }
}
