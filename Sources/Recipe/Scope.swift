import Posix
import Spelling
import SystemPackage

/// What to do about a name that isn't known: take the nearest one.
func suggestion(_ name: String, among names: [String], _ otherwise: String) -> String {
  nearest(to: name, in: names).map { "do you mean \(shown($0))?" } ?? otherwise
}

/// Where values of nodes are read: the variables, the folder, and where errors go.
///
/// Everything that can be wrong is added to `problems`, and nil is given then.
struct Scope {
  let problems: Problems
  /// The folder that relative paths start from.
  let folder: FilePath
  var variables: Variables

  /// A text with its variables put in.
  func text(_ node: YAMLNode?, orEmpty: Bool = false) -> String? {
    guard let node else { return nil }
    if node.isNull {
      problems.add(node.location, "a value is missing here", advice: "write one, or leave the key out")
      return nil
    }
    do throws(RecipeError) {
      let text = try variables.expand(node).text
      if text.isEmpty, !orEmpty {
        problems.add(node.location, "the text is empty", advice: "write one, or leave the key out")
        return nil
      }
      return text
    } catch {
      problems.add(error)
      return nil
    }
  }

  /// The value that `make` gives for a text; what it throws is the problem.
  func value<Value>(
    _ node: YAMLNode?, advice: String? = nil, _ make: (String) throws -> Value
  ) -> Value? {
    guard let node, let text = text(node) else { return nil }
    do { return try make(text) } catch {
      problems.add(node.location, "\(error)", advice: advice)
      return nil
    }
  }

  /// One of several names.
  func choice<Value: RawRepresentable & CaseIterable>(
    _ node: YAMLNode?, _ what: String, of type: Value.Type
  ) -> Value? where Value.RawValue == String {
    guard let node, let text = text(node) else { return nil }
    if let value = Value(rawValue: text) { return value }
    let names = Value.allCases.map(\.rawValue)
    problems.add(
      node.location, "\(shown(text)) is no \(what)",
      advice: suggestion(text, among: names, "there are \(names.joined(separator: ", "))"))
    return nil
  }

  /// `true` or `false`.
  func bool(_ node: YAMLNode?) -> Bool? {
    guard let node, let text = text(node) else { return nil }
    switch text {
    case "true": return true
    case "false": return false
    default:
      problems.add(node.location, "\(shown(text)) is not true or false", advice: "write true or false")
      return nil
    }
  }

  /// The items of a list.
  func items(_ node: YAMLNode?) -> [YAMLNode] {
    guard let node else { return [] }
    if case .sequence(let items) = node.content { return items }
    problems.add(
      node.location, "a list is expected here, not \(node.kind)",
      advice: "write [one, two], or a line \"- one\" for each")
    return []
  }

  /// A list of texts, with where each is. An item of nothing but variables may come out empty: then it isn't there.
  func texts(_ node: YAMLNode?) -> [(text: String, node: YAMLNode)] {
    items(node).compactMap { item in
      if !item.isNull, let expanded = try? variables.expand(item), expanded.text.isEmpty,
        expanded.onlyVariables
      {
        return nil
      }
      return text(item).map { ($0, item) }
    }
  }

  /// A list of texts that `check` has nothing against.
  func texts(_ node: YAMLNode?, advice: String? = nil, check: (String) throws -> Void) -> [String] {
    texts(node).compactMap { item in
      do { try check(item.text) } catch {
        problems.add(item.node.location, "\(error)", advice: advice)
        return nil
      }
      return item.text
    }
  }

  /// The members of a mapping from names to texts, in the file's order.
  func table(_ node: YAMLNode?) -> [(key: String, value: String, member: YAMLNode.Member)] {
    guard let node else { return [] }
    guard case .mapping(let members) = node.content else {
      problems.add(
        node.location, "a mapping is expected here, not \(node.kind)",
        advice: "write a line \"name: value\" for each")
      return []
    }
    return members.compactMap { member in
      if member.key.isEmpty {
        problems.add(member.keyLocation, "a name is missing here")
        return nil
      }
      return text(member.value, orEmpty: true).map { (member.key, $0, member) }
    }
  }

  /// A path from the recipe's folder on.
  func resolved(_ path: String) -> FilePath {
    let path = FilePath(path)
    return path.isAbsolute || folder.isEmpty ? path : folder.pushing(path)
  }

  /// A file or folder that must be there.
  func path(_ node: YAMLNode?, _ kind: PathKind = .any) -> FilePath? {
    guard let node, let text = text(node) else { return nil }
    return existing(resolved(text), kind, node)
  }

  /// What may be at a path.
  enum PathKind { case any, file, folder }

  /// The path, when something of the kind is there.
  func existing(_ path: FilePath, _ kind: PathKind, _ node: YAMLNode) -> FilePath? {
    let problem: String
    switch (HostPath.kind(of: path), kind) {
    case (nil, _): problem = "there is no \(path)"
    case (.folder?, .file): problem = "\(path) is a folder, and a file is needed"
    case (.file?, .folder): problem = "\(path) is no folder"
    default: return path
    }
    problems.add(node.location, problem, advice: "relative paths start at the recipe's folder")
    return nil
  }
}
