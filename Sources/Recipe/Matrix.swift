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

  /// What one list gives: values of its own name, or rows of several variables, where items are mappings.
  private struct Axis {
    var rows: [[String: String]] = []
    var names: [String] = []
  }

  /// The values of each image, in the order of the file: the last list changes fastest.
  private(set) var combinations: [[String: String]] = [[:]]

  private let scope: Scope
  /// Names that are taken, and where.
  private var taken: [String: RecipeLocation]

  /// The combinations of a file; one without values when there is no matrix.
  ///
  /// - Parameter reserved: names that are variables already.
  init(_ node: YAMLNode?, _ scope: Scope, reserved: [String: RecipeLocation]) {
    self.scope = scope
    taken = reserved
    guard let node else { return }
    guard case .mapping(let members) = node.content, members.contains(where: { $0.key != "exclude" }) else {
      scope.problems.add(
        node.location, "the matrix has no values",
        advice: "write a line \"name: [one, two]\" for each variable")
      combinations = []
      return
    }
    let axes = members.filter { $0.key != "exclude" }.map { axis($0) }
    for axis in axes {
      if combinations.count * axis.rows.count > Self.maximalCount {
        scope.problems.add(node.location, "the matrix gives more than \(Self.maximalCount) images")
        combinations = []
        return
      }
      combinations = combinations.flatMap { base in axis.rows.map { row in base.merging(row) { $1 } } }
    }
    let isComplete = !combinations.isEmpty
    for item in scope.items(members.first { $0.key == "exclude" }?.value) { leaveOut(item, axes) }
    if isComplete, combinations.isEmpty {
      scope.problems.add(node.location, "the matrix is empty: all is excluded", advice: "exclude less")
    }
  }

  private mutating func axis(_ member: YAMLNode.Member) -> Axis {
    let items = scope.items(member.value)
    if case .sequence = member.value.content, items.isEmpty {
      scope.problems.add(
        member.value.location, "the list \(shown(member.key)) of the matrix is empty",
        advice: "give it a value, or take it away")
    }
    var axis = Axis()
    if case .mapping(let first)? = items.first?.content {
      axis.names = first.filter { take($0) }.map(\.key)
    } else {
      axis.names = take(member) ? [member.key] : []
    }
    for item in items {
      guard let row = row(item, of: member.key, names: axis.names) else { continue }
      if axis.rows.contains(row) {
        scope.problems.add(item.location, "\(described(row)) is here twice", advice: "keep one of them")
      } else {
        axis.rows.append(row)
      }
    }
    return axis
  }

  /// Whether a variable may have this name.
  private mutating func take(_ member: YAMLNode.Member) -> Bool {
    guard VariableName.check(member, scope) else { return false }
    guard let other = taken[member.key] else {
      taken[member.key] = member.keyLocation
      return true
    }
    scope.problems.add(
      member.keyLocation, "\(shown(member.key)) is a variable in line \(other.line) already",
      advice: "take another name")
    return false
  }

  private func row(_ item: YAMLNode, of axis: String, names: [String]) -> [String: String]? {
    guard case .mapping(let members) = item.content else {
      // A list of mappings gives its variables by their own names alone.
      if names != [axis], !names.isEmpty {
        scope.problems.add(
          item.location, "this is \(item.kind), and the first item is a mapping",
          advice: "write {\(names.map { "\($0): …" }.joined(separator: ", "))}")
        return nil
      }
      return scope.text(item, orEmpty: true).map { [axis: $0] }
    }
    var reader = MappingReader(item, "an item of \(axis)", scope)
    var row: [String: String] = [:]
    for name in names {
      guard let value = reader.require(name, "all items have the same names") else { continue }
      row[name] = scope.text(value, orEmpty: true)
    }
    reader.finish()
    return row.count == names.count && members.count == names.count ? row : nil
  }

  private func described(_ row: [String: String]) -> String {
    row.keys.sorted().map { row.count == 1 ? shown(row[$0] ?? "") : "\($0): \(row[$0] ?? "")" }
      .joined(separator: ", ")
  }

  private mutating func leaveOut(_ node: YAMLNode, _ axes: [Axis]) {
    guard case .mapping(let members) = node.content, !members.isEmpty else {
      scope.problems.add(
        node.location, "what is excluded is a mapping, and this is \(node.kind)",
        advice: "write {name: value}")
      return
    }
    var wanted: [String: String] = [:]
    for member in members {
      guard let axis = axes.first(where: { $0.names.contains(member.key) }) else {
        let names = axes.flatMap(\.names)
        scope.problems.add(
          member.keyLocation, "the matrix has no \(shown(member.key))",
          advice: suggestion(member.key, among: names, "it has \(names.joined(separator: ", "))"))
        return
      }
      guard let value = scope.text(member.value, orEmpty: true) else { return }
      let values = axis.rows.compactMap { $0[member.key] }
      if !values.contains(value) {
        scope.problems.add(
          member.value.location, "\(shown(member.key)) is never \(shown(value)) in the matrix",
          advice: suggestion(value, among: values, "it is \(values.joined(separator: ", "))"))
        return
      }
      wanted[member.key] = value
    }
    combinations.removeAll { combination in wanted.allSatisfy { combination[$0.key] == $0.value } }
  }
}
