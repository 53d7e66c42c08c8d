/// An option in front of an instruction's arguments: `--NAME[=VALUE]`.
struct Option {
  /// The name with its dashes.
  let name: String
  /// The value; nil without `=`.
  let value: String?
  let position: SourcePosition
}

extension InstructionParser {
  /// Takes the leading words that start with `--`; quotes and escapes in them are resolved.
  ///
  /// - Parameter repeatable: names of options that may be there several times.
  mutating func takeOptions(repeatable: Set<String> = []) throws(DockerfileError) -> [Option] {
    var options: [Option] = []
    while rest.count >= 2, line.scalars[rest.lowerBound] == "-", line.scalars[rest.lowerBound + 1] == "-" {
      let position = line.position(at: rest.lowerBound)
      let text = takeUnquotedWord()
      // A bare "--" ends the options.
      if text == "--" { break }
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      if !repeatable.contains(parts[0]), options.contains(where: { $0.name == parts[0] }) {
        throw DockerfileError(.duplicateOption(parts[0]), name, position)
      }
      options.append(Option(name: parts[0], value: parts.count == 2 ? parts[1] : nil, position: position))
    }
    return options
  }

  private mutating func takeUnquotedWord() -> String {
    var word = String.UnicodeScalarView()
    var quote: Unicode.Scalar?
    var index = rest.lowerBound
    while index < rest.upperBound {
      let scalar = line.scalars[index]
      index += 1
      if let open = quote, scalar == open {
        quote = nil
      } else if quote == nil, isSpace(scalar) {
        break
      } else if quote == nil, scalar == "'" || scalar == "\"" {
        quote = scalar
      } else if scalar == "\\" {
        if index < rest.upperBound { word.append(line.scalars[index]) }
        index += 1
      } else {
        word.append(scalar)
      }
    }
    advance(to: (min(index, rest.upperBound)..<rest.upperBound).first { !isSpace(line.scalars[$0]) } ?? index)
    return String(word)
  }

  /// `NAME=VALUE …`, or the old form `NAME VALUE` where all after the first blank is the value.
  func pairs() throws(DockerfileError) -> [Pair] {
    let words = quotedWords()
    guard let first = words.first else { throw error(.missing("NAME=VALUE")) }
    if !first.text.unicodeScalars.contains("=") {
      guard let blank = rest.first(where: { isBlank(line.scalars[$0]) }),
        let value = (blank..<rest.upperBound).first(where: { !isBlank(line.scalars[$0]) })
      else { throw error(.missing("a value")) }
      return [Pair(name: word(rest.lowerBound..<blank), value: word(value..<rest.upperBound))]
    }
    var pairs: [Pair] = []
    for word in words {
      let scalars = word.text.unicodeScalars
      guard let equals = scalars.firstIndex(of: "=") else {
        throw DockerfileError(.noEqualsSign(word.text), name, word.position)
      }
      let label = String(scalars[..<equals])
      if label.isEmpty { throw DockerfileError(.missing("a name before \"=\""), name, word.position) }
      var position = word.position
      position.column += scalars.distance(from: scalars.startIndex, to: equals) + 1
      pairs.append(
        Pair(
          name: Word(text: label, position: word.position),
          value: Word(text: String(scalars[scalars.index(after: equals)...]), position: position)))
    }
    return pairs
  }

  /// Words separated by white space outside of quotes. Quotes and escapes stay: they are resolved
  /// together with the variables.
  func quotedWords() -> [Word] {
    var words: [Word] = []
    var word = String.UnicodeScalarView()
    var start: Int?
    var quote: Unicode.Scalar?
    func flush() {
      if let begin = start { words.append(Word(text: String(word), position: line.position(at: begin))) }
      word = String.UnicodeScalarView()
      start = nil
    }
    var index = rest.lowerBound
    while index < rest.upperBound {
      let scalar = line.scalars[index]
      if quote == nil, isSpace(scalar) {
        flush()
        index += 1
        continue
      }
      if start == nil { start = index }
      if let open = quote {
        if scalar == open { quote = nil }
      } else if scalar == "'" || scalar == "\"" {
        quote = scalar
      }
      // Between single quotes nothing is escaped.
      if scalar == escape, quote != "'" {
        // One at the very end escapes nothing and goes away.
        if index + 1 == rest.upperBound { break }
        word.append(scalar)
        index += 1
        word.append(line.scalars[index])
      } else {
        word.append(scalar)
      }
      index += 1
    }
    flush()
    return words
  }
}
