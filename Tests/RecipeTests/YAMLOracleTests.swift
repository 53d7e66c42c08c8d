import Posix
import SystemPackage
import TestSupport
import Testing

@testable import Recipe

/// Texts that are easy to read wrong.
private let texts: [(name: String, text: String)] = [
  ("plain texts", "a: b c\nd:   e   # not this\nf: http://x:80/#y\ng: -x\nh: ?y\ni: a,b\n"),
  ("plain texts of several lines", "a: one\n  two\n\n  three\nb:\n  four\n  five\n"),
  ("single quotes", "a: 'it''s'\nb: 'one\n  two\n\n  three '\nc: ''\nd: '\"'\n"),
  (
    "double quotes",
    #"a: "x\ty\n\u00e9\x41\\\"\/\e\U0001F600""# + "\nb: \"one\n  two \\\n  three\n\n  four\"\nc: \"\"\n"
  ),
  (
    "literal blocks",
    "a: |\n  one\n    two\n\n  three\n\n\nb: |-\n  x\n\nc: |+\n  y\n\n\nd: |2\n    z\ne: |1-\n w\n"
  ),
  ("folded blocks", "a: >\n  one\n  two\n\n  three\n    four\n  five\nb: >-\n  x\n  y\nc: >+\n  z\n\n"),
  ("blocks that are empty", "a: |\nb: >-\nc: |+\n\nd: x\n"),
  ("lists", "- a\n- - b\n  - c\n-\n  - d\n- [e, 'f', \"g\", [h]]\n-   \n- i: j\n  k: l\n-   - m\n"),
  ("lists as low as their key", "a:\n- b\n- c\nd:\n  - e\n"),
  ("flow", "a: {b: c, 'd': [e, f], \"g\":h, i}\nk: [{l: m}, n: o, ]\nq: {\n  r: s,\n  t: u\n  }\n"),
  ("nothing", "a:\nb: ~\nc: null\nd: ''\n"),
  ("unicode", "é: ü\n日本: 語 — x\n\"\u{1F600}\": [\u{1F600}, a]\nz: \"\u{1F600}\" \n"),
  ("comments", "# one\na: b # two\n# three\n\n  # four\nc: # five\n  d\ne: 'f' # six\ng: h#i\n"),
  ("Windows' line ends", "a: b\r\nc: |\r\n  d\r\n  e\r\nf:\r\n  - g\r\n"),
  ("a byte order mark", "\u{feff}a: b\nc: d\n"),
  ("document marks", "---\na: b\n...\n"),
  ("a directive", "%YAML 1.1\n---\na: b\n"),
  (
    "numbers and truths stay texts",
    "a: 0755\nb: 1_000\nc: yes\nd: 1.50\ne: 2026-01-01\nf: 0x1F\ng: on\nh: 1:30\n"
  ),
  ("dollars and braces", "a: ${b}\nc: \"${d} $$\"\ne: x${f}y\ng: '${h}'\n"),
  ("long keys", "? a\n: b\n? c\n? 'd e'\n: - f\n"),
  ("no line end", "a: b"),
  ("spaces at ends", "a: b   \nc: 'd'   \ne:  \n  f  \n"),
]

/// Writes what PyYAML reads: `LINE:COLUMN KIND TEXT`, keys with a `K`.
private let script = """
  import sys, yaml
  def show(node, kind='V'):
      mark = f'{node.start_mark.line + 1}:{node.start_mark.column + 1}'
      if isinstance(node, yaml.ScalarNode):
          print(mark, kind, 'P' if node.style is None else 'Q', ' '.join('%x' % ord(c) for c in node.value))
      elif isinstance(node, yaml.SequenceNode):
          print(mark, kind, 'list', len(node.value))
          for item in node.value: show(item)
      else:
          print(mark, kind, 'mapping', len(node.value))
          for key, value in node.value:
              show(key, 'K')
              show(value)
  # The pure Python reader shares no code with libyaml.
  show(yaml.compose(sys.stdin.buffer.read().decode('utf-8'), Loader=yaml.SafeLoader))
  """

@Suite("YAML as PyYAML reads it")
struct YAMLOracleTests {
  private func lines(_ node: YAMLNode) -> [String] {
    func scalar(_ text: String, _ isPlain: Bool, _ place: RecipeLocation, _ kind: String) -> String {
      let codes = text.unicodeScalars.map { String($0.value, radix: 16) }.joined(separator: " ")
      return "\(place.line):\(place.column) \(kind) \(isPlain ? "P" : "Q") \(codes)"
    }
    let place = "\(node.location.line):\(node.location.column)"
    switch node.content {
    case .scalar(let text, let isPlain): return [scalar(text, isPlain, node.location, "V")]
    case .sequence(let items): return ["\(place) V list \(items.count)"] + items.flatMap(lines)
    case .mapping(let members):
      return ["\(place) V mapping \(members.count)"]
        + members.flatMap { member in
          [scalar(member.key, true, member.keyLocation, "K")] + lines(member.value)
        }
    }
  }

  @Test("The same texts are at the same places", arguments: texts.indices)
  func sameTree(_ index: Int) throws {
    let bytes = Array(texts[index].text.utf8)
    let node = try YAMLParser.parse(bytes, file: "x.yaml")
    let output = try Tool.python(script, [], input: bytes).text
    // Whether a key was quoted is of no use to us.
    let expected = output.split(separator: "\n").map { String($0).replacing(" K Q ", with: " K P ") }
    #expect(lines(node) == expected, "\(texts[index].name)")
  }
}
