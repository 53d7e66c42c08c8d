/// Removes quotes and puts in variables, as docker's lexer does: like a shell's, but less.
///
/// `$NAME`, `${NAME}`, `${NAME-WORD}`, `${NAME+WORD}`, `${NAME?MESSAGE}` and each with `:` before the
/// sign, `${NAME#PATTERN}`, `##`, `%`, `%%`, `${NAME/PATTERN/TEXT}`, `//`.
/// <https://docs.docker.com/reference/dockerfile/#environment-replacement>
struct WordExpansion {
  private let scalars: [Unicode.Scalar]
  private var index = 0
  private let escape: Unicode.Scalar
  private let lookup: (String) -> String?
  private let fail: (DockerfileError.Reason) -> DockerfileError
  private var depth = 0
  /// Whether quotes are ordinary characters, as in the text of a heredoc.
  private var keepsQuotes = false

  /// Expands a word. `lookup` gives the value of a variable, nil when it isn't set.
  static func expand(
    _ word: Word, escape: Unicode.Scalar, instruction: String, _ lookup: @escaping (String) -> String?
  ) throws(DockerfileError) -> String {
    try result(word, escape, instruction, lookup).text
  }

  /// Puts variables into a text in which quotes are ordinary characters.
  static func expand(
    text: String, at position: SourcePosition, instruction: String, _ lookup: @escaping (String) -> String?
  ) throws(DockerfileError) -> String {
    var expansion = WordExpansion(
      scalars: Array(text.unicodeScalars), escape: "\\", lookup: lookup,
      fail: { DockerfileError($0, instruction, position) })
    expansion.keepsQuotes = true
    return try expansion.expand(until: nil, keepingEscapes: false).text
  }

  /// Expands a word and splits it at the white space that is not quoted.
  static func split(
    _ word: Word, escape: Unicode.Scalar, instruction: String, _ lookup: @escaping (String) -> String?
  ) throws(DockerfileError) -> [String] {
    try result(word, escape, instruction, lookup).words
  }

  private static func result(
    _ word: Word, _ escape: Unicode.Scalar, _ instruction: String, _ lookup: @escaping (String) -> String?
  ) throws(DockerfileError) -> Output {
    var expansion = WordExpansion(
      scalars: Array(word.text.unicodeScalars), escape: escape, lookup: lookup,
      fail: { DockerfileError($0, instruction, word.position) })
    return try expansion.expand(until: nil, keepingEscapes: false)
  }

  private init(
    scalars: [Unicode.Scalar], escape: Unicode.Scalar, lookup: @escaping (String) -> String?,
    fail: @escaping (DockerfileError.Reason) -> DockerfileError
  ) {
    self.scalars = scalars
    self.escape = escape
    self.lookup = lookup
    self.fail = fail
  }

  private struct Output {
    var scalars = String.UnicodeScalarView()
    var words: [String] = []
    private var word = String.UnicodeScalarView()

    var text: String { String(scalars) }

    /// Text that is never split.
    mutating func append(raw text: some Sequence<Unicode.Scalar>) {
      scalars.append(contentsOf: text)
      word.append(contentsOf: text)
    }

    /// Text that white space splits.
    mutating func append(_ text: some Sequence<Unicode.Scalar>) {
      for scalar in text {
        scalars.append(scalar)
        if isSpace(scalar) { endWord() } else { word.append(scalar) }
      }
    }

    mutating func endWord() {
      if !word.isEmpty { words.append(String(word)) }
      word = String.UnicodeScalarView()
    }
  }

  private var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

  private mutating func take() -> Unicode.Scalar? {
    guard let scalar = next else { return nil }
    index += 1
    return scalar
  }

  private mutating func expand(
    until stop: Unicode.Scalar?, keepingEscapes: Bool
  ) throws(DockerfileError) -> Output {
    var output = Output()
    // Each level is one "${": the bound keeps hostile nesting off the stack.
    depth += 1
    defer { depth -= 1 }
    if depth > 100 { throw fail(.badSubstitution("${…} nested more than 100 times")) }
    while let scalar = next {
      switch scalar {
      case stop:
        index += 1
        output.endWord()
        return output
      case "'" where !keepsQuotes: output.append(raw: try singleQuoted())
      case "\"" where !keepsQuotes: output.append(raw: try doubleQuoted(keepingEscapes: keepingEscapes))
      case "$": output.append(try variable().unicodeScalars)
      case escape:
        index += 1
        if keepingEscapes { output.append(raw: [scalar]) }
        if let escaped = take() { output.append(raw: [escaped]) }
      default:
        index += 1
        output.append([scalar])
      }
    }
    if let stop { throw fail(.unclosed(stop == "}" ? "a \"${\"" : "the pattern of a \"${\"")) }
    output.endWord()
    return output
  }

