import Bootstrap
import Dockerfile
import Posix
import Rootfs
import SystemPackage

/// Reads what an image begins with.
struct SourceReader {
  let scope: Scope
  let needs: Needs

  private var problems: Problems { scope.problems }

  func source(_ node: YAMLNode) -> Recipe.Source? {
    var reader = MappingReader(node, "source", scope)
    let keys = ["bootstrap", "scratch", "dockerfile", "import", "recipe", "image"]
    guard let member = reader.one(of: keys) else { return nil }
    let value = member.value
    switch member.key {
    case "bootstrap": return bootstrap(value).map { .bootstrap($0) }
    case "scratch": return .scratch(scratch(value))
    case "dockerfile": return dockerfile(value).map { .dockerfile($0) }
    case "import": return importing(value).map { .importing($0) }
    case "recipe": return needs.add(value, scope).map { .recipe($0) }
    default: return scope.image(value).map { .image($0) }
    }
  }

  // MARK: - bootstrap

  private func bootstrap(_ node: YAMLNode) -> Recipe.Bootstrap? {
    var reader = MappingReader(node, "bootstrap", scope)
    let values = DebianValues(scope: scope)
    let suite = reader.require("suite", "as \"suite: trixie\"").flatMap { values.suite($0) }
    var result = Recipe.Bootstrap(suite: suite ?? "")
    let variant = scope.choice(reader.take("variant"), "variant", of: BootstrapRequest.Variant.self)
    result.variant = variant?.rawValue
    result.include = values.packages(reader.take("include"))
    result.exclude = values.names(reader.take("exclude")) { $0.exclude = [$1] }
    result.components = values.names(reader.take("components")) { $0.components = [$1] }
    result.mirrors = values.mirrors(reader.take("mirrors"))
    result.keyrings = scope.texts(reader.take("keyrings")).compactMap {
      scope.existing(scope.resolved($0.text), .file, $0.node)
    }
    result.isSlim = scope.bool(reader.take("slim")) ?? false
    let dependencies = reader.take("dependencies")
    result.leavesOutDependencies = scope.bool(dependencies) == false
    if let dependencies, result.leavesOutDependencies, variant != .extract {
      problems.add(
        dependencies.location, "only unpacked packages can do without what they depend on",
        advice: "add \"variant: extract\"")
    }
    result.paths = pathRules(reader.take("path-rules"))
    result.hooks = values.hooks(reader.take("hooks"))
    result.aptOptions = scope.texts(reader.take("apt-options")).map(\.text)
    result.dpkgOptions = scope.texts(reader.take("dpkg-options")).map(\.text)
    result.lock = scope.path(reader.take("lock"), .file)
    result.engine = scope.choice(reader.take("engine"), "engine", of: EngineName.self)?.rawValue
    reader.finish()
    return suite == nil ? nil : result
  }

  private func pathRules(_ node: YAMLNode?) -> [Recipe.PathRule] {
    scope.items(node).compactMap { item in
      var reader = MappingReader(item, "a path rule", scope)
      guard let member = reader.one(of: ["exclude", "include"]) else { return nil }
      return scope.value(member.value, advice: "as /usr/share/doc/*") { pattern in
        if !pattern.hasPrefix("/") || pattern.contains("\n") {
          throw ValueProblem("\(shown(pattern)) is no pattern for paths: they start with \"/\"")
        }
        return Recipe.PathRule(isExcluded: member.key == "exclude", pattern: pattern)
      }
    }
  }

  // MARK: - scratch

  private func scratch(_ node: YAMLNode) -> Recipe.Scratch {
    var reader = MappingReader(node, "scratch", scope)
    var result = Recipe.Scratch()
    if let root = reader.take("root") { result.root = self.root(root) }
    let isOfHost = result.root == nil
    result.files = scope.texts(reader.take("files")).compactMap {
      FileValue(scope: scope, isOfHost: isOfHost).program($0.text, $0.node)
    }
    result.addsLibraries = scope.bool(reader.take("libraries")) ?? false
    result.extras = ExtrasReader(scope: scope).extras(&reader)
    result.add = scope.texts(reader.take("add")).compactMap {
      FileValue(scope: scope, isOfHost: isOfHost).addition($0.text, $0.node)
    }
    reader.finish()
    return result
  }

