import Image
import OCI
import SizeReport
import SystemPackage

/// Makes recipes of a file's nodes: one, or with a matrix several.
struct RecipeParser {
  private let file: FilePath
  private let problems: Problems
  /// What `--set` says, of which a file takes what it has variables for.
  private let settings: [String: String]

  /// The recipes of a file, with what is wrong added to `problems`.
  ///
  /// - Returns: the recipes, and the names of the settings that the file knows.
  static func parse(
    _ bytes: [UInt8], file: FilePath, settings: [String: String], problems: Problems
  ) -> (recipes: [Recipe], used: Set<String>) {
    do throws(RecipeError) {
      let root = try YAMLParser.parse(bytes, file: file)
      return RecipeParser(file: file, problems: problems, settings: settings).recipes(root)
    } catch {
      problems.add(error)
      return ([], [])
    }
  }

  private func recipes(_ root: YAMLNode) -> (recipes: [Recipe], used: Set<String>) {
    let scope = Scope(problems: problems, folder: file.removingLastComponent(), variables: Variables())
    var reader = MappingReader(root, "the recipe", scope)
    if !reader.isMapping { return ([], []) }
    let definitions = definitions(reader.take("variables"), scope)
    let matrixNode = reader.take("matrix")
    let matrix = Matrix(matrixNode, scope, reserved: definitions.mapValues(\.keyLocation))
    var variables = Variables(definitions: definitions.mapValues(\.value))
    var used: Set<String> = []
    for (name, value) in settings where definitions[name] != nil {
      variables.values[name] = value
      used.insert(name)
    }
    let errorsBefore = problems.errors.count
    var recipes: [Recipe] = []
    for combination in matrix.combinations {
      var scope = scope
      scope.variables = variables
      scope.variables.values.merge(combination) { $1 }
      if let recipe = recipe(root, scope) { recipes.append(recipe) }
    }
    if problems.errors.count > errorsBefore { return ([], used) }
    return (recipes, used)
  }

  private func definitions(_ node: YAMLNode?, _ scope: Scope) -> [String: YAMLNode.Member] {
    guard let node else { return [:] }
    var result: [String: YAMLNode.Member] = [:]
    guard case .mapping(let members) = node.content else {
      problems.add(node.location, "variables must be a mapping, and this is \(node.kind)")
      return [:]
    }
    for member in members where VariableName.check(member, scope) {
      if case .scalar = member.value.content {
        result[member.key] = member
      } else {
        problems.add(
          member.value.location, "the value of a variable is a text, and this is \(member.value.kind)",
          advice: "use a matrix for several values")
      }
    }
    return result
  }

  /// The recipe for one combination; nil when something is wrong with it.
  private func recipe(_ root: YAMLNode, _ scope: Scope) -> Recipe? {
    var reader = MappingReader(root, "the recipe", scope)
    _ = reader.take("variables")
    _ = reader.take("matrix")
    let nameNode = reader.require("name", "write a line \"name: …\"")
    let name = name(nameNode, scope)
    var recipe = Recipe(name: name ?? "", location: nameNode?.location ?? root.location, builds: [])
    recipe.summary = scope.text(reader.take("summary"))
    recipe.tags = scope.texts(reader.take("tags")) { text in
      if try Reference(text).digest != nil {
        throw ValueProblem("\(shown(text)) has a digest, and a tag has none")
      }
    }
    recipe.outputs = scope.texts(reader.take("outputs")).compactMap { output($0.text, $0.node, scope) }
    recipe.budgets = scope.texts(reader.take("budgets")) { _ = try Budget($0) }
    recipe.inputs = scope.texts(reader.take("inputs")).compactMap {
      scope.existing(scope.resolved($0.text), .any, $0.node)
    }
    let platforms = platforms(reader.take("platforms"), scope)

    let source = reader.require("source", "say what the image begins with: bootstrap, scratch, dockerfile, …")
    let steps = reader.take("steps")
    let config = reader.take("config")
    let annotations = reader.take("annotations")
    let compression = reader.take("compression")
    reader.finish()
    let needs = Needs()
    for platform in platforms {
      var scope = scope
      scope.variables = scope.variables.with(platform)
      let builder = SourceReader(scope: scope, needs: needs)
      guard let source, let begin = builder.source(source) else { continue }
      var build = Recipe.Build(platform: platform.description, source: begin)
      build.steps = StepReader(scope: scope).steps(steps)
      build.changes = ConfigReader(scope: scope).changes(config)
      build.annotations = scope.table(annotations).map { Recipe.Annotation(key: $0.key, value: $0.value) }
        .sorted { $0.key < $1.key }
      build.compression = scope.value(compression) { text in
        try LayerCompression.check(text)
        return text
      }
      checkDefinitions(scope)
      recipe.builds.append(build)
    }
    recipe.needs = needs.all
    return name == nil || recipe.builds.isEmpty ? nil : recipe
  }

  /// What is defined must be right, used or not; the first that isn't is told.
  private func checkDefinitions(_ scope: Scope) {
    let definitions = scope.variables.definitions.values.filter { !$0.isNull }
    for definition in definitions.sorted(by: {
      ($0.location.line, $0.location.column) < ($1.location.line, $1.location.column)
    }) {
      if scope.text(definition, orEmpty: true) == nil { return }
    }
  }

  private func name(_ node: YAMLNode?, _ scope: Scope) -> String? {
    scope.value(node) { text in
      let isGood = text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
          || [0x2d, 0x2e, 0x5f].contains($0)
      }
      if !isGood || text.hasPrefix(".") || text.hasPrefix("-") || text.utf8.count > 200 {
        throw ValueProblem(
          "\(shown(text)) can't be a name: it has letters, digits, \".\", \"_\" and \"-\", and starts with "
            + "none of \".\" and \"-\"")
      }
      return text
    }
  }

  private func output(_ text: String, _ node: YAMLNode, _ scope: Scope) -> String? {
    do {
      let location = try ImageLocation(text, for: .output)
      if location == .stream {
        problems.add(node.location, "an image can't go to standard output from here", advice: "name a file")
        return nil
      }
      return scope.resolved(location).description
    } catch {
      problems.add(node.location, "\(error)")
      return nil
    }
  }

  private func platforms(_ node: YAMLNode?, _ scope: Scope) -> [Platform] {
    guard let node else { return [.host] }
    let items = scope.texts(node)
    var platforms: [Platform] = []
    for item in items {
      do {
        let platform = try Platform(item.text)
        if platform.debianArchitecture == nil {
          problems.add(
            item.node.location, "\(shown(item.text)) is no platform that Debian has",
            advice: "as linux/amd64 or linux/arm64")
        } else if platforms.contains(platform) {
          problems.add(
            item.node.location, "the platform \(platform) is here twice", advice: "keep one of them")
        } else {
          platforms.append(platform)
        }
      } catch {
        problems.add(item.node.location, "\(error)")
      }
    }
    if case .sequence(let all) = node.content, items.isEmpty {
      problems.add(
        all.first?.location ?? node.location, "there is no platform",
        advice: "name one, as linux/amd64, or leave the key out")
    }
    return platforms
  }
}

/// What is wrong with a value, for `Scope.value`.
struct ValueProblem: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// The recipes that are needed, each once.
final class Needs {
  private(set) var all: [Recipe.Need] = []

  /// Adds the recipe that a value names.
  func add(_ node: YAMLNode, _ scope: Scope) -> String? {
    guard let name = scope.text(node) else { return nil }
    if !all.contains(where: { $0.name == name }) {
      all.append(Recipe.Need(name: name, location: node.location))
    }
    return name
  }
}
