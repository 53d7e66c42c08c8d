extension Dockerfile {
  /// Parses a whole Dockerfile.
  ///
  /// - Throws: `DockerfileError` with line and column.
  public init(parsing bytes: some Collection<UInt8>) throws(DockerfileError) {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      var line = 1
      for part in bytes.split(separator: 10, omittingEmptySubsequences: false) {
        if String(validating: part, as: UTF8.self) == nil { break }
        line += 1
      }
      throw DockerfileError(.refused("this is no UTF-8 text"), "", SourcePosition(line: line, column: 1))
    }
    let splitter = try LineSplitter(text, takesHeredocs: true)
    escape = splitter.escape
    if splitter.lines.isEmpty { throw DockerfileError(.nothing, "", SourcePosition(line: 1, column: 1)) }
    for line in splitter.lines {
      var parser = InstructionParser(line, escape: escape)
      if parser.keyword == "FROM" {
        stages.append(try parser.stage())
        continue
      }
      let instruction = try parser.buildInstruction()
      if case .maintainer = instruction.kind {
        warnings.append(
          DockerfileWarning(
            text: "MAINTAINER is deprecated: use LABEL org.opencontainers.image.authors=…",
            position: instruction.position))
      }
      if !stages.isEmpty {
        stages[stages.count - 1].instructions.append(instruction)
      } else if case .argument = instruction.kind {
        globals.append(instruction)
      } else {
        throw instruction.error(.refused("only ARG may stand before the first FROM"))
      }
    }
    if stages.isEmpty {
      throw DockerfileError(.refused("there is no FROM"), "", SourcePosition(line: 1, column: 1))
    }
  }
}

extension BuildInstruction {
  /// Parses the instruction that an image's `ONBUILD` keeps.
  public static func parse(trigger text: String) throws(DockerfileError) -> BuildInstruction {
    let splitter = try LineSplitter(text, takesHeredocs: true)
    guard splitter.lines.count == 1 else {
      throw DockerfileError(
        .refused("one instruction is expected"), "ONBUILD", SourcePosition(line: 1, column: 1))
    }
    var parser = InstructionParser(splitter.lines[0], escape: splitter.escape)
    if ["ONBUILD", "FROM", "MAINTAINER"].contains(parser.keyword) {
      throw DockerfileError(.unexpected(parser.keyword), "ONBUILD", SourcePosition(line: 1, column: 1))
    }
    return try parser.buildInstruction()
  }
}

extension InstructionParser {
  /// The line's first word in capitals.
  var keyword: String {
    var copy = self
    return copy.takeWord().uppercased()
  }

  /// `FROM [--platform=PLATFORM] IMAGE [AS NAME]`.
  mutating func stage() throws(DockerfileError) -> BuildStage {
    name = takeWord().uppercased()
    let options = try takeOptions()
    var platform: Word?
    for option in options {
      guard option.name == "--platform" else {
        throw DockerfileError(.unknownOption(option.name), name, option.position)
      }
      platform = Word(text: try value(of: option), position: option.position)
    }
    if rest.isEmpty { throw error(.missing("an image")) }
    let words = try words()
    var stage = BuildStage(base: words[0], platform: platform, position: line.position(at: start))
    if words.count == 1 { return stage }
    guard words.count == 3, words[1].text.lowercased() == "as" else {
      throw DockerfileError(.refused("IMAGE or IMAGE AS NAME is expected"), name, words[1].position)
    }
    let label = words[2].text.lowercased()
    let letters = "abcdefghijklmnopqrstuvwxyz".unicodeScalars
    guard let first = label.unicodeScalars.first, letters.contains(first),
      label.unicodeScalars.allSatisfy({ letters.contains($0) || "0123456789-_.".unicodeScalars.contains($0) })
    else {
      throw DockerfileError(
        .badValue(words[2].text, expected: "a stage's name (a letter, then letters, digits, - _ .)"), name,
        words[2].position)
    }
    stage.name = label
    return stage
  }

