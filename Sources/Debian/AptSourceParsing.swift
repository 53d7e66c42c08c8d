/// The paragraphs of a `.sources` file.
extension AptSource {
  static func parseParagraphs(_ text: [UInt8], file: String) throws(SyntaxError) -> [AptSource] {
    var outcome: Result<[AptSource], SyntaxError> = .success([])
    text.withUnsafeBytes { bytes in
      do throws(SyntaxError) {
        var sources: [AptSource] = []
        var reader = ControlReader(bytes, file: file)
        var paragraph = ControlParagraph()
        while try reader.next(&paragraph) { sources.append(try AptSource(paragraph, file: file)) }
        outcome = .success(sources)
      } catch {
        outcome = .failure(error)
      }
    }
    return try outcome.get()
  }

  private init(_ paragraph: ControlParagraph, file: String) throws(SyntaxError) {
    func needed(_ name: StaticString) throws(SyntaxError) -> [String] {
      guard let words = paragraph.words(of: name), !words.isEmpty else {
        throw SyntaxError(file: file, line: paragraph.line, .missingField("\(name)"))
      }
      return words
    }
    func truth(_ name: StaticString) throws(SyntaxError) -> Bool? {
      guard let word = paragraph.words(of: name)?.first else { return nil }
      if let value = Self.truth(word) { return value }
      // apt lets `Trusted: default` and the like mean "as without the field".
      throw SyntaxError(
        file: file, line: paragraph.line(of: name) ?? 0, .badValue(field: "\(name)", value: word))
    }
    self.init(
      uris: try needed("URIs"), suites: try needed("Suites"),
      components: paragraph.words(of: "Components") ?? [], file: file, line: paragraph.line)
    kinds = []
    for word in try needed("Types") {
      guard let kind = Kind(rawValue: word) else {
        throw SyntaxError(
          file: file, line: paragraph.line(of: "Types") ?? 0, .badValue(field: "Types", value: word))
      }
      kinds.append(kind)
    }
    try Self.check(suites: suites, components: components, file: file, line: line)
    architectures = paragraph.words(of: "Architectures") ?? []
    trusted = try truth("Trusted")
    checkValidUntil = try truth("Check-Valid-Until")
    enabled = try truth("Enabled") ?? true
    if let lines = paragraph.lines(of: "Signed-By"), lines.contains(where: { !$0.isEmpty }) {
      let key = lines.drop { $0.isEmpty }
      if key.first?.hasPrefix("-----BEGIN PGP PUBLIC KEY BLOCK") == true {
        signedBy = .embedded(key.joined(separator: "\n"))
      } else {
        signedBy = .names(Self.names(paragraph.words(of: "Signed-By") ?? []))
      }
    }
  }

  private static func names(_ words: [String]) -> [String] {
    words.flatMap { $0.split(separator: ",").map(String.init) }
  }

  /// A suite that ends in `/` is a path and has no components; every other needs some.
  private static func check(
    suites: [String], components: [String], file: String, line: Int
  ) throws(SyntaxError) {
    for suite in suites {
      if suite.hasSuffix("/") && !components.isEmpty {
        throw SyntaxError(
          file: file, line: line, .badValue(field: "Components", value: components.joined(separator: " ")))
      }
      if !suite.hasSuffix("/") && components.isEmpty {
        throw SyntaxError(file: file, line: line, .missingField("Components"))
      }
    }
  }
}

/// The lines of a `sources.list`.
extension AptSource {
  static func parseLines(_ text: [UInt8], file: String) throws(SyntaxError) -> [AptSource] {
    var sources: [AptSource] = []
    var number = 0
    for line in text.split(separator: 0x0a, omittingEmptySubsequences: false) {
      number += 1
      if let source = try parseLine(String(decoding: line, as: UTF8.self), file: file, line: number) {
        sources.append(source)
      }
    }
    return sources
  }

  /// One line; nil for a blank one and a comment.
  ///
  /// - Throws: `SyntaxError` with `file` and `line`.
  public static func parseLine(
    _ text: String, file: String, line: Int = 1
  ) throws(SyntaxError) -> AptSource? {
    var words = try LineWords(text, file: file, line: line).all
    guard let first = words.first else { return nil }
    guard let kind = Kind(rawValue: first.text), !first.isBracket else {
      throw SyntaxError(file: file, line: line, .notASourceLine(first.text))
    }
    words.removeFirst()
    var source = AptSource(uris: [], suites: [], components: [], file: file, line: line)
    source.kinds = [kind]
    if let options = words.first, options.isBracket {
      words.removeFirst()
      try source.apply(options: options.text)
    }
    guard let uri = words.first else { throw SyntaxError(file: file, line: line, .missingField("URI")) }
    guard words.count > 1 else { throw SyntaxError(file: file, line: line, .missingField("Suite")) }
    source.uris = [uri.text]
    source.suites = [words[1].text]
    source.components = words.dropFirst(2).map(\.text)
    try check(suites: source.suites, components: source.components, file: file, line: line)
    return source
  }

  private mutating func apply(options: String) throws(SyntaxError) {
    for option in try LineWords(options, file: file, line: line).all {
      let parts = option.text.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else {
        throw SyntaxError(file: file, line: line, .badValue(field: "options", value: option.text))
      }
      let (name, value) = (parts[0], parts[1])
      func truth() throws(SyntaxError) -> Bool {
        if let value = Self.truth(value) { return value }
        throw SyntaxError(file: file, line: line, .badValue(field: name, value: value))
      }
      switch name {
      case "arch", "arch+": architectures += value.split(separator: ",").map(String.init)
      case "signed-by": signedBy = .names(value.split(separator: ",").map(String.init))
      case "trusted": trusted = try truth()
      case "check-valid-until": checkValidUntil = try truth()
      default: break  // The others (lang, pdiffs, by-hash, …) are apt's own business.
      }
    }
  }
}

/// The words of one line: divided by blanks, with `"…"` around some, a `[…]` as one word, and a
/// comment's start at `#`.
private struct LineWords {
  struct Word {
    var text: String
    var isBracket: Bool
  }

  var all: [Word] = []

  init(_ text: String, file: String, line: Int) throws(SyntaxError) {
    var rest = Substring(text)
    func isBlank(_ character: Character) -> Bool {
      character == " " || character == "\t" || character == "\r"
    }
    while true {
      rest = rest.drop(while: isBlank)
      guard let first = rest.first, first != "#" else { return }
      if first == "[" {
        guard let close = rest.firstIndex(of: "]") else {
          throw SyntaxError(file: file, line: line, .unclosed("["))
        }
        all.append(Word(text: String(rest[rest.index(after: rest.startIndex)..<close]), isBracket: true))
        rest = rest[rest.index(after: close)...]
        continue
      }
      var word = ""
      var isQuoted = false
      while let next = rest.first, isQuoted || !isBlank(next) {
        rest.removeFirst()
        if next == "\"" {
          isQuoted.toggle()
        } else if next == "[", !isQuoted {
          // `cdrom:[name with blanks]/`
          guard let close = rest.firstIndex(of: "]") else {
            throw SyntaxError(file: file, line: line, .unclosed("["))
          }
          word += "[" + rest[...close]
          rest = rest[rest.index(after: close)...]
        } else {
          word.append(next)
        }
      }
      if isQuoted { throw SyntaxError(file: file, line: line, .unclosed("\"")) }
      all.append(Word(text: word, isBracket: false))
    }
  }
}
