/// A text that stands in the Dockerfile below an instruction which names it by `<<NAME`.
/// <https://docs.docker.com/reference/dockerfile/#here-documents>
public struct Heredoc: Hashable, Sendable {
  /// The name, without quotes: that of the file where the destination is a directory.
  public var name: String
  /// The text, with the ends of its lines.
  public var content: String
  /// Whether variables are put in: not where the name was quoted.
  public var expands: Bool
  /// Where its name was written.
  public var position: SourcePosition

  /// Takes the lines up to the one that is the name.
  init(
    _ mark: HeredocMark, from lines: [[Unicode.Scalar]], after index: inout Int
  ) throws(DockerfileError) {
    name = mark.name
    expands = mark.expands
    position = mark.position
    var text = String.UnicodeScalarView()
    while index + 1 < lines.count {
      index += 1
      var line = lines[index][...]
      if mark.dropsTabs { line = line.drop { $0 == "\t" } }
      let end = line.last == "\r" ? line.dropLast() : line
      if end.elementsEqual(mark.name.unicodeScalars) {
        content = String(text)
        return
      }
      text.append(contentsOf: line)
      text.append("\n")
    }
    throw DockerfileError(.unclosed("the text <<\(mark.name)"), mark.instruction, mark.position)
  }
}

/// `<<NAME`, `<<-NAME` or `<<"NAME"` in an instruction.
struct HeredocMark {
  var name: String
  var dropsTabs: Bool
  var expands: Bool
  var instruction: String
  var position: SourcePosition

  /// Only these are followed by texts.
  private static let instructions: Set<String> = ["ADD", "COPY", "RUN"]

  /// The marks of a line, in order; none where its instruction takes no texts.
  static func marks(in line: LogicalLine) -> [HeredocMark] {
    var parser = InstructionParser(line, escape: "\\")
    var name = parser.takeWord().uppercased()
    if name == "ONBUILD" { name = parser.takeWord().uppercased() }
    guard instructions.contains(name) else { return [] }
    return parser.quotedWords().compactMap { HeredocMark($0, instruction: name) }
  }

  /// Reads a word; nil for one that is no mark.
  init?(_ word: Word, instruction: String) {
    var rest = word.text.unicodeScalars.drop { ("0"..."9").contains($0) }
    guard rest.starts(with: ["<", "<"]) else { return nil }
    rest = rest.dropFirst(2)
    dropsTabs = rest.first == "-"
    if dropsTabs { rest = rest.dropFirst() }
    if rest.isEmpty || rest.contains("<") { return nil }
    let raw = Word(text: String(rest), position: word.position)
    guard
      let name = try? WordExpansion.expand(raw, escape: "\\", instruction: instruction, { "$" + $0 }),
      !name.isEmpty
    else { return nil }
    self.name = name
    expands = name == raw.text
    self.instruction = instruction
    position = word.position
  }
}
