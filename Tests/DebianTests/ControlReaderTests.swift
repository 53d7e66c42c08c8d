import Debian
import Testing

@Suite struct ControlReaderTests {
  /// Each paragraph as `NAME=line|line`, one field after the other.
  private func read(_ text: String) throws -> [[String]] {
    let bytes = Array(text.utf8)
    return try bytes.withUnsafeBytes { bytes in
      var reader = ControlReader(bytes, file: "test")
      var paragraph = ControlParagraph()
      var result: [[String]] = []
      while try reader.next(&paragraph) {
        result.append(
          paragraph.names.map { name in
            let lines = name == "A" ? paragraph.lines(of: "A") : paragraph.lines(of: "B")
            return name + "=" + (lines ?? ["nil"]).joined(separator: "|")
          })
      }
      return result
    }
  }

  @Test(
    arguments: [
      ("", []),
      ("\n\n# nothing\n\n", []),
      ("A: 1", [["A=1"]]),
      ("A: 1\nB:2\n", [["A=1", "B=2"]]),
      ("A:\t 1 \r\nB: 2\r\n\r\nA: 3\r\n", [["A=1", "B=2"], ["A=3"]]),
      ("A: 1\n\n \t\n\nA: 2\n", [["A=1"], ["A=2"]]),
      ("A: 1\n two\n .\n  three\n\tfour\n", [["A=1|two|| three|four"]]),
      ("A:\n one\n# not this\n two\nB: 2\n", [["A=|one|two", "B=2"]]),
      ("# first\nA: a:b # c\n", [["A=a:b # c"]]),
      ("A: x\n", [["A=x"]]),
      ("A: \u{fc}\u{1f600}\n", [["A=\u{fc}\u{1f600}"]]),
    ] as [(String, [[String]])])
  func `paragraphs are divided as deb822 says`(_ text: String, _ expected: [[String]]) throws {
    #expect(try read(text) == expected)
  }

  @Test(arguments: [
    ("A 1\n", "test:1: a malformed field name"),
    ("A: 1\nnonsense\n", "test:2: a line without a field name and colon"),
    ("\n\n continued\n", "test:3: a continuation line with nothing before it"),
    (": 1\n", "test:1: a malformed field name"),
    ("A: 1\nB: 2\na: 3\n", "test:3: the field a is there twice"),
    ("A\u{7f}: 1\n", "test:1: a malformed field name"),
  ])
  func `what is no field is refused with its line`(_ text: String, _ message: String) {
    let error = #expect(throws: SyntaxError.self) { try read(text) }
    #expect(error?.description == message)
  }

  @Test func `names are found whatever their case`() throws {
    let bytes = Array("pAcKaGe: x\nVersion: 1.0  \n".utf8)
    try bytes.withUnsafeBytes { bytes in
      var reader = ControlReader(bytes, file: "test")
      var paragraph = ControlParagraph()
      let isThere = try reader.next(&paragraph)
      #expect(isThere)
      #expect(paragraph.bytes(of: "Package").map { Array($0) } == Array("x".utf8))
      #expect(paragraph.bytes(of: "VERSION").map { Array($0) } == Array("1.0".utf8))
      #expect(paragraph.bytes(of: "Pack") == nil)
      #expect(paragraph.line(of: "version") == 2)
      #expect(paragraph.words(of: "Architecture") == nil)
    }
  }

  @Test func `lines of every length around the word that is looked at are divided`() throws {
    for length in 0...40 {
      let value = String(repeating: "\u{e9}", count: length) + "\u{8a}"
      #expect(try read("A:\(value)\nB:\(length)\n") == [["A=\(value)", "B=\(length)"]])
    }
  }
}
