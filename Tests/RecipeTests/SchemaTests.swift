import Posix
import Recipe
import SystemPackage
import TestSupport
import Testing

/// Validates YAML files against the schema, one verdict a line: `ok`, or why not.
private let script = """
  import json, sys, yaml, jsonschema
  class Loader(yaml.SafeLoader):
      def construct_mapping(self, node, deep=False):
          keys = [key.value for key, _ in node.value]
          if len(keys) != len(set(keys)): raise yaml.YAMLError('a key twice')
          return super().construct_mapping(node, deep)
  # Times are texts to us.
  Loader.yaml_implicit_resolvers = {
      first: [(tag, form) for tag, form in forms if not tag.endswith(':timestamp')]
      for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()}
  with open(sys.argv[1]) as file: schema = json.load(file)
  jsonschema.Draft202012Validator.check_schema(schema)
  validator = jsonschema.Draft202012Validator(schema)
  for name in sys.argv[2:]:
      try:
          with open(name, encoding='utf-8') as file: document = yaml.load(file, Loader)
          errors = sorted(validator.iter_errors(document), key=lambda error: str(error.path))
          print('no ' + errors[0].message.replace('\\n', ' ') if errors else 'ok')
      except (yaml.YAMLError, TypeError) as error:
          print('no ' + str(error).split('\\n')[0])
  """

/// The names in a folder, sorted.
private func names(in folder: FilePath) throws -> [String] {
  let directory = try openFile(folder, .directory)
  return try listDirectory(directory.raw, shown: folder.string).map { String(decoding: $0, as: UTF8.self) }
}

@Suite("The schema of recipes")
struct SchemaTests {
  /// The folder of the package.
  static let package = FilePath(#filePath).removingLastComponent().removingLastComponent()
    .removingLastComponent()

  private func verdicts(_ files: [FilePath]) throws -> [String] {
    let schema = Self.package.appending("docs/recipe.schema.json")
    let output = try Tool.python(script, [schema.string] + files.map(\.string)).text
    return output.split(separator: "\n").map(String.init)
  }

  @Test("It takes all recipes of the package")
  func recipes() throws {
    let folder = Self.package.appending("recipes")
    let files = try names(in: folder).map { folder.appending($0) }.filter { $0.extension == "yaml" }
    #expect(files.count > 5)
    for (file, verdict) in zip(files, try verdicts(files)) { #expect(verdict == "ok", "\(file)") }
  }

  @Test("It refuses what is refused for its form, and leaves to us what needs a look at the world")
  func bad() throws {
    let folder = try TemporaryDirectory()
    var files: [FilePath] = []
    for (index, bad) in badRecipes.enumerated() { files.append(try folder.write("\(index).yaml", bad.text)) }
    let found = try verdicts(files)
    #expect(found.count == badRecipes.count)
    for (bad, verdict) in zip(badRecipes, found) {
      #expect((verdict == "ok") == bad.isBeyondSchema, "\(bad.summary): \(verdict)")
    }
  }
}

@Suite("The recipes of the package")
struct PackageRecipesTests {
  @Test("All are read, and have tags, budgets and what they need")
  func all() throws {
    let folder = try TemporaryDirectory()
    let tools =
      try names(in: SchemaTests.package.appending("Sources")).filter { $0.hasPrefix("garboard") }
      + ["garboard-build", "garboard-cache"]
    // The programs themselves need not be built here.
    for tool in tools { try folder.write(tool, "") }
    let set = try RecipeSet(
      loading: [SchemaTests.package.appending("recipes")], settings: ["programs": folder.path.string])
    for suite in ["bookworm", "trixie", "forky"] {
      for kind in ["minbase", "slim", "buildd"] { #expect(set["debian-\(suite)-\(kind)"] != nil) }
    }
    for recipe in set.recipes {
      #expect(!recipe.tags.isEmpty, "\(recipe.name)")
      #expect(!recipe.budgets.isEmpty, "\(recipe.name)")
    }
    let order = set.ordered().map(\.name)
    let family = ["static", "base", "cc", "python3", "hello"].compactMap { order.firstIndex(of: $0) }
    #expect(family.count == 5)
    #expect(family == family.sorted())
    // The image of the tools has all of them.
    guard case .scratch(let own)? = set["garboard"]?.builds.first?.source else {
      Issue.record("garboard isn't made from scratch")
      return
    }
    #expect(Set(own.files) == Set(tools.map { "\(folder.path)/\($0):/usr/bin/\($0)" }))
  }
}
