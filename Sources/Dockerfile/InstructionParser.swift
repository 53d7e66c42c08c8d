extension Instruction {
  /// Parses instructions that change a configuration, as `docker import --change` takes them.
  ///
  /// The texts are read as one Dockerfile, one below the other: each may hold several instructions,
  /// comments and continued lines.
  ///
  /// - Throws: `DockerfileError`; its line counts through all texts.
  public static func parseChanges(_ texts: [String]) throws(DockerfileError) -> [Instruction] {
    let splitter = try LineSplitter(texts.joined(separator: "\n"))
    if splitter.lines.isEmpty, !texts.isEmpty {
      throw DockerfileError(.nothing, "", SourcePosition(line: 1, column: 1))
    }
    var instructions: [Instruction] = []
    for line in splitter.lines {
      var parser = InstructionParser(line, escape: splitter.escape)
      instructions.append(try parser.instruction())
    }
    return instructions
  }
}

/// Parses one logical line.
struct InstructionParser {
  let line: LogicalLine
  let escape: Unicode.Scalar
  /// The part of the line that is not parsed yet, without white space at its ends.
  private(set) var rest: Range<Int>
  var name = ""
  let start: Int

  init(_ line: LogicalLine, escape: Unicode.Scalar) {
    self.line = line
    self.escape = escape
    let scalars = line.scalars
    start = scalars.firstIndex { !isSpace($0) } ?? scalars.count
    let end = scalars.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start
    rest = start..<max(start, end)
  }

  /// All instructions of Dockerfiles; those that change no configuration are known to be refused clearly.
  private static let others: Set<String> = ["ADD", "ARG", "COPY", "FROM", "MAINTAINER", "RUN"]

  mutating func instruction() throws(DockerfileError) -> Instruction {
    let keyword = takeWord()
    name = keyword.uppercased()
    let options = try takeOptions()
    let kind: Instruction.Kind
    switch name {
    case "CMD": kind = .command(try commandLine())
    case "ENTRYPOINT": kind = .entrypoint(try commandLine())
    case "ENV": kind = .environment(try pairs())
    case "EXPOSE": kind = .expose(try words())
    case "HEALTHCHECK": return made(.healthcheck(try healthcheck(options)))
    case "LABEL": kind = .labels(try pairs())
    case "ONBUILD": kind = .onBuild(try trigger())
    case "SHELL": kind = .shell(try shell())
    case "STOPSIGNAL": kind = .stopSignal(try oneWord("a signal"))
    case "USER": kind = .user(try oneWord("a user"))
    case "VOLUME": kind = .volumes(try volumes())
    case "WORKDIR": kind = .workingDirectory(try oneWord("a directory"))
    case let name where Self.others.contains(name):
      throw DockerfileError(.notAChange(name), "", line.position(at: start))
    default: throw DockerfileError(.unknownInstruction(keyword), "", line.position(at: start))
    }
    if let option = options.first {
      throw DockerfileError(.unknownOption(option.name), name, option.position)
    }
    return made(kind)
  }

  private func made(_ kind: Instruction.Kind) -> Instruction {
    Instruction(kind: kind, name: name, position: line.position(at: start), escape: escape)
  }

  // MARK: Pieces of the line

  func error(_ reason: DockerfileError.Reason, at index: Int? = nil) -> DockerfileError {
    DockerfileError(reason, name, line.position(at: index ?? rest.lowerBound))
  }

  func text(_ range: Range<Int>) -> String {
    String(String.UnicodeScalarView(line.scalars[range]))
  }

  func word(_ range: Range<Int>) -> Word {
    Word(text: text(range), position: line.position(at: range.lowerBound))
  }

  mutating func advance(to index: Int) { rest = min(index, rest.upperBound)..<rest.upperBound }

  /// Takes what is before the next blank, and the blanks.
  mutating func takeWord() -> String {
    let end = rest.first { isBlank(line.scalars[$0]) } ?? rest.upperBound
    let word = text(rest.lowerBound..<end)
    advance(to: (end..<rest.upperBound).first { !isBlank(line.scalars[$0]) } ?? rest.upperBound)
    return word
  }

  // MARK: What instructions hold

  func oneWord(_ what: String) throws(DockerfileError) -> Word {
    if rest.isEmpty { throw error(.missing(what)) }
    return word(rest)
  }

  func words() throws(DockerfileError) -> [Word] {
    let words = line.scalars[rest].split(whereSeparator: isBlank).map { word($0.startIndex..<$0.endIndex) }
    if words.isEmpty { throw error(.missing("an argument")) }
    return words
  }

