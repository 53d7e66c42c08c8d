import Bootstrap
import Posix
import Rootfs
import Scratch
import Squash

/// Reads what is done to an image after its source.
struct StepReader {
  let scope: Scope

  private var problems: Problems { scope.problems }

  func steps(_ node: YAMLNode?) -> [Recipe.Step] {
    scope.items(node).compactMap { item in
      var reader = MappingReader(item, "a step", scope)
      guard let member = reader.one(of: ["packages", "files", "extras", "squash"]) else { return nil }
      switch member.key {
      case "packages": return packages(member.value).map { .packages($0) }
      case "files": return files(member.value).map { .files($0) }
      case "extras": return extras(member.value).map { .extras($0) }
      default: return .squash(squash(member.value))
      }
    }
  }

  private func packages(_ node: YAMLNode) -> Recipe.Packages? {
    var reader = MappingReader(node, "packages", scope)
    let values = DebianValues(scope: scope)
    var result = Recipe.Packages()
    result.suite = values.suite(reader.take("suite"))
    let include = reader.require("include", "name the packages to add: \"include: [curl]\"")
    result.include = values.packages(include)
    result.mirrors = values.mirrors(reader.take("mirrors"))
    result.leavesOutDependencies = scope.bool(reader.take("dependencies")) == false
    result.hooks = values.hooks(reader.take("hooks"))
    reader.finish()
    if let include, case .sequence(let items) = include.content, items.isEmpty {
      problems.add(include.location, "no package is added here", advice: "name one, or leave the step out")
    }
    // All of them may be variables that are empty in this image of the matrix.
    return result.include.isEmpty ? nil : result
  }

  private func files(_ node: YAMLNode) -> [Recipe.File]? {
    let items = scope.items(node)
    if case .sequence = node.content, items.isEmpty {
      problems.add(node.location, "no file is added here", advice: "name one, or leave the step out")
    }
    return items.isEmpty ? nil : items.compactMap(file)
  }

  private func file(_ node: YAMLNode) -> Recipe.File? {
    var reader = MappingReader(node, "a file", scope)
    let source = reader.take("source")
    let text = reader.take("text")
    let destination = scope.value(reader.require("destination", "as \"destination: /etc/motd\"")) { text in
      if !Destination.isGood(text) { throw ValueProblem(Destination.problem(text)) }
      return text
    }
    let owner = scope.value(reader.take("owner"), advice: "as root, 0:0 or www-data:www-data") { text in
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      let isGood = parts.allSatisfy { part in
        !part.isEmpty && part.first != "-"
          && part.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
              || [0x2d, 0x2e, 0x5f].contains($0)
          }
      }
      if parts.count > 2 || !isGood { throw ValueProblem("\(shown(text)) is not USER or USER:GROUP") }
      return text
    }
    let mode = scope.value(reader.take("mode"), advice: "as \"0755\"") { text in
      let isOctal = text.utf8.allSatisfy { (0x30...0x37).contains($0) }
      if !isOctal || !(3...4).contains(text.utf8.count) {
        throw ValueProblem("\(shown(text)) is no mode: it has three or four digits of 0-7")
      }
      return text
    }
    reader.finish()
    var content: Recipe.File.Content?
    switch (source, text) {
    case (let source?, nil): content = scope.path(source).map { .path($0) }
    case (nil, let text?): content = scope.text(text, orEmpty: true).map { .text($0) }
    case (_?, let text?):
      problems.add(text.location, "a file has \"source\" and \"text\"", advice: "keep one of them")
    case (nil, nil):
      if reader.isMapping {
        problems.add(
          node.location, "a file has no \"source\"", advice: "say where it comes from: source or text")
      }
    }
    guard let content, let destination else { return nil }
    if case .text = content, destination.hasSuffix("/") {
      problems.add(node.location, "a text needs the name of a file, and \(shown(destination)) is a folder")
      return nil
    }
    var file = Recipe.File(content, to: destination)
    file.owner = owner
    file.mode = mode
    return file
  }

  private func extras(_ node: YAMLNode) -> Recipe.Extras? {
    var reader = MappingReader(node, "extras", scope)
    let extras = ExtrasReader(scope: scope).extras(&reader)
    reader.finish()
    if case .mapping(let members) = node.content, members.isEmpty {
      problems.add(node.location, "nothing is added here", advice: "as {certificates: true}")
    }
    return extras == Recipe.Extras() ? nil : extras
  }

  private func squash(_ node: YAMLNode) -> Recipe.Squash {
    var reader = MappingReader(node, "squash", scope)
    var result = Recipe.Squash()
    if let layers = reader.take("layers") { result.layers = self.layers(layers) ?? .all }
    result.exclude = scope.texts(reader.take("exclude")) { _ = try Glob($0) }
    result.include = scope.texts(reader.take("include")) { _ = try Glob($0) }
    let rules = ShrinkRule.all.map(\.name)
    for (text, node) in scope.texts(reader.take("shrink")) {
      if rules.contains(text) || text == "safe" {
        result.shrink.append(text)
      } else {
        problems.add(
          node.location, "there is no rule \(shown(text))",
          advice: suggestion(text, among: rules, "there are safe, \(rules.joined(separator: ", "))"))
      }
    }
    result.keepLocales = scope.texts(reader.take("keep-locales")).map(\.text)
    result.removesDuplicates = scope.bool(reader.take("duplicates")) ?? false
    reader.finish()
    return result
  }

  private func layers(_ node: YAMLNode) -> Recipe.Squash.Layers? {
    if case .mapping = node.content {
      var reader = MappingReader(node, "layers", scope)
      guard let member = reader.one(of: ["last"]) else { return nil }
      return scope.value(member.value, advice: "as {last: 2}") { text in
        guard let count = Int(text), count > 0, String(count) == text else {
          throw ValueProblem("\(shown(text)) is no number of layers")
        }
        return .last(count)
      }
    }
    return scope.value(node, advice: "there are all, above-source and {last: 2}") { text in
      switch text {
      case "all": return .all
      case "above-source": return .aboveSource
      default: throw ValueProblem("\(shown(text)) doesn't say which layers")
      }
    }
  }
}

/// Reads what programs may need besides libraries.
struct ExtrasReader {
  let scope: Scope

  func extras(_ reader: inout MappingReader) -> Recipe.Extras {
    var extras = Recipe.Extras()
    extras.certificates = scope.bool(reader.take("certificates")) ?? false
    extras.timeZones = scope.bool(reader.take("time-zones")) ?? false
    extras.nameService = scope.bool(reader.take("name-service")) ?? false
    extras.tmp = scope.bool(reader.take("tmp")) ?? false
    extras.initProcess = scope.bool(reader.take("init")) ?? false
    extras.shell = scope.bool(reader.take("shell")) ?? false
    extras.user = scope.value(reader.take("user"), advice: "as nonroot:65532:65532") { text in
      _ = try UserSpecification(parsing: text)
      return text
    }
    return extras
  }
}
