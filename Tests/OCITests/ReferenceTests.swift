import Digest
import OCI
import Testing

@Suite struct ReferenceTests {
  static let digest = "sha256:" + String(repeating: "a1", count: 32)

  static let good: [(String, String, String)] = [
    ("debian", "docker.io/library/debian", "debian"),
    ("debian:trixie", "docker.io/library/debian:trixie", "debian:trixie"),
    ("library/debian", "docker.io/library/debian", "debian"),
    ("docker.io/debian", "docker.io/library/debian", "debian"),
    ("index.docker.io/debian:1", "docker.io/library/debian:1", "debian:1"),
    ("docker.io/a.b/c", "docker.io/a.b/c", "docker.io/a.b/c"),
    ("docker.io/localhost/c:1", "docker.io/localhost/c:1", "docker.io/localhost/c:1"),
    ("me/tool", "docker.io/me/tool", "me/tool"),
    ("library/a/b", "docker.io/library/a/b", "library/a/b"),
    ("localhost/x", "localhost/x", "localhost/x"),
    ("localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000/x:1"),
    ("host:5000/x", "host:5000/x", "host:5000/x"),
    ("a.b/c", "a.b/c", "a.b/c"),
    ("Host/c", "Host/c", "Host/c"),
    ("[::1]:5000/x:t", "[::1]:5000/x:t", "[::1]:5000/x:t"),
    ("[2001:db8::1]/x", "[2001:db8::1]/x", "[2001:db8::1]/x"),
    ("a.b:80", "docker.io/library/a.b:80", "a.b:80"),
    ("a__b/c-d/e.f---g", "docker.io/a__b/c-d/e.f---g", "a__b/c-d/e.f---g"),
    ("x:_A.b-", "docker.io/library/x:_A.b-", "x:_A.b-"),
    ("x@" + digest, "docker.io/library/x@" + digest, "x@" + digest),
    ("h.io/x:1@" + digest, "h.io/x:1@" + digest, "h.io/x:1@" + digest),
  ]

  @Test(arguments: good)
  func reads(_ text: String, _ full: String, _ familiar: String) throws {
    let reference = try Reference(text)
    #expect(reference.description == full)
    #expect(reference.familiar == familiar)
    #expect(try Reference(full) == reference, "the full form means the same")
    #expect(try Reference(familiar) == reference, "the familiar form means the same")
  }

  static let bad: [(String, ReferenceError)] = [
    ("", ReferenceError.empty),
    ("Debian", .upperCase("library/Debian")),
    ("a/B", .upperCase("a/B")),
    ("a..b", .path("library/a..b")), ("a___b", .path("library/a___b")), ("-a", .path("library/-a")),
    ("a-", .path("library/a-")), ("a._b", .path("library/a._b")), ("a//b", .path("a//b")),
    ("a/", .path("a/")), ("/a", .path("/a")), ("é", .path("library/é")), ("a b", .path("library/a b")),
    ("a.b/../c", .path("../c")),
    ("-a.b/c", .domain("-a.b")), ("a.b:x/c", .domain("a.b:x")), ("a..b/c", .domain("a..b")),
    ("[::1/x", .domain("[::1")), ("[x]:1/x", .domain("[x]:1")),
    ("a:", .tag("")), ("a:-x", .tag("-x")), ("a:.x", .tag(".x")), ("a:x/y:é", .tag("é")),
    ("a@sha256:00", .digest(.malformed("sha256:00"))),
    (
      "a@sha512:" + String(repeating: "0", count: 128),
      .digest(.unsupportedAlgorithm("sha512:" + String(repeating: "0", count: 128)))
    ),
    (String(repeating: "0a", count: 32), .identifier(String(repeating: "0a", count: 32))),
    ("a:" + String(repeating: "t", count: 129), .tag(String(repeating: "t", count: 129))),
    (String(repeating: "n", count: 248), .tooLong("library/" + String(repeating: "n", count: 248))),
  ]

  @Test(arguments: bad)
  func refuses(_ text: String, _ expected: ReferenceError) {
    #expect(throws: expected) { try Reference(text) }
  }

  @Test func latestIsImplied() throws {
    #expect(try Reference("a").withTag.familiar == "a:latest")
    #expect(try Reference("a:b").withTag.familiar == "a:b")
    #expect(try Reference("a@" + Self.digest).withTag.tag == nil)
    #expect(try Reference("h.io/x/y:z").name == "h.io/x/y")
  }
}

@Suite struct PlatformTests {
  @Test(arguments: [
    ("linux/amd64", "linux/amd64"), ("linux/x86_64", "linux/amd64"), ("amd64", "linux/amd64"),
    ("Linux/AMD64/v1", "linux/amd64"), ("linux/amd64/v3", "linux/amd64/v3"),
    ("linux/arm64/v8", "linux/arm64"), ("aarch64", "linux/arm64"), ("linux/arm64/v9", "linux/arm64/v9"),
    ("linux/arm", "linux/arm/v7"), ("armhf", "linux/arm/v7"), ("armel", "linux/arm/v6"),
    ("linux/arm/v6", "linux/arm/v6"), ("linux/arm/5", "linux/arm/v5"), ("i686", "linux/386"),
    ("linux/ppc64el", "linux/ppc64le"), ("s390x", "linux/s390x"), ("riscv64", "linux/riscv64"),
    ("linux/loongarch64", "linux/loong64"), ("linux/made-up", "linux/made-up"),
    ("macos/arm64", "darwin/arm64"),
  ])
  func normalises(_ text: String, _ expected: String) throws {
    #expect(try Platform(text).description == expected)
  }