  func commandLine() throws(DockerfileError) -> CommandLine {
    if rest.isEmpty { return .shell(nil) }
    if let array = try jsonArray() { return .exec(array) }
    return .shell(text(rest))
  }

  /// The strings of a JSON array; nil for everything else, which is then read as a shell would.
  func jsonArray() throws(DockerfileError) -> [String]? {
    switch StringArray.parse(line.scalars[rest]) {
    case .strings(let strings): return strings
    case .otherElements: throw error(.notStrings)
    case .noArray: return nil
    }
  }

  private func shell() throws(DockerfileError) -> [String] {
    guard let array = try jsonArray() else {
      throw rest.isEmpty ? error(.missing("a JSON array")) : error(.notJSON)
    }
    if array.isEmpty { throw error(.missing("a program")) }
    return array
  }

  private func volumes() throws(DockerfileError) -> [Word] {
    let found: [Word]
    if let array = try jsonArray() {
      found = array.map { Word(text: $0, position: line.position(at: rest.lowerBound)) }
      if found.isEmpty { throw error(.missing("a path")) }
    } else {
      found = try words()
    }
    var volumes: [Word] = []
    for volume in found {
      let path = trimmed(volume.text)
      if path.isEmpty { throw DockerfileError(.missing("a path"), name, volume.position) }
      volumes.append(Word(text: path, position: volume.position))
    }
    return volumes
  }

  /// What `ONBUILD` keeps: the line as it is, once it is clear that builds will accept its name.
  private mutating func trigger() throws(DockerfileError) -> String {
    if rest.isEmpty { throw error(.missing("an instruction")) }
    let expression = text(rest)
    let end = rest.first { isBlank(line.scalars[$0]) } ?? rest.upperBound
    let keyword = text(rest.lowerBound..<end).uppercased()
    if ["ONBUILD", "MAINTAINER", "FROM"].contains(keyword) { throw error(.unexpected(keyword)) }
    return expression
  }

  private mutating func healthcheck(_ options: [Option]) throws(DockerfileError) -> HealthcheckTest {
    if rest.isEmpty { throw error(.missing("NONE or CMD")) }
    let start = rest.lowerBound
    let type = takeWord()
    switch type.uppercased() {
    case "NONE":
      if !rest.isEmpty { throw error(.unexpected("an argument of NONE")) }
      if let option = options.first {
        throw DockerfileError(.unexpected("an option of NONE"), name, option.position)
      }
      return .none
    case "CMD":
      let command = try commandLine()
      if command == .exec([]) || command == .shell(nil) { throw error(.missing("the command of CMD")) }
      var values: [String: Int64] = [:]
      for option in options {
        values[option.name] =
          option.name == "--retries" ? try retries(option) : try duration(option)
      }
      return .command(
        command, interval: values["--interval"] ?? 0, timeout: values["--timeout"] ?? 0,
        startPeriod: values["--start-period"] ?? 0, startInterval: values["--start-interval"] ?? 0,
        retries: values["--retries"] ?? 0)
    default: throw error(.badValue(type, expected: "NONE or CMD"), at: start)
    }
  }

  private func duration(_ option: Option) throws(DockerfileError) -> Int64 {
    guard ["--interval", "--timeout", "--start-period", "--start-interval"].contains(option.name) else {
      throw DockerfileError(.unknownOption(option.name), name, option.position)
    }
    let value = try self.value(of: option)
    // An empty value is the default, as in docker.
    if value.isEmpty { return 0 }
    guard let duration = GoDuration.nanoseconds(value) else {
      let expected = "a duration (as 30s, 1m30s or 500ms)"
      throw DockerfileError(.badValue(value, expected: expected), name, option.position)
    }
    if duration != 0 && duration < 1_000_000 {
      let expected = "a duration of at least 1ms"
      throw DockerfileError(.badValue(value, expected: expected), name, option.position)
    }
    return duration
  }

  private func retries(_ option: Option) throws(DockerfileError) -> Int64 {
    let value = try self.value(of: option)
    if value.isEmpty { return 0 }
    guard let number = Int32(value), number >= 0 else {
      throw DockerfileError(
        .badValue(value, expected: "a number of retries from 0 to \(Int32.max)"), name, option.position)
    }
    return Int64(number)
  }

  func value(of option: Option) throws(DockerfileError) -> String {
    guard let value = option.value else {
      throw DockerfileError(.optionWithoutValue(option.name), name, option.position)
    }
    return value
  }
}
