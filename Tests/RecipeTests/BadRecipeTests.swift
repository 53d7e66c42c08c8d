import Posix
import Recipe
import SystemPackage
import TestSupport
import Testing

/// A recipe with something wrong, at the place before which a `‸` stands.
struct BadRecipe: Sendable, CustomTestStringConvertible {
  let summary: String
  let marked: String
  /// What the message must say.
  let message: String

  /// Whether the schema can't see it: it needs names, other files, or the meaning of a text.
  var isBeyondSchema = false

  init(_ summary: String, _ marked: String, _ message: String) {
    self.summary = summary
    self.marked = marked
    self.message = message
  }

  var testDescription: String { summary }

  /// The same, which only we refuse.
  var beyondSchema: BadRecipe {
    var bad = self
    bad.isBeyondSchema = true
    return bad
  }

  /// The recipe itself.
  var text: String { marked.replacing("‸", with: "") }

  /// The line and the column of the mark.
  var place: (line: Int, column: Int) {
    let before = marked[..<(marked.firstIndex(of: "‸") ?? marked.startIndex)]
    let lines = before.split(separator: "\n", omittingEmptySubsequences: false)
    return (lines.count, (lines.last?.unicodeScalars.count ?? 0) + 1)
  }
}

/// A recipe whose source is given; columns of what is in `source` are as written.
private func source(_ text: String) -> String { "name: x\nsource:\n" + text }
/// A good source, and more.
private func with(_ text: String) -> String { "name: x\nsource: {recipe: y}\n" + text }