  @Test func refuses() {
    for text in ["", "/", "linux/", "/amd64", "a/b/c/d", "linux/am d64", "linux/é"] {
      #expect(throws: PlatformError.malformed(text)) { try Platform(text) }
    }
    #expect(throws: PlatformError.unknownArchitecture("made-up")) { try Platform("made-up") }
  }

  @Test(arguments: [
    ("amd64", "linux/amd64"), ("arm64", "linux/arm64"), ("armhf", "linux/arm/v7"), ("armel", "linux/arm/v5"),
    ("i386", "linux/386"), ("mips64el", "linux/mips64le"), ("ppc64el", "linux/ppc64le"),
    ("riscv64", "linux/riscv64"), ("s390x", "linux/s390x"), ("loong64", "linux/loong64"),
  ])
  func debianNames(_ name: String, _ platform: String) throws {
    #expect(Platform(debianArchitecture: name)?.description == platform)
    #expect(try Platform(platform).debianArchitecture == name)
  }

  @Test func debianHasNot() throws {
    #expect(Platform(debianArchitecture: "all") == nil)
    #expect(try Platform("linux/wasm").debianArchitecture == nil)
    #expect(try Platform("windows/amd64").debianArchitecture == nil)
    #expect(try Platform("linux/arm/v6").debianArchitecture == "armel")
  }

  @Test(
    arguments: [
      ("linux/amd64", "linux/amd64", 0), ("linux/arm64/v8", "linux/arm64", 0),
      ("linux/arm/v6", "linux/arm", 1),
      ("linux/arm/v5", "linux/arm/v7", 2), ("linux/arm/v7", "linux/arm/v6", nil),
      ("linux/amd64/v3", "linux/amd64", nil),
      ("linux/amd64", "linux/amd64/v3", 2), ("linux/386", "linux/amd64", nil),
      ("windows/amd64", "linux/amd64", nil),
    ] as [(String, String, Int?)])
  func distances(_ image: String, _ wanted: String, _ expected: Int?) throws {
    #expect(try Platform(image).distance(to: Platform(wanted)) == expected)
  }
}

@Suite struct CreationTimeTests {
  @Test(
    arguments: [
      (0, 0, "1970-01-01T00:00:00Z"), (1_767_323_045, 0, "2026-01-02T03:04:05Z"),
      (951_782_400, 0, "2000-02-29T00:00:00Z"), (-1, 0, "1969-12-31T23:59:59Z"),
      (-2_203_891_200, 0, "1900-03-01T00:00:00Z"),
      (253_402_300_799, 999_999_999, "9999-12-31T23:59:59.999999999Z"),
      (-62_135_596_800, 0, "0001-01-01T00:00:00Z"), (-62_167_219_200, 0, "0000-01-01T00:00:00Z"),
      (1, 120_000_000, "1970-01-01T00:00:01.12Z"), (Int64.max, 0, "9999-12-31T23:59:59Z"),
      (Int64.min, 0, "0000-01-01T00:00:00Z"),
    ] as [(Int64, UInt32, String)])
  func writes(_ seconds: Int64, _ nanoseconds: UInt32, _ text: String) throws {
    let time = CreationTime(seconds: seconds, nanoseconds: nanoseconds)
    #expect(time.description == text)
    #expect(try CreationTime(text) == time)
  }

  @Test(
    arguments: [
      ("2026-01-02T05:04:05+02:00", 1_767_323_045, 0), ("2026-01-01T21:34:05-05:30", 1_767_323_045, 0),
      ("2026-01-02t03:04:05z", 1_767_323_045, 0),
      ("2026-01-02T03:04:05.1234567899Z", 1_767_323_045, 123_456_789),
      ("2016-12-31T23:59:60Z", 1_483_228_800, 0),
    ] as [(String, Int64, UInt32)])
  func readsAndKeeps(_ text: String, _ seconds: Int64, _ nanoseconds: UInt32) throws {
    let time = try CreationTime(text)
    #expect(time.seconds == seconds && time.nanoseconds == nanoseconds)
    #expect(time.description == text)
  }

  @Test(arguments: [
    "", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z", "2026-02-29T03:04:05Z",
    "2026-01-00T03:04:05Z", "2026-01-02T24:04:05Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05+2:00",
    "2026-01-02 03:04:05Z", "2026-01-02T03:04:05Zx", "+026-01-02T03:04:05Z", "1767323045",
  ])
  func refuses(_ text: String) {
    #expect(throws: CreationTimeError.self) { try CreationTime(text) }
  }

  @Test func everyDayOfFourCenturies() throws {
    // Counted independently: each day is 86,400 seconds after the one before it.
    var seconds: Int64 = -11_676_096_000  // 1600-01-01
    for year in 1600..<2000 {
      let isLeap = year % 4 == 0 && year % 100 != 0 || year == 1600
      for (month, days) in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
        for day in 1...days {
          func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
          let text = "\(year)-\(two(month + 1))-\(two(day))T00:00:00Z"
          if CreationTime(seconds: seconds).description != text { Issue.record("\(seconds): \(text)") }
          seconds += 86_400
        }
      }
    }
    #expect(seconds == 946_684_800)
  }
}