  private func root(_ node: YAMLNode) -> Recipe.Scratch.Root? {
    var reader = MappingReader(node, "root", scope)
    guard let member = reader.one(of: ["recipe", "image", "folder"]) else { return nil }
    switch member.key {
    case "recipe": return needs.add(member.value, scope).map { .recipe($0) }
    case "image": return scope.image(member.value).map { .image($0) }
    default: return scope.path(member.value, .folder).map { .folder($0) }
    }
  }

  // MARK: - dockerfile

  private func dockerfile(_ node: YAMLNode) -> Recipe.DockerfileBuild? {
    var reader = MappingReader(node, "dockerfile", scope)
    let contextNode = reader.take("context")
    let fileNode = reader.take("file")
    var context: FilePath? = scope.resolved(".")
    if let contextNode { context = scope.path(contextNode, .folder) }
    var file: FilePath?
    if let fileNode {
      file = scope.path(fileNode, .file)
    } else if let context {
      file = scope.existing(context.appending("Dockerfile"), .file, node)
    }
    let target = scope.text(reader.take("target"))
    let arguments = scope.table(reader.take("arguments"))
    var recipes: [Recipe.DockerfileBuild.NamedRecipe] = []
    if let images = reader.take("images") {
      for entry in scope.table(images) {
        if let recipe = needs.add(entry.member.value, scope) {
          recipes.append(Recipe.DockerfileBuild.NamedRecipe(name: entry.key, recipe: recipe))
        }
      }
    }
    reader.finish()
    guard let file, let context else { return nil }
    checkDockerfile(file, fileNode ?? node)
    var result = Recipe.DockerfileBuild(file: file, context: context)
    result.target = target
    result.arguments = arguments.map { Recipe.Annotation(key: $0.key, value: $0.value) }.sorted {
      $0.key < $1.key
    }
    result.recipes = recipes.sorted { $0.name < $1.name }
    return result
  }

  /// Reports what is wrong in the Dockerfile itself, where it is wrong.
  private func checkDockerfile(_ file: FilePath, _ node: YAMLNode) {
    do {
      let bytes = try HostPath.bytes(of: file, limit: YAMLParser.maximalSize)
      _ = try Dockerfile(parsing: bytes)
    } catch let error as DockerfileError {
      let place = RecipeLocation(file: file, line: error.position.line, column: error.position.column)
      problems.add(place, "\(error.instruction.isEmpty ? "" : error.instruction + ": ")\(error.reason)")
    } catch {
      problems.add(node.location, "\(error)")
    }
  }

  // MARK: - import

  private func importing(_ node: YAMLNode) -> Recipe.Import? {
    var reader = MappingReader(node, "import", scope)
    let from = reader.require("from", "as \"from: rootfs.tar.xz\"").flatMap { node in
      scope.text(node).map { (text: $0, node: node) }
    }
    let sha256 = scope.value(reader.take("sha256"), advice: "sha256sum FILE says it") { text in
      let isHex = text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
      if text.utf8.count != 64 || !isHex {
        throw ValueProblem("\(shown(text)) is no SHA-256: it has 64 digits of 0-9 and a-f")
      }
      return text
    }
    let hasDigest = reader.take("sha256") != nil
    let exclude = scope.texts(reader.take("exclude")) { _ = try Glob($0) }
    reader.finish()
    guard let from else { return nil }
    var result: Recipe.Import
    if from.text.hasPrefix("http://") || from.text.hasPrefix("https://") {
      if !hasDigest {
        problems.add(
          from.node.location, "what is downloaded must be known by its digest", advice: "add \"sha256: …\"")
        return nil
      }
      result = Recipe.Import(from: from.text)
    } else {
      guard let path = scope.existing(scope.resolved(from.text), .any, from.node) else { return nil }
      result = Recipe.Import(from: path.string)
    }
    result.sha256 = sha256
    result.exclude = exclude
    return result
  }
}