let badRecipes: [BadRecipe] = [
  // YAML itself.
  BadRecipe("nothing", "‸", "the file is empty; a recipe has at least name and source"),
  BadRecipe("only a comment", "‸# nothing\n", "the file is empty"),
  BadRecipe("a list", "‸- name: x\n", "the recipe must be a mapping, and this is a list"),
  BadRecipe("a tab for indentation", "name: x\nsource:\n‸\tscratch: {}\n", "indent with spaces"),
  BadRecipe("an open bracket", "name: x\ntags: [a, b\nsource‸: {recipe: y}\n", "this is no YAML"),
  BadRecipe("an open quote", "name: \"x\nsource: 1\n‸", "unexpected end of stream"),
  BadRecipe("a colon too many", "name: a‸: b\n", "quote a text that has \": \" in it"),
  BadRecipe("two documents", with("‸---\nname: z\n"), "a second document starts here"),
  BadRecipe("a tag", "name: ‸!!python/object:os.system x\n", "tags of YAML"),
  BadRecipe("a tag on a list", with("tags: ‸!!set [a]\n"), "tags of YAML"),
  BadRecipe("an anchor", "name: ‸&a x\n", "anchors of YAML are not read"),
  BadRecipe("an alias", "name: x\nsummary: ‸*a\n", "aliases of YAML are not read"),
  BadRecipe(
    "a key twice", "name: x\nsource: {recipe: y}\n‸name: z\n", "the key \"name\" is here twice: line 1 has it"
  ),
  BadRecipe("a list as a key", "name: x\n? ‸[a]\n: b\n", "a key must be a text, and this is a list"),
  BadRecipe(
    "too deep",
    "name: x\nsummary: " + String(repeating: "[", count: 20) + "‸[]" + String(repeating: "]", count: 20),
    "nested more than 20 levels deep"),
  BadRecipe("a control character", "name: x‸\u{1}\n", "control characters are not allowed"),
  // Keys.
  BadRecipe(
    "an unknown key", with("‸sumary: s\n"), "the recipe has no key \"sumary\"; do you mean \"summary\"?"),
  BadRecipe(
    "an unknown key that is near nothing", with("‸zzzzzzzzzz: s\n"), "there are annotations, budgets, "),
  BadRecipe("no name", "‸source: {recipe: y}\n", "the recipe has no \"name\""),
  BadRecipe("no source", "‸name: x\n", "the recipe has no \"source\""),
  BadRecipe(
    "an empty source", "name: x\nsource: ‸{}\n", "source is empty; give it one of bootstrap, scratch"),
  BadRecipe("a source of nothing", "name: x\nsource:‸\n", "source must be a mapping, and this is nothing"),
  BadRecipe(
    "two sources", "name: x\nsource: {recipe: y, ‸image: oci:z}\n",
    "source has \"recipe\" and \"image\"; keep one"),
  BadRecipe("an unknown source", "name: x\nsource: {‸boostrap: {}}\n", "do you mean \"bootstrap\"?"),
  BadRecipe(
    "an unknown step", with("steps:\n  - ‸package: {}\n"),
    "a step has no key \"package\"; do you mean \"packages\"?"),
  BadRecipe(
    "two steps in one", with("steps:\n  - squash: {}\n    ‸extras: {tmp: true}\n"),
    "a step has \"squash\" and \"extras\""),
  BadRecipe(
    "a nested unknown key", source("  bootstrap: {suite: a, ‸varient: b}\n"),
    "bootstrap has no key \"varient\"; do you mean \"variant\"?"),
  BadRecipe("an unknown key of config", with("config: {‸command: x}\n"), "config has no key \"command\""),
  // Types.
  BadRecipe("a list for a text", "name: ‸[x]\nsource: {recipe: y}\n", "a text is expected here, not a list"),
  BadRecipe(
    "a text for a list", with("tags: ‸debian\n"), "a list is expected here, not a text; write [one, two]"),
  BadRecipe(
    "a text for a mapping", "name: x\nsource: ‸debian\n", "source must be a mapping, and this is a text"),
  BadRecipe("a list for a mapping", with("annotations: ‸[a]\n"), "a mapping is expected here, not a list"),
  BadRecipe(
    "a mapping in a list of texts", with("tags:\n  - ‸a: b\n"), "a text is expected here, not a mapping"),
  BadRecipe("nothing for a text", "name:‸\nsource: {recipe: y}\n", "a value is missing here"),
  BadRecipe(
    "no boolean", source("  bootstrap: {suite: a, slim: ‸yes}\n"),
    "\"yes\" is not true or false; write true or false"
  ).beyondSchema,
  BadRecipe("an empty text", with("summary: ‸\"\"\n"), "the text is empty"),
  // Variables.
  BadRecipe(
    "an unknown variable", "variables: {suite: a}\nname: ‸x-${suit}\nsource: {recipe: y}\n",
    "there is no variable \"suit\"; do you mean \"suite\"?"
  ).beyondSchema,
  BadRecipe("an open variable", "name: ‸x-${suite\nsource: {recipe: y}\n", "\"${\" is not closed")
    .beyondSchema,
  BadRecipe(
    "a variable of itself", "variables:\n  a: ‸${b}\n  b: ${a}\nname: x${a}\nsource: {recipe: y}\n",
    "this variable is made of itself"
  ).beyondSchema,
  BadRecipe(
    "an unused variable of nothing", "variables: {a: ‸\"${b}\"}\nname: x\nsource: {recipe: y}\n",
    "there is no variable \"b\""
  ).beyondSchema,
  BadRecipe(
    "a list as a variable", "variables: {a: ‸[b]}\nname: x\nsource: {recipe: y}\n",
    "the value of a variable is a text"),
  BadRecipe(
    "a variable named arch", "variables: {‸arch: b}\nname: x\nsource: {recipe: y}\n",
    "\"arch\" is known by itself"),
  BadRecipe(
    "a bad name of a variable", "variables: {‸a b: c}\nname: x\nsource: {recipe: y}\n",
    "can't be the name of a variable"),
  BadRecipe(
    "the architecture in the name", "name: ‸x-${arch}\nsource: {recipe: y}\n",
    "\"arch\" differs from platform to platform"
  ).beyondSchema,
  // Matrices.
  BadRecipe("an empty matrix", "name: x\nmatrix: ‸{}\nsource: {recipe: y}\n", "the matrix has no values"),
  BadRecipe(
    "an empty list in a matrix", "name: x${s}\nmatrix: {s: ‸[]}\nsource: {recipe: y}\n",
    "the list \"s\" of the matrix is empty"),
  BadRecipe(
    "all of a matrix excluded", "name: x${s}\nmatrix: ‸{s: [a], exclude: [{s: a}]}\nsource: {recipe: y}\n",
    "the matrix is empty: all is excluded"
  ).beyondSchema,
  BadRecipe(
    "an excluded name that isn't there",
    "name: x${s}\nmatrix: {s: [a, b], exclude: [{‸t: a}]}\nsource: {recipe: y}\n", "the matrix has no \"t\""
  ).beyondSchema,
  BadRecipe(
    "an excluded value that isn't there",
    "name: x${s}\nmatrix: {s: [trixie, b], exclude: [{s: ‸trixi}]}\nsource: {recipe: y}\n",
    "do you mean \"trixie\"?"
  ).beyondSchema,
  BadRecipe(
    "a matrix that isn't in the name", "name: ‸x\nmatrix: {s: [a, b]}\nsource: {recipe: y}\n",
    "several images of the matrix are named \"x\""
  ).beyondSchema,
  BadRecipe(
    "a value twice in a matrix", "name: x${s}\nmatrix: {s: [a, ‸a]}\nsource: {recipe: y}\n",
    "\"a\" is here twice"),
  BadRecipe(
    "a variable in both", "variables: {s: b}\nname: x${s}\nmatrix: {‸s: [a]}\nsource: {recipe: y}\n",
    "\"s\" is a variable in line 1 already"
  ).beyondSchema,
  BadRecipe(
    "a matrix without end",
    "name: x${a}${b}${c}\nmatrix: ‸{a: [1,2,3,4,5,6,7,8,9,0,11,12], b: [1,2,3,4,5,6,7,8,9,0], c: [1,2,3,4,5,6,7,8,9,0]}\nsource: {recipe: y}\n",
    "more than 1000 images"
  ).beyondSchema,
  BadRecipe(
    "an item of a matrix that lacks a name",
    "name: x${a}\nmatrix: {i: [{a: 1, b: 2}, ‸{a: 2}]}\nsource: {recipe: y}\n",
    "an item of i has no \"b\"; all items have the same names"
  ).beyondSchema,
  BadRecipe(
    "an item of a matrix with another name",
    "name: x${a}\nmatrix: {i: [{a: 1}, {a: 2, ‸b: 3}]}\nsource: {recipe: y}\n",
    "an item of i has no key \"b\""
  ).beyondSchema,
  BadRecipe(
    "a text among the mappings of a matrix", "name: x${a}\nmatrix: {i: [{a: 1}, ‸2]}\nsource: {recipe: y}\n",
    "this is a text, and the first item is a mapping"),
  BadRecipe(
    "a mapping among the texts of a matrix", "name: x${i}\nmatrix: {i: [1, {‸a: 2}]}\nsource: {recipe: y}\n",
    "an item of i has no key \"a\""),
  BadRecipe(
    "a name in two lists of a matrix", "name: x${a}\nmatrix: {a: [1], i: [{‸a: 2}]}\nsource: {recipe: y}\n",
    "\"a\" is a variable in line 2 already"
  ).beyondSchema,
  // Values.
  BadRecipe("a name with a slash", "name: ‸a/b\nsource: {recipe: y}\n", "\"a/b\" can't be a name"),
  BadRecipe(
    "no platform", with("platforms: [linux/amd64, ‸windows/amd64]\n"), "is no platform that Debian has"
  ).beyondSchema,
  BadRecipe(
    "a platform twice", with("platforms: [linux/arm64, ‸arm64]\n"), "the platform linux/arm64 is here twice"
  ).beyondSchema,
  BadRecipe("no platforms", with("platforms: ‸[]\n"), "there is no platform"),
  BadRecipe("a bad tag", with("tags: [a, ‸B:c]\n"), "has capital letters").beyondSchema,
  BadRecipe("a bad budget", with("budgets: [total<3MB, ‸total<3XB]\n"), "character 8: \"XB\" is no unit")
    .beyondSchema,
  BadRecipe("a bad compression", with("compression: ‸lz4\n"), "unknown compression \"lz4\""),
  BadRecipe(
    "a compression that layers can't have", with("compression: ‸xz\n"),
    "layers are compressed with gzip, zstd or none"),
  BadRecipe("a bad level", with("compression: ‸zstd:99\n"), "zstd").beyondSchema,
  BadRecipe(
    "an output to another tool", with("outputs: [‸\"containers-storage:x\"]\n"),
    "the transport containers-storage:"
  ).beyondSchema,
  BadRecipe("no suite", source("  bootstrap: ‸{variant: minbase}\n"), "bootstrap has no \"suite\""),
  BadRecipe("a bad suite", source("  bootstrap: {suite: ‸--help}\n"), "can't be a suite").beyondSchema,
  BadRecipe(
    "a bad variant", source("  bootstrap: {suite: a, variant: ‸minbsae}\n"),
    "\"minbsae\" is no variant; do you mean \"minbase\"?"),
  BadRecipe(
    "a bad engine", source("  bootstrap: {suite: a, engine: ‸cdebootstrap}\n"),
    "is no engine; do you mean \"debootstrap\"?"),
  BadRecipe(
    "a bad package", source("  bootstrap: {suite: a, include: [b, ‸-c]}\n"), "\"-c\" can't be a package"
  ).beyondSchema,
  BadRecipe(
    "no dependencies of a whole system", source("  bootstrap: {suite: a, dependencies: ‸false}\n"),
    "add \"variant: extract\""),
  BadRecipe(
    "a relative path rule", source("  bootstrap: {suite: a, path-rules: [{exclude: ‸usr/share/doc}]}\n"),
    "they start with \"/\""),
  BadRecipe(
    "a keyring that isn't there", source("  bootstrap: {suite: a, keyrings: [‸k.gpg]}\n"), "there is no "
  ).beyondSchema,
  BadRecipe(
    "a mirror that isn't there", source("  bootstrap: {suite: a, mirrors: [‸./m.list]}\n"),
    "relative paths start at the recipe's folder"
  ).beyondSchema,
  BadRecipe(
    "a Dockerfile that isn't there", source("  dockerfile: {file: ‸Containerfile}\n"), "there is no "
  ).beyondSchema,
  BadRecipe("a program that isn't there", source("  scratch: {files: [‸bin/x]}\n"), "there is no ")
    .beyondSchema,
  BadRecipe(
    "a program that is relative to a root", source("  scratch: {root: {recipe: y}, files: [‸usr/bin/x]}\n"),
    "must start with \"/\""
  ).beyondSchema,
  BadRecipe("a bad user", source("  scratch: {user: ‸\"a:b\"}\n"), "is no number"),
  BadRecipe(
    "a URL without digest", source("  import: {from: ‸https://example.org/r.tar}\n"), "add \"sha256: …\""),
  BadRecipe(
    "a bad digest", source("  import: {from: https://example.org/r.tar, sha256: ‸abc}\n"),
    "\"abc\" is no SHA-256"),
  BadRecipe("an image that isn't there", "name: x\nsource: {image: ‸oci:nowhere:tag}\n", "there is no ")
    .beyondSchema,
  BadRecipe("no packages", with("steps:\n  - packages: ‸{suite: trixie}\n"), "packages has no \"include\""),
  BadRecipe(
    "an empty list of packages", with("steps: [packages: {include: ‸[]}]\n"), "no package is added here"),
  BadRecipe(
    "a file of two contents", with("steps: [files: [{source: ., text: ‸a, destination: /b}]]\n"),
    "a file has \"source\" and \"text\""),
  BadRecipe(
    "a file of no content", with("steps: [files: [‸{destination: /b}]]\n"), "a file has no \"source\""),
  BadRecipe(
    "a relative destination", with("steps: [files: [{text: a, destination: ‸etc/b}]]\n"),
    "\"etc/b\" can't be a destination"),
  BadRecipe(
    "a destination that goes up", with("steps: [files: [{text: a, destination: ‸/etc/../b}]]\n"),
    "can't be a destination"),
  BadRecipe(
    "a bad mode", with("steps: [files: [{text: a, destination: /b, mode: ‸rwx}]]\n"), "\"rwx\" is no mode"),
  BadRecipe(
    "a bad owner", with("steps: [files: [{text: a, destination: /b, owner: ‸\"a:b:c\"}]]\n"),
    "is not USER or USER:GROUP"),
  BadRecipe(
    "a bad rule of squash", with("steps: [squash: {shrink: [docs, ‸mna]}]\n"),
    "there is no rule \"mna\"; do you mean \"man\"?"),
  BadRecipe("bad layers of squash", with("steps: [squash: {layers: ‸top}]\n"), "doesn't say which layers"),
  BadRecipe(
    "a bad number of layers", with("steps: [squash: {layers: {last: ‸0}}]\n"), "\"0\" is no number of layers"),
  BadRecipe("a bad signal", with("config: {stop-signal: ‸SIGFOO}\n"), "is not a signal").beyondSchema,
  BadRecipe("a bad port", with("config: {expose: [80, ‸x]}\n"), "is not a port").beyondSchema,
  BadRecipe("a bad duration", with("config: {healthcheck: {test: [a], interval: ‸soon}}\n"), "interval: ")
    .beyondSchema,
  BadRecipe(
    "a healthcheck without a command", with("config: {healthcheck: ‸{retries: 3}}\n"),
    "healthcheck has no \"test\""),
  BadRecipe("a list in quotes", with("config: {cmd: ‸'[\"a\"]'}\n"), "a list in quotes is a text"),
  BadRecipe(
    "a list as a text for the shell", with("config: {shell: ‸/bin/sh -c}\n"), "a list is expected here"),
  BadRecipe("a line end in a variable", with("config: {env: {A: ‸\"b\\nc\"}}\n"), "a line can't end within")
    .beyondSchema,
  BadRecipe(
    "an instruction that can't wait", with("config: {onbuild: [‸FRM x]}\n"), "there is no instruction \"FRM\""
  ).beyondSchema,
  // What recipes need of one another.
  BadRecipe(
    "a recipe that isn't there", "name: debian-trixie\nsource: {recipe: ‸debian-trixi}\n",
    "there is no recipe \"debian-trixi\"; do you mean \"debian-trixie\"?"
  ).beyondSchema,
  BadRecipe(
    "a root that isn't there", source("  scratch: {root: {recipe: ‸base}, files: [/bin/x]}\n"),
    "there is no recipe \"base\""
  ).beyondSchema,
  BadRecipe(
    "a recipe that needs itself", "name: x\nsource: {recipe: ‸x}\n", "recipes need one another: x → x"
  ).beyondSchema,
]

