import Posix
import Recipe
import SystemPackage
import TestSupport
import Testing

@Suite("The page about recipes")
struct RecipeDocumentationTests {
  /// The blocks of YAML on the page, without their indentation, and the line where each starts.
  private func blocks() throws -> [(line: Int, text: String)] {
    let bytes = try readBytes(SchemaTests.package.appending("docs/recipes.md"))
    var blocks: [(line: Int, text: String)] = []
    var lines: [Substring]?
    var indentation = 0
    for (index, line) in String(decoding: bytes, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).enumerated() {
      let text = line.drop { $0 == " " }
      if text == "```yaml" {
        lines = []
        indentation = line.count - text.count
      } else if text == "```", let block = lines {
        blocks.append((index - block.count, block.joined(separator: "\n") + "\n"))
        lines = nil
      } else {
        lines?.append(line.dropFirst(indentation))
      }
    }
    return blocks
  }

  /// A whole recipe: a part gets what it lacks.
  private func completed(_ text: String) -> String {
    if text.hasPrefix("name:") { return text }
    let part = text.hasPrefix("- ") ? "steps:\n" + text : text
    let source = part.hasPrefix("source:") ? "" : "source: {bootstrap: {suite: trixie}}\n"
    return "name: part\n" + source + part
  }

  @Test("Its examples are recipes")
  func examples() throws {
    let blocks = try blocks()
    #expect(blocks.count >= 5)
    let other = "name: debian-trixie-curl\nsource: {bootstrap: {suite: trixie}}\n"
    for block in blocks {
      let folder = try TemporaryDirectory()
      try folder.write("motd", "")
      let file = try folder.write("example.yaml", completed(block.text))
      var files = [file]
      if block.text.contains("{recipe:") { files.append(try folder.write("other.yaml", other)) }
      #expect(throws: Never.self, "the example in line \(block.line)") { try RecipeSet(loading: files) }
    }
  }

  @Test("It names every key that there is")
  func keys() throws {
    let page = String(
      decoding: try readBytes(SchemaTests.package.appending("docs/recipes.md")), as: UTF8.self)
    let script = """
      import json, sys
      def keys(schema):
          if isinstance(schema, dict):
              if isinstance(schema.get('properties'), dict): yield from schema['properties']
              for value in schema.values(): yield from keys(value)
          elif isinstance(schema, list):
              for value in schema: yield from keys(value)
      print('\\n'.join(sorted(set(keys(json.load(open(sys.argv[1])))))))
      """
    let schema = SchemaTests.package.appending("docs/recipe.schema.json")
    let names = try Tool.python(script, [schema.string]).text.split(separator: "\n")
    #expect(names.count > 60)
    for name in names {
      let isNamed = page.contains("`\(name)`") || page.contains("`\(name):") || page.contains("\(name): ")
      #expect(isNamed, "\(name)")
    }
  }
}
