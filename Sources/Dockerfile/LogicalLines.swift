/// One instruction's text, joined from the lines that it was written on.
struct LogicalLine {
  /// The characters, without continuation marks, comments and the ends of lines.
  var scalars: [Unicode.Scalar] = []
  /// The texts that follow an instruction with `<<NAME`, in the order of their marks.
  var heredocs: [Heredoc] = []
  /// Where pieces of the text come from: from this index on, the text is at this position.
  var marks: [(index: Int, position: SourcePosition)] = []

  /// Where a character was written.
  func position(at index: Int) -> SourcePosition {
    guard let mark = marks.last(where: { $0.index <= index }) else {
      return SourcePosition(line: 1, column: 1)
    }
    return SourcePosition(line: mark.position.line, column: mark.position.column + index - mark.index)
  }

  mutating func append(_ piece: ArraySlice<Unicode.Scalar>, at position: SourcePosition) {
    marks.append((scalars.count, position))
    scalars.append(contentsOf: piece)
  }
}

/// Splits a Dockerfile into logical lines: parser directives, comments, continuations.
///
/// <https://docs.docker.com/reference/dockerfile/#format>
struct LineSplitter {
  /// The character that continues lines and escapes others: `\`, or what `# escape=` says.
  private(set) var escape: Unicode.Scalar = "\\"
  private var seenDirectives: Set<String> = []
  private var directivesAreOver = false
  private(set) var lines: [LogicalLine] = []

  /// - Parameter takesHeredocs: whether `COPY <<NAME` and the like are followed by texts.
  init(_ text: String, takesHeredocs: Bool = false) throws(DockerfileError) {
    var physical = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map(
      Array.init)
    if physical[0].first == "\u{feff}" { physical[0].removeFirst() }
    var current: LogicalLine?
    var index = -1
    while index + 1 < physical.count {
      index += 1
      var line = physical[index]
      if line.last == "\r" { line.removeLast() }
      let start = line.firstIndex { !isSpace($0) } ?? line.count
      let body = line[start...]
      if !directivesAreOver { try readDirective(body, line: index + 1) }
      // Comments and empty lines go away, between the pieces of a continued line too.
      if body.isEmpty || body.first == "#" { continue }
      let (piece, continues) = withoutContinuation(current == nil ? body : line[...])
      var joined = current ?? LogicalLine()
      joined.append(piece, at: SourcePosition(line: index + 1, column: piece.startIndex + 1))
      if continues {
        current = joined
        continue
      }
      current = nil
      if takesHeredocs {
        for mark in HeredocMark.marks(in: joined) {
          joined.heredocs.append(try Heredoc(mark, from: physical, after: &index))
        }
      }
      lines.append(joined)
    }
    if let current, current.scalars.contains(where: { !isSpace($0) }) { lines.append(current) }
  }

  /// Cuts a continuation mark: an escape character at the end that is not escaped itself.
  private func withoutContinuation(
    _ line: ArraySlice<Unicode.Scalar>
  ) -> (piece: ArraySlice<Unicode.Scalar>, continues: Bool) {
    guard let last = line.lastIndex(where: { $0 != " " && $0 != "\t" }), line[last] == escape else {
      return (line, false)
    }
    if last > line.startIndex, line[last - 1] == escape { return (line, false) }
    return (line[..<last], true)
  }

  /// Reads `# NAME=VALUE`, which counts only before everything else. `syntax` and `check` say nothing here.
  private mutating func readDirective(_ body: ArraySlice<Unicode.Scalar>, line: Int) throws(DockerfileError) {
    let text = String(String.UnicodeScalarView(body))
    guard text.hasPrefix("#"), let equals = text.firstIndex(of: "=") else {
      directivesAreOver = true
      return
    }
    let name = trimmed(String(text[text.index(after: text.startIndex)..<equals])).lowercased()
    let value = trimmed(String(text[text.index(after: equals)...]))
    guard ["escape", "syntax", "check"].contains(name) else {
      directivesAreOver = true
      return
    }
    let position = SourcePosition(line: line, column: body.startIndex + 1)
    if !seenDirectives.insert(name).inserted {
      throw DockerfileError(.directive("the directive \"\(name)\" is there twice"), "", position)
    }
    if name == "escape" {
      guard value == "\\" || value == "`", let scalar = value.unicodeScalars.first else {
        throw DockerfileError(.badValue(value, expected: "an escape character (\\ or `)"), "", position)
      }
      escape = scalar
    }
  }
}

/// White space as Unicode has it.
func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }

/// The white space that separates words: no Unicode here.
func isBlank(_ scalar: Unicode.Scalar) -> Bool { [" ", "\t", "\u{b}", "\u{c}", "\r"].contains(scalar) }

/// Text without white space at both ends.
func trimmed(_ text: String) -> String {
  let scalars = Array(text.unicodeScalars)
  guard let first = scalars.firstIndex(where: { !isSpace($0) }),
    let last = scalars.lastIndex(where: { !isSpace($0) })
  else { return "" }
  return String(String.UnicodeScalarView(scalars[first...last]))
}