@Suite("Bad recipes")
struct BadRecipeTests {
  @Test("Each gives one line, with the place and what to do", arguments: badRecipes)
  func oneLine(_ bad: BadRecipe) throws {
    let folder = try TemporaryDirectory()
    let file = try folder.write("r.yaml", bad.text)
    let errors = try #require(throws: RecipeErrors.self) { try RecipeSet(loading: [file]) }
    #expect(errors.errors.count == 1, "\(errors)")
    let error = try #require(errors.errors.first)
    let line = "\(error)"
    #expect(line.hasPrefix("\(file):\(bad.place.line):\(bad.place.column): "), "\(line)")
    #expect(line.contains(bad.message), "\(line)")
    #expect(!line.contains("\n"))
  }

  @Test("All errors of all files are told, in their order")
  func all() throws {
    let folder = try TemporaryDirectory()
    try folder.write("b.yaml", "name: x\nsource: {bootstrap: {suite: a, variant: b}}\ntags: [B]\nfoo: 1\n")
    try folder.write("a.yaml", "nam: x\n")
    let errors = try #require(throws: RecipeErrors.self) { try RecipeSet(loading: [folder.path]) }
    let lines = errors.errors.compactMap { error in
      error.location.map { "\($0.file.lastComponent?.string ?? ""):\($0.line):\($0.column)" }
    }
    #expect(lines == ["a.yaml:1:1", "b.yaml:2:41", "b.yaml:3:8", "b.yaml:4:1"], "\(errors)")
  }
}
