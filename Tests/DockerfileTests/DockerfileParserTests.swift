import Dockerfile
import Testing

@Suite struct DockerfileParserTests {
  private func parse(_ text: String) throws -> Dockerfile { try Dockerfile(parsing: Array(text.utf8)) }

  @Test("Stages, globals, names and places")
  func structure() throws {
    let file = try parse(
      """
      # syntax=docker/dockerfile:1
      ARG V=1

      FROM --platform=$BUILDPLATFORM base:$V as Build
      COPY --from=other --chown=a:b --link a \\
        # a comment
        b /c/
      add ["x y", "/z"]
      FROM scratch
      LABEL a=b
      """)
    #expect(file.globals.count == 1)
    #expect(file.stages.map(\.name) == ["build", nil])
    #expect(file.stages[0].base == Word(text: "base:$V", position: SourcePosition(line: 4, column: 32)))
    #expect(file.stages[0].platform?.text == "$BUILDPLATFORM")
    #expect(file.stages[0].instructions.map(\.name) == ["COPY", "ADD"])
    guard case .transfer(let copy) = file.stages[0].instructions[0].kind else {
      Issue.record("no COPY")
      return
    }
    #expect(copy.from?.text == "other")
    #expect(copy.owner?.text == "a:b")
    #expect(copy.isLinked && !copy.keepsParents && !copy.isAdd)
    #expect(
      copy.sources == [
        .path(Word(text: "a", position: SourcePosition(line: 5, column: 38))),
        .path(Word(text: "b", position: SourcePosition(line: 7, column: 3))),
      ])
    #expect(copy.destination == Word(text: "/c/", position: SourcePosition(line: 7, column: 5)))
    guard case .transfer(let add) = file.stages[0].instructions[1].kind else {
      Issue.record("no ADD")
      return
    }
    #expect(add.isAdd && add.destination.text == "/z")
  }

  static let texts: [(String, [(String, String, Bool)])] = [
    ("COPY <<EOF /x\na\nb\nEOF\n", [("EOF", "a\nb\n", true)]),
    ("COPY <<'EF' /x\n$a\nEF\n", [("EF", "$a\n", false)]),
    ("COPY <<-E /x\n\t\ta\n\tE\n", [("E", "a\n", true)]),
    ("COPY <<a <<b c /x/\n1\na\n2\nb\n", [("a", "1\n", true), ("b", "2\n", true)]),
    ("COPY <<E /x\n# no comment\\\nFROM x\nE\n", [("E", "# no comment\\\nFROM x\n", true)]),
    ("COPY <<E \\\n /x\r\na\r\nE\r\n", [("E", "a\r\n", true)]), ("COPY <<E /x\nE\n", [("E", "", true)]),
    ("COPY <<E /x\n E\nE x\nE", [("E", " E\nE x\n", true)]), ("COPY 3<<E /x\nE\n", [("E", "", true)]),
    ("COPY a<<E /x", []), ("COPY <<<E /x", []), ("COPY << /x", []),
  ]

  @Test(arguments: texts)
  func heredocs(_ text: String, _ expected: [(String, String, Bool)]) throws {
    let file = try parse("FROM scratch\n" + text)
    #expect(file.stages[0].instructions.count == 1)
    guard case .transfer(let copy) = file.stages[0].instructions[0].kind else {
      Issue.record("no COPY")
      return
    }
    let found = copy.sources.compactMap { source in
      if case .text(let heredoc) = source { (heredoc.name, heredoc.content, heredoc.expands) } else { nil }
    }
    #expect(found.map(\.0) == expected.map(\.0))
    #expect(found.map(\.1) == expected.map(\.1))
    #expect(found.map(\.2) == expected.map(\.2))
  }

  static let refused: [(String, Int, Int)] = [
    ("FROM", 1, 5), ("FROM a b", 1, 8), ("FROM a AS 1", 1, 11), ("FROM a AS x y", 1, 8), ("FROM --x a", 1, 6),
    ("RUN x\nFROM a", 1, 1), ("ARG\nFROM a", 1, 4), ("FROM a\nARG =x", 2, 5),
    ("FROM a\nCOPY --from a b", 2, 6),
    ("FROM a\n  COPY \\\n  --foo=1 a b", 3, 3), ("FROM a\nCOPY --chown= a b", 2, 6),
    ("FROM a\nCOPY [1,2]", 2, 6),
    ("FROM a\nADD --keep-git-dir=true a b", 2, 5), ("FROM a\nCOPY <<E /x\nno end", 2, 6),
    ("FROM a\nONBUILD COPY x", 2, 14), ("FROM a\nRUN", 2, 4), ("FROM a\nFOO", 2, 1), ("\n\n# only\n", 1, 1),
    ("FROM a\nONBUILD COPY --x a b", 2, 14),
  ]

  @Test(arguments: refused)
  func refusals(_ text: String, _ line: Int, _ column: Int) {
    let error = #expect(throws: DockerfileError.self) { try parse(text) }
    #expect(
      error?.position == SourcePosition(line: line, column: column), "\(text): \(String(describing: error))")
  }

  @Test("Bytes that are no text")
  func bytes() {
    let error = #expect(throws: DockerfileError.self) {
      try Dockerfile(parsing: Array("FROM a\nCOPY ".utf8) + [0xff, 0x20] + Array("/x".utf8))
    }
    #expect(error?.position.line == 2)
  }

  @Test("Mutations of a Dockerfile are parsed or refused; nothing crashes")
  func mutations() throws {
    let seed = Array(
      """
      # escape=\\
      ARG A=${B:-c}
      FROM --platform=$A x AS y
      COPY --from=y --chown=1:2 --chmod=u+x <<E ["a", "b"] \\
      # c
      \t/d/
      text ${A#*} '
      E
      ADD [ "a\\u00e9", "/b" ]
      ENV A=b "c"='d' E=${F:?g} H=${I//j/k} L=${M%%n*}
      LABEL o="p \\" q"
      HEALTHCHECK --interval=1m2s CMD r
      ONBUILD ADD s t
      EXPOSE 1-3/udp $U
      """.utf8)
    let interesting = Array("\\\"'`${}[]<>-=:,#%/*?! \t\n\r\u{0}".utf8) + [0x80, 0xc3, 0xff]
    var random = SystemRandomNumberGenerator()
    var (good, bad) = (0, 0)
    for _ in 0..<4000 {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[place] = interesting[Int.random(in: 0..<interesting.count, using: &random)]
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + 7))
        default: bytes.insert(interesting[Int.random(in: 0..<interesting.count, using: &random)], at: place)
        }
        if bytes.isEmpty { bytes = seed }
      }
      do {
        let file = try Dockerfile(parsing: bytes)
        good += 1
        for stage in file.stages {
          _ = try? file.expand(stage.base) { _ in "v" }
          for instruction in stage.instructions {
            if case .change(let change) = instruction.kind { _ = try? change.resolved { _ in "v" } }
            guard case .transfer(let transfer) = instruction.kind else { continue }
            for case .text(let heredoc) in transfer.sources {
              _ = try? instruction.expand(heredoc) { _ in "v" }
            }
            for case .path(let word) in transfer.sources {
              let text = (try? instruction.expand(word) { _ in "v" }) ?? ""
              _ = FilePattern(text)?.matches(bytes.prefix(50))
            }
            if let mode = transfer.mode { _ = ModeChange(mode.text) }
          }
        }
      } catch {
        bad += 1
        #expect(error.position.line >= 1 && error.position.column >= 1)
      }
      _ = try? IgnorePatterns(parsing: bytes).ignores(Array("a/b".utf8))
    }
    // Both happen, or the mutations are no test.
    #expect(good > 100 && bad > 100)
  }
}