  private mutating func singleQuoted() throws(DockerfileError) -> [Unicode.Scalar] {
    index += 1
    var result: [Unicode.Scalar] = []
    while let scalar = take() {
      if scalar == "'" { return result }
      result.append(scalar)
    }
    throw fail(.unclosed("a single quote"))
  }

  private mutating func doubleQuoted(keepingEscapes: Bool) throws(DockerfileError) -> [Unicode.Scalar] {
    index += 1
    var result: [Unicode.Scalar] = []
    while let scalar = next {
      switch scalar {
      case "\"":
        index += 1
        return result
      case "$": result.append(contentsOf: try variable().unicodeScalars)
      case escape:
        index += 1
        if keepingEscapes { result.append(scalar) }
        // Only these can be escaped here; before everything else the escape stands for itself.
        if let escaped = next {
          if escaped == "\"" || escaped == "$" || escaped == escape {
            index += 1
            result.append(escaped)
          } else {
            result.append(scalar)
          }
        }
      default:
        index += 1
        result.append(scalar)
      }
    }
    throw fail(.unclosed("a double quote"))
  }

  private mutating func variable() throws(DockerfileError) -> String {
    let start = index
    index += 1
    if next != "{" {
      let name = variableName()
      return name.isEmpty ? "$" : lookup(name) ?? ""
    }
    index += 1
    if next == nil { throw fail(.unclosed("a \"${\"")) }
    let name = variableName()
    func bad(_ end: Int) -> DockerfileError {
      fail(.badSubstitution(String(String.UnicodeScalarView(scalars[start..<min(end, scalars.count)]))))
    }
    if name.isEmpty { throw bad(scalars.count) }
    guard var sign = take() else { throw fail(.unclosed("a \"${\"")) }
    if sign == "}" { return lookup(name) ?? "" }
    if sign == "/" { return try replaced(name, bad: bad(scalars.count)) }
    let countsEmpty = sign == ":"
    if countsEmpty {
      guard let following = take() else { throw fail(.unclosed("a \"${\"")) }
      sign = following
    }
    guard ["-", "+", "?", "#", "%"].contains(sign) else { throw bad(scalars.count) }
    let isPattern = sign == "#" || sign == "%"
    let word = try expand(until: "}", keepingEscapes: isPattern).text
    let value = lookup(name)
    let isSet = value != nil && !(countsEmpty && value == "")
    switch sign {
    case "-": return isSet ? value ?? "" : word
    case "+": return isSet ? word : ""
    case "?":
      if isSet { return value ?? "" }
      let what = value == nil ? "it must be set" : "it must not be empty"
      throw fail(.unset(name: name, message: word.isEmpty ? what : word))
    default:
      guard let trimmed = trim(value ?? "", word, sign) else { throw bad(scalars.count) }
      return trimmed
    }
  }

  private func trim(_ value: String, _ word: String, _ sign: Unicode.Scalar) -> String? {
    let longest = word.unicodeScalars.first == sign
    guard let pattern = Pattern(longest ? String(word.unicodeScalars.dropFirst()) : word) else { return nil }
    let text = Array(value.unicodeScalars)
    if sign == "#" {
      let count = pattern.prefix(of: text[...], longest: longest) ?? 0
      return String(String.UnicodeScalarView(text.dropFirst(count)))
    }
    let backwards = Array(text.reversed())
    let count = pattern.reversed.prefix(of: backwards[...], longest: longest) ?? 0
    return String(String.UnicodeScalarView(text.dropLast(count)))
  }

  private mutating func replaced(_ name: String, bad: DockerfileError) throws(DockerfileError) -> String {
    let all = next == "/"
    if all { index += 1 }
    let text = try expand(until: "/", keepingEscapes: true).text
    let replacement = try expand(until: "}", keepingEscapes: true).text
    guard let pattern = Pattern(text) else { throw bad }
    let value = Array((lookup(name) ?? "").unicodeScalars)
    let result = pattern.replace(in: value, by: Array(replacement.unicodeScalars), all: all)
    return String(String.UnicodeScalarView(result))
  }

  /// A name, a number, or one of the shell's special parameters, which are never set here.
  private mutating func variableName() -> String {
    var name = String.UnicodeScalarView()
    if let first = next, ["@", "*", "#", "?", "-", "$", "!", "0"].contains(first) {
      index += 1
      return String(first)
    }
    let isNumber = next.map(isDigit) ?? false
    while let scalar = next {
      let isPart = isNumber ? isDigit(scalar) : isDigit(scalar) || isLetter(scalar) || scalar == "_"
      if !isPart { break }
      name.append(scalar)
      index += 1
    }
    return String(name)
  }

  private func isDigit(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .decimalNumber
  }

  private func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }
}
