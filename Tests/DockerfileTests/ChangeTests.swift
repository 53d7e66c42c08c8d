import Dockerfile
import Testing

/// Parses changes and resolves them with an environment that they build up, as an image does.
func changes(_ texts: [String], environment: [String: String] = [:]) throws -> [ConfigChange] {
  var environment = environment
  var changes: [ConfigChange] = []
  for instruction in try Instruction.parseChanges(texts) {
    let current = environment
    let change = try instruction.resolved { current[$0] }
    if case .environment(let pairs) = change {
      for pair in pairs { environment[pair.name] = pair.value }
    }
    changes.append(change)
  }
  return changes
}

@Suite struct ChangeTests {
  static let commands: [(String, ConfigChange)] = [
    (#"CMD ["a", "b c"]"#, .command(.exec(["a", "b c"]))),
    (#"cmd ["a","\u00e9\n"]"#, .command(.exec(["a", "é\n"]))),
    ("CMD echo  hi ", .command(.shell("echo  hi"))),
    (#"CMD ['a', 'b']"#, .command(.shell("['a', 'b']"))),
    (#"CMD ["a", "b"#, .command(.shell(#"["a", "b"#))),
    (#"CMD ["a",]"#, .command(.shell(#"["a",]"#))),
    (#"CMD ["a"] x"#, .command(.exec(["a"]))),
    (#"CMD ["a\x"]"#, .command(.shell(#"["a\x"]"#))),
    ("CMD []", .command(.exec([]))),
    ("CMD", .command(.shell(nil))),
    ("CMD $A \"b\"", .command(.shell("$A \"b\""))),
    ("CMD [ -f x ] && y", .command(.shell("[ -f x ] && y"))),
    ("CMD [a", .command(.shell("[a"))),
    (#"CMD [{"a": 1x}]"#, .command(.shell(#"[{"a": 1x}]"#))),
    (#"ENTRYPOINT [ "/init" , "--" ]"#, .entrypoint(.exec(["/init", "--"]))),
    ("ENTRYPOINT exec x", .entrypoint(.shell("exec x"))),
    (#"SHELL ["/bin/bash","-c"]"#, .shell(["/bin/bash", "-c"])),
    ("USER u:g", .user("u:g")), ("USER \"u\"", .user("u")), ("USER $A", .user("x")),
    ("USER a b", .user("a b")),
    ("WORKDIR /a b", .workingDirectory("/a b")), ("WORKDIR ${A}/c", .workingDirectory("x/c")),
    ("STOPSIGNAL SIGTERM", .stopSignal("SIGTERM")), ("STOPSIGNAL rtmin+3", .stopSignal("rtmin+3")),
    ("STOPSIGNAL 9", .stopSignal("9")), ("STOPSIGNAL $S", .stopSignal("INT")),
    (#"VOLUME ["/a","/b c"]"#, .volumes(["/a", "/b c"])), ("VOLUME /a  /b", .volumes(["/a", "/b"])),
    ("VOLUME /$A '/q'", .volumes(["/x", "/q"])), (#"VOLUME ["/$A"]"#, .volumes(["/x"])),
    ("ONBUILD RUN  make $X", .onBuild("RUN  make $X")), ("onbuild  add . /", .onBuild("add . /")),
    ("EXPOSE 80", .expose(["80/tcp"])), ("EXPOSE 80/udp 443/TCP", .expose(["80/udp", "443/tcp"])),
    ("EXPOSE 8000-8002", .expose(["8000/tcp", "8001/tcp", "8002/tcp"])),
    ("EXPOSE 127.0.0.1:80:8080/sctp", .expose(["8080/sctp"])), ("EXPOSE 80:8080", .expose(["8080/tcp"])),
    ("EXPOSE [::1]:80:8080", .expose(["8080/tcp"])), ("EXPOSE $PORTS", .expose(["1/tcp", "2/udp"])),
    ("EXPOSE 80/", .expose(["80/tcp"])),
  ]

  @Test(arguments: commands)
  func reads(_ text: String, _ expected: ConfigChange) throws {
    let environment = ["A": "x", "S": "INT", "PORTS": "1 2/udp"]
    #expect(try changes([text], environment: environment) == [expected])
  }

  static let values: [(String, [String])] = [
    ("A=b", ["A=b"]), ("A b", ["A=b"]), ("A b  c", ["A=b  c"]), ("A  \"b c\"", ["A=b c"]),
    ("A=b C=d", ["A=b", "C=d"]), ("A=\"b c\" C='d e'", ["A=b c", "C=d e"]), (#"A=b\ c"#, ["A=b c"]),
    (#"A="b \"c\" \d \\ \$X""#, [#"A=b "c" \d \ $X"#]), (#"A='b \"c'"#, [#"A=b \"c"#]), ("A=", ["A="]),
    ("A=b=c", ["A=b=c"]), ("A=\"\"", ["A="]), ("A=x'y'\"z\"", ["A=xyz"]), ("'A'=b", ["A=b"]),
    ("A=$X", ["A=1"]), ("A=${X}y", ["A=1y"]), ("A=$XY", ["A="]), ("A=$", ["A=$"]), ("A=$.", ["A=$."]),
    (#"A=\$X"#, ["A=$X"]), ("A='$X'", ["A=$X"]), ("A=\"$X\"", ["A=1"]), ("A=$1b", ["A=b"]),
    ("A=${N-d} B=${N:-d} C=${E-d} D=${E:-d}", ["A=d", "B=d", "C=", "D=d"]),
    ("A=${X+s} B=${N+s} C=${E+s} D=${E:+s}", ["A=s", "B=", "C=s", "D="]),
    ("A=${N:-$X} B=${N:-${N:-z}} C=\"${N:-a b}\"", ["A=1", "B=z", "C=a b"]),
    ("A=${X?no}", ["A=1"]),
    ("A=${P#*.} B=${P##*.} C=${P%.*} D=${P%%.*}", ["A=b.c", "B=c", "C=a.b", "D=a"]),
    (
      "A=${P#b} B=${P#?} C=${P/./-} D=${P//./-} E=${P/b*/}",
      ["A=a.b.c", "B=.b.c", "C=a-b.c", "D=a-b-c", "E=a."]
    ),
    ("A=é B=\u{1f600}", ["A=é", "B=\u{1f600}"]),
    // An escaped mark continues nothing (since BuildKit; buildah and older docker differ).
    (#"A=b\\"#, [#"A=b\"#]),
    ("A=1 B=$A", ["A=1", "B="]),
    ("A=b\\", ["A=b"]),
    ("A=b \\\n  C=d", ["A=b", "C=d"]), ("A=b \\\n# note\n\n  C=d", ["A=b", "C=d"]), ("A=b\\\nc", ["A=bc"]),
    ("A=b\\  \n C=d", ["A=b", "C=d"]),
    ("A=\"b \\\n c\"", ["A=b  c"]),
  ]

  @Test(arguments: values)
  func environment(_ text: String, _ expected: [String]) throws {
    for name in ["ENV", "LABEL"] {
      let variables = ["X": "1", "E": "", "P": "a.b.c"]
      guard case let change? = try changes([name + " " + text], environment: variables).first else {
        Issue.record("\(text): no change")
        return
      }
      let pairs: [NameValue]
      switch change {
      case .environment(let found), .labels(let found): pairs = found
      default:
        Issue.record("\(text): \(change)")
        return
      }
      #expect(pairs.map { $0.name + "=" + $0.value } == expected, "\(name) \(text)")
    }
  }

  static let healthchecks: [(String, HealthcheckTest)] = [
    ("NONE", .none), ("none", .none),
    (
      "CMD curl -f x",
      .command(.shell("curl -f x"), interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0)
    ),
    (
      #"--interval=5m --timeout=3.5s --retries=3 --start-period=1h2m CMD ["a"]"#,
      .command(
        .exec(["a"]), interval: 300_000_000_000, timeout: 3_500_000_000, startPeriod: 3_720_000_000_000,
        startInterval: 0, retries: 3)
    ),
    (
      "--start-interval=1ms --interval=0 --timeout='1s' cmd x --interval=2s",
      .command(
        .shell("x --interval=2s"), interval: 0, timeout: 1_000_000_000, startPeriod: 0,
        startInterval: 1_000_000, retries: 0)
    ),
  ]

  @Test(arguments: healthchecks)
  func healthcheck(_ text: String, _ expected: HealthcheckTest) throws {
    #expect(try changes(["HEALTHCHECK " + text]) == [.healthcheck(expected)])
  }

  static let bad: [(String, String)] = [
    ("", "there is no instruction (line 1, column 1)"),
    ("# only a comment", "there is no instruction (line 1, column 1)"),
    ("RUN x", "RUN can't be used to change a configuration (line 1, column 1)"),
    ("  NOPE x", "there is no instruction \"NOPE\" (line 1, column 3)"),
    ("CMD [1]", "CMD: a JSON array must hold strings only (line 1, column 5)"),
    (#"CMD ["a", {"b": [null, 1.5e3]}]"#, "CMD: a JSON array must hold strings only (line 1, column 5)"),
    ("CMD --x y", "CMD: there is no option \"--x\" (line 1, column 5)"),
    ("ENV", "ENV: NAME=VALUE is missing (line 1, column 4)"),
    ("ENV A", "ENV: a value is missing (line 1, column 5)"),
    ("ENV A=b C", "ENV: \"C\" has no \"=\"; NAME=VALUE is expected (line 1, column 9)"),
    ("ENV =b", "ENV: a name before \"=\" is missing (line 1, column 5)"),
    ("ENV A=b \\\n  'C", "ENV: \"'C\" has no \"=\"; NAME=VALUE is expected (line 2, column 3)"),
    ("ENV A='b", "ENV: a single quote is not closed (line 1, column 7)"),
    ("ENV A=\"b", "ENV: a double quote is not closed (line 1, column 7)"),
    ("ENV A=${b", "ENV: a \"${\" is not closed (line 1, column 7)"),
    ("ENV A=${}", "ENV: \"${}\" is no substitution that is supported (line 1, column 7)"),
    ("ENV A=${b!c}", "ENV: \"${b!c}\" is no substitution that is supported (line 1, column 7)"),
    ("ENV A=${b:?sorry}", "ENV: b: sorry (line 1, column 7)"),
    ("ENV A=${b?}", "ENV: b: it must be set (line 1, column 7)"),
    ("LABEL x", "LABEL: a value is missing (line 1, column 7)"),
    ("EXPOSE", "EXPOSE: an argument is missing (line 1, column 7)"),
    (
      "EXPOSE 80 x",
      "EXPOSE: \"x\" is not a port (PORT, PORT-PORT, with /tcp, /udp or /sctp) (line 1, column 11)"
    ),
    (
      "EXPOSE 70000",
      "EXPOSE: \"70000\" is not a port (PORT, PORT-PORT, with /tcp, /udp or /sctp) (line 1, column 8)"
    ),
    (
      "EXPOSE 9-8",
      "EXPOSE: \"9-8\" is not a port (PORT, PORT-PORT, with /tcp, /udp or /sctp) (line 1, column 8)"
    ),
    (
      "EXPOSE 80/icmp",
      "EXPOSE: \"80/icmp\" is not a port (PORT, PORT-PORT, with /tcp, /udp or /sctp) (line 1, column 8)"
    ),
    (
      "EXPOSE x:1:2",
      "EXPOSE: \"x:1:2\" is not a port (PORT, PORT-PORT, with /tcp, /udp or /sctp) (line 1, column 8)"
    ),
    ("HEALTHCHECK", "HEALTHCHECK: NONE or CMD is missing (line 1, column 12)"),
    ("HEALTHCHECK NONE x", "HEALTHCHECK: an argument of NONE is not allowed here (line 1, column 18)"),
    ("HEALTHCHECK CMD", "HEALTHCHECK: the command of CMD is missing (line 1, column 16)"),
    ("HEALTHCHECK RUN x", "HEALTHCHECK: \"RUN\" is not NONE or CMD (line 1, column 13)"),
    (
      "HEALTHCHECK --interval=1us CMD x",
      "HEALTHCHECK: \"1us\" is not a duration of at least 1ms (line 1, column 13)"
    ),
    (
      "HEALTHCHECK --interval=5 CMD x",
      "HEALTHCHECK: \"5\" is not a duration (as 30s, 1m30s or 500ms) (line 1, column 13)"
    ),
    (
      "HEALTHCHECK --interval=-5s CMD x",
      "HEALTHCHECK: \"-5s\" is not a duration of at least 1ms (line 1, column 13)"
    ),
    (
      "HEALTHCHECK --timeout CMD x", "HEALTHCHECK: the option \"--timeout\" needs a value (line 1, column 13)"
    ),
    (
      "HEALTHCHECK --retries=-1 CMD x",
      "HEALTHCHECK: \"-1\" is not a number of retries from 0 to 2147483647 (line 1, column 13)"
    ),
    (
      "HEALTHCHECK --timeout=1s --timeout=2s CMD x",
      "HEALTHCHECK: the option \"--timeout\" is there twice (line 1, column 26)"
    ),
    (
      "HEALTHCHECK --interval=9999999h9999999h CMD x",
      "HEALTHCHECK: \"9999999h9999999h\" is not a duration (as 30s, 1m30s or 500ms) (line 1, column 13)"
    ),
    ("HEALTHCHECK --x=1 CMD x", "HEALTHCHECK: there is no option \"--x\" (line 1, column 13)"),
    ("ONBUILD", "ONBUILD: an instruction is missing (line 1, column 8)"),
    ("ONBUILD ONBUILD RUN x", "ONBUILD: ONBUILD is not allowed here (line 1, column 9)"),
    ("ONBUILD from x", "ONBUILD: FROM is not allowed here (line 1, column 9)"),
    ("SHELL bash", "SHELL: a JSON array is needed, as [\"/bin/sh\", \"-c\"] (line 1, column 7)"),
    ("SHELL []", "SHELL: a program is missing (line 1, column 7)"),
    ("STOPSIGNAL SIGNOPE", "STOPSIGNAL: \"SIGNOPE\" is not a signal (line 1, column 12)"),
    ("STOPSIGNAL 0", "STOPSIGNAL: \"0\" is not a signal (line 1, column 12)"),
    ("USER", "USER: a user is missing (line 1, column 5)"),
    ("VOLUME", "VOLUME: an argument is missing (line 1, column 7)"),
    ("VOLUME []", "VOLUME: a path is missing (line 1, column 8)"),
    (#"VOLUME [" "]"#, "VOLUME: a path is missing (line 1, column 8)"),
    ("WORKDIR $NONE", "WORKDIR: a directory is missing (line 1, column 9)"),
    ("# escape=x\nUSER a", "\"x\" is not an escape character (\\ or `) (line 1, column 1)"),
    ("# escape=`\n# escape=`\nUSER a", "the directive \"escape\" is there twice (line 2, column 1)"),
  ]

  @Test(arguments: bad)
  func refuses(_ text: String, _ message: String) {
    let error = #expect(throws: DockerfileError.self) { _ = try changes([text]) }
    #expect(error.map { "\($0)" } == message, "\(text)")
  }

  @Test func severalInOneText() throws {
    let text = "\u{feff}# escape=`\r\nENV A=1 `\r\n  B=`$A\r\n\r\n # note\nCMD x\nENV C=$A\n"
    #expect(
      try changes([text, "USER $B"]) == [
        .environment([NameValue("A", "1"), NameValue("B", "$A")]), .command(.shell("x")),
        .environment([NameValue("C", "1")]), .user("$A"),
      ])
  }

  @Test func mutations() {
    var state: UInt64 = 1
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(truncatingIfNeeded: (state ^ state >> 31) % UInt64(bound))
    }
    let seeds =
      Self.commands.map(\.0) + Self.values.map { "ENV " + $0.0 }
      + Self.healthchecks.map { "HEALTHCHECK " + $0.0 }
    let signs = Array("\"'\\${}[]:-=,# \n".utf8)
    var accepted = 0
    for _ in 0..<5_000 {
      var bytes = Array(seeds[random(seeds.count)].utf8)
      for _ in 0...random(3) where !bytes.isEmpty {
        let index = random(bytes.count)
        switch random(3) {
        case 0: bytes[index] = UInt8(random(256))
        case 1: bytes.remove(at: index)
        default: bytes.insert(signs[random(signs.count)], at: index)
        }
      }
      // Nothing may end the process; whether it is accepted is no matter here.
      if (try? changes([String(decoding: bytes, as: UTF8.self)])) != nil { accepted += 1 }
    }
    #expect(accepted > 800)
  }

  @Test func hostileNesting() {
    let deep = "ENV A=" + String(repeating: "${a:-", count: 100_000)
    #expect(throws: DockerfileError.self) { _ = try changes([deep]) }
    let json = "CMD [" + String(repeating: "[", count: 100_000)
    #expect(throws: Never.self) { _ = try changes([json]) }
    #expect(throws: DockerfileError.self) {
      _ = try changes(["EXPOSE " + String(repeating: "9", count: 100_000)])
    }
  }
}

extension NameValue {
  init(_ name: String, _ value: String) { self.init(name: name, value: value) }
}
