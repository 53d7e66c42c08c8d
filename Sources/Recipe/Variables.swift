import OCI

/// The variables of a recipe, as one image of it sees them.
///
/// A variable is expanded where it is used, so that it may be made of the matrix's values and of other variables.
struct Variables {
  /// What is known beside the file's own: of the platform.
  static let ofPlatform = ["arch", "platform"]

  /// Values that are ready: of the matrix, of `--set`, of the platform.
  var values: [String: String] = [:]
  /// The file's own, whose values may name others.
  var definitions: [String: YAMLNode] = [:]

  /// The names that there are, sorted.
  var names: [String] { Set(values.keys).union(definitions.keys).sorted() }

  /// These with those of a platform.
  func with(_ platform: Platform) -> Variables {
    var result = self
    result.values["platform"] = platform.description
    result.values["arch"] = platform.debianArchitecture
    return result
  }

  /// Puts variables into a text: `${name}` is a value, `$$` is a `$`, any other `$` stays.
  ///
  /// - Returns: the text; `onlyVariables` when nothing but variables was in it.
  /// - Throws: an error at the `node` that has the text.
  func expand(_ node: YAMLNode) throws(RecipeError) -> (text: String, onlyVariables: Bool) {
    try expand(node, usedAt: node.location, within: [])
  }

  private func expand(
    _ node: YAMLNode, usedAt use: RecipeLocation, within stack: [String]
  ) throws(RecipeError) -> (text: String, onlyVariables: Bool) {
    guard case .scalar(let text, _) = node.content else {
      throw RecipeError(node.location, "a text is expected here, not \(node.kind)")
    }
    guard text.utf8.contains(UInt8(ascii: "$")) else { return (text, false) }
    var result = ""
    var onlyVariables = true
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      if scalar == "$", rest.first == "$" {
        rest.removeFirst()
        result.unicodeScalars.append("$")
        onlyVariables = false
      } else if scalar == "$", rest.first == "{" {
        rest.removeFirst()
        guard let end = rest.firstIndex(of: "}") else {
          throw RecipeError(
            node.location, "\"${\" is not closed by \"}\"", advice: "write $${ for the characters ${")
        }
        result += try value(String(rest[..<end]), node.location, usedAt: use, within: stack)
        if result.utf8.count > YAMLParser.maximalSize {
          throw RecipeError(node.location, "the text is too long with its variables put in")
        }
        rest = rest[rest.index(after: end)...]
      } else {
        result.unicodeScalars.append(scalar)
        onlyVariables = false
      }
    }
    return (result, onlyVariables)
  }

  private func value(
    _ name: String, _ location: RecipeLocation, usedAt use: RecipeLocation, within stack: [String]
  ) throws(RecipeError) -> String {
    if let value = values[name] { return value }
    if let start = stack.firstIndex(of: name) {
      // The same circle is reported at the same place, wherever one enters it.
      let places = stack[start...].compactMap { definitions[$0]?.location }
      let first = places.min { ($0.line, $0.column) < ($1.line, $1.column) }
      throw RecipeError(first ?? location, "this variable is made of itself")
    }
    if let definition = definitions[name] {
      if definition.isNull { return "" }
      return try expand(definition, usedAt: use, within: stack + [name]).text
    }
    if Self.ofPlatform.contains(name) {
      throw RecipeError(
        use, "\(shown(name)) differs from platform to platform, and this is of all of them",
        advice: "use it in source, steps, config, annotations and compression")
    }
    throw RecipeError(
      location, "there is no variable \(shown(name))",
      advice: suggestion(
        name, among: names, "name it in variables or matrix, or write $${ for the characters ${"))
  }
}