  /// Any instruction but `FROM`.
  mutating func buildInstruction() throws(DockerfileError) -> BuildInstruction {
    var copy = self
    name = copy.takeWord().uppercased()
    copy.name = name
    let text = copy.text(copy.rest)
    let kind: BuildInstruction.Kind
    switch name {
    case "ARG":
      self = copy
      kind = .argument(try arguments())
    case "ADD", "COPY":
      self = copy
      kind = .transfer(try transfer())
    case "RUN":
      self = copy
      _ = try takeOptions(repeatable: ["--mount"])
      if rest.isEmpty { throw error(.missing("a command")) }
      kind = .run
    case "MAINTAINER":
      self = copy
      if rest.isEmpty { throw error(.missing("a name")) }
      kind = .maintainer(text)
    case "ONBUILD":
      var trigger = copy
      let inner = trigger.keyword
      // What it keeps must be an instruction, though its words are read when it is used.
      if ["ADD", "COPY", "RUN", "ARG"].contains(inner) { _ = try trigger.buildInstruction() }
      kind = .change(try instruction())
    default: kind = .change(try instruction())
    }
    return BuildInstruction(
      kind: kind, name: name, text: text, position: line.position(at: start), escape: escape)
  }

  private mutating func arguments() throws(DockerfileError) -> [ArgumentDeclaration] {
    if let option = try takeOptions().first {
      throw DockerfileError(.unknownOption(option.name), name, option.position)
    }
    let words = quotedWords()
    if words.isEmpty { throw error(.missing("NAME or NAME=DEFAULT")) }
    var result: [ArgumentDeclaration] = []
    for word in words {
      let parts = word.text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts[0].isEmpty {
        throw DockerfileError(.missing("a name before \"=\""), name, word.position)
      }
      var position = word.position
      position.column += parts[0].unicodeScalars.count + 1
      result.append(
        ArgumentDeclaration(
          name: Word(text: String(parts[0]), position: word.position),
          value: parts.count == 2 ? Word(text: String(parts[1]), position: position) : nil))
    }
    return result
  }

  // MARK: COPY and ADD

  private mutating func transfer() throws(DockerfileError) -> Transfer {
    let isAdd = name == "ADD"
    let options = try takeOptions(repeatable: ["--exclude"])
    var transfer = try operands(isAdd: isAdd)
    for option in options {
      switch option.name {
      case "--from" where !isAdd: transfer.from = try optionWord(option)
      case "--chown": transfer.owner = try optionWord(option)
      case "--chmod": transfer.mode = try optionWord(option)
      case "--exclude": transfer.excludes.append(try optionWord(option))
      case "--link": transfer.isLinked = try flag(option)
      case "--parents" where !isAdd: transfer.keepsParents = try flag(option)
      case "--checksum" where isAdd: transfer.checksum = try optionWord(option)
      case "--unpack" where isAdd: transfer.unpacks = try flag(option)
      case "--keep-git-dir" where isAdd:
        throw DockerfileError(
          .refused("--keep-git-dir is not supported: repositories are not fetched"), name, option.position)
      default: throw DockerfileError(.unknownOption(option.name), name, option.position)
      }
    }
    return transfer
  }

  private func optionWord(_ option: Option) throws(DockerfileError) -> Word {
    let text = try value(of: option)
    if text.isEmpty { throw DockerfileError(.optionWithoutValue(option.name), name, option.position) }
    return Word(text: text, position: option.position)
  }

  private func flag(_ option: Option) throws(DockerfileError) -> Bool {
    switch option.value?.lowercased() {
    case nil, "true": return true
    case "false": return false
    case let value?:
      throw DockerfileError(.badValue(value, expected: "true or false"), name, option.position)
    }
  }

  private func operands(isAdd: Bool) throws(DockerfileError) -> Transfer {
    let what = "a source or a destination"
    if rest.isEmpty { throw error(.missing(what)) }
    var words: [Word]
    if let array = try jsonArray() {
      words = array.map { Word(text: $0, position: line.position(at: rest.lowerBound)) }
    } else {
      words = try self.words()
    }
    guard words.count >= 2, let destination = words.popLast() else { throw error(.missing(what)) }
    var heredocs = line.heredocs[...]
    var sources: [Transfer.Source] = []
    for word in words {
      if HeredocMark(word, instruction: name) != nil, let heredoc = heredocs.popFirst() {
        sources.append(.text(heredoc))
      } else {
        sources.append(.path(word))
      }
    }
    if !heredocs.isEmpty {
      throw DockerfileError(.refused("a text can't be a destination"), name, destination.position)
    }
    return Transfer(isAdd: isAdd, sources: sources, destination: destination)
  }
}
