import Dockerfile
import Posix
public import SystemPackage

/// All recipes of some files and folders, and how they depend on one another.
public struct RecipeSet: Sendable {
  /// The recipes, in the order of the files, and within a file in that of its matrix.
  public let recipes: [Recipe]
  /// The recipes' places in `recipes`, by name.
  private let places: [String: Int]

  /// Reads recipes, and checks all that can be checked without making anything.
  ///
  /// - Parameters:
  ///   - paths: files, and folders, of which all `*.yaml` are read in bytewise order.
  ///   - settings: values of variables, as `--set` gives them; each must be a variable of one file at least.
  /// - Throws: all that is wrong.
  public init(loading paths: [FilePath], settings: [String: String] = [:]) throws(RecipeErrors) {
    let problems = Problems()
    var recipes: [Recipe] = []
    var used: Set<String> = []
    var read: Set<FilePath> = []
    for file in Self.files(paths, problems) where read.insert(file.lexicallyNormalized()).inserted {
      let bytes: [UInt8]
      do throws(PosixError) {
        bytes = try HostPath.bytes(of: file, limit: YAMLParser.maximalSize)
      } catch {
        problems.add(RecipeError(nil, "\(error)"))
        continue
      }
      let parsed = RecipeParser.parse(bytes, file: file, settings: settings, problems: problems)
      recipes += parsed.recipes
      used.formUnion(parsed.used)
    }
    // In a file with errors nobody knows which variables are missing, and which names.
    try problems.check()
    for name in settings.keys.sorted() where !used.contains(name) {
      problems.add(RecipeError(nil, "no recipe has a variable \(shown(name))"))
    }
    var places: [String: Int] = [:]
    for (index, recipe) in recipes.enumerated() {
      guard let other = places[recipe.name] else {
        places[recipe.name] = index
        continue
      }
      let isSame = recipes[other].location == recipe.location
      problems.add(
        recipe.location,
        isSame
          ? "several images of the matrix are named \(shown(recipe.name))"
          : "the name \(shown(recipe.name)) is taken: \(recipes[other].location) has it",
        advice: isSame ? "put all variables of the matrix into the name" : "take another one")
    }
    try problems.check()
    self.recipes = recipes
    self.places = places
    checkNeeds(problems)
    try problems.check()
    checkCycles(problems)
    try problems.check()
  }

  /// The files that paths stand for.
  private static func files(_ paths: [FilePath], _ problems: Problems) -> [FilePath] {
    var files: [FilePath] = []
    for path in paths {
      switch HostPath.kind(of: path) {
      case nil: problems.add(RecipeError(nil, "there is no \(path)"))
      case .file: files.append(path)
      case .folder:
        do throws(PosixError) {
          let folder = try openFile(path, .directory)
          let names = try listDirectory(folder.raw, shown: path.string)
          let suffix = Array(".yaml".utf8)
          let found = names.filter { $0.suffix(suffix.count) == suffix[...] && $0.first != UInt8(ascii: ".") }
            .map {
              path.appending(FilePath(platformString: $0.map { CChar(bitPattern: $0) } + [0]).components)
            }
            // A link that leads nowhere is told when it is read.
            .filter { HostPath.kind(of: $0) != .folder }
          if found.isEmpty { problems.add(RecipeError(nil, "there is no recipe (*.yaml) in \(path)")) }
          files += found
        } catch {
          problems.add(RecipeError(nil, "\(error)"))
        }
      }
    }
    return files
  }

  // MARK: - Looking up

  /// The recipe of a name.
  public subscript(name: String) -> Recipe? { places[name].map { recipes[$0] } }

  /// The recipes that a word means: a name, a pattern with `*` and `?`, or a file, which means all in it.
  ///
  /// - Throws: an error when it means none.
  public func recipes(matching word: String) throws(RecipeError) -> [Recipe] {
    if let recipe = self[word] { return [recipe] }
    let file = FilePath(word).lexicallyNormalized()
    let ofFile = recipes.filter { $0.location.file.lexicallyNormalized() == file }
    if !ofFile.isEmpty { return ofFile }
    let names = recipes.map(\.name)
    if FilePattern.isPattern(word) {
      guard let pattern = FilePattern(word) else {
        throw RecipeError(nil, "\(shown(word)) is no pattern", advice: "it has *, ? and [a-z]")
      }
      let found = recipes.filter { pattern.matches(Array($0.name.utf8)) }
      if found.isEmpty { throw RecipeError(nil, "no recipe matches \(shown(word))") }
      return found
    }
    throw RecipeError(
      nil, "there is no recipe \(shown(word))",
      advice: suggestion(word, among: names, "there are \(Self.list(names))"))
  }

  private static func list(_ names: [String]) -> String {
    names.prefix(20).joined(separator: ", ") + (names.count > 20 ? ", …" : "")
  }

  // MARK: - The graph

  /// Recipes and all that they need, each once, after what it needs itself; else in the order of `recipes`.
  ///
  /// - Parameter wanted: recipes of this set; all when nil.
  public func ordered(_ wanted: [Recipe]? = nil) -> [Recipe] {
    var isDone = [Bool](repeating: false, count: recipes.count)
    var result: [Recipe] = []
    // A recipe is pushed again above those that need it; there are no cycles.
    var stack = (wanted ?? recipes).compactMap { places[$0.name] }.sorted().reversed().map { $0 }
    while let index = stack.last {
      let missing = recipes[index].needs.compactMap { places[$0.name] }.filter { !isDone[$0] }
      if isDone[index] || missing.isEmpty {
        stack.removeLast()
        if !isDone[index] { result.append(recipes[index]) }
        isDone[index] = true
      } else {
        stack += missing.reversed()
      }
    }
    return result
  }

  /// Reports needs that no recipe has, or has not for a platform.
  private func checkNeeds(_ problems: Problems) {
    let names = recipes.map(\.name)
    for recipe in recipes {
      for need in recipe.needs {
        guard let other = self[need.name] else {
          problems.add(
            need.location, "there is no recipe \(shown(need.name))",
            advice: suggestion(need.name, among: names, "there are \(Self.list(names))"))
          continue
        }
        let platforms = other.builds.map(\.platform)
        for build in recipe.builds where !platforms.contains(build.platform) {
          problems.add(
            need.location, "\(shown(need.name)) isn't made for \(build.platform)",
            advice: "add it to its platforms: \(other.location)")
        }
      }
    }
  }

  /// Reports needs that lead back.
  private func checkCycles(_ problems: Problems) {
    enum State { case new, open, done }
    var states = [State](repeating: .new, count: recipes.count)
    for start in recipes.indices where states[start] == .new {
      var path: [(recipe: Int, next: Int)] = [(start, 0)]
      states[start] = .open
      while let (index, next) = path.last {
        let needs = recipes[index].needs
        guard next < needs.count else {
          states[index] = .done
          path.removeLast()
          continue
        }
        path[path.count - 1].next += 1
        guard let target = places[needs[next].name] else { continue }
        switch states[target] {
        case .done: break
        case .new:
          states[target] = .open
          path.append((target, 0))
        case .open:
          let circle =
            path.drop { $0.recipe != target }.map { recipes[$0.recipe].name } + [recipes[target].name]
          problems.add(
            needs[next].location, "recipes need one another: \(circle.joined(separator: " → "))",
            advice: "one of them must begin with something else")
        }
      }
    }
  }
}
