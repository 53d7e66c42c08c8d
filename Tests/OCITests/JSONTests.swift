import OCI
import Testing

@Suite struct JSONTests {
  static func read(_ text: String, limits: JSONLimits = .manifest) throws -> JSONValue {
    try JSONValue(parsing: Array(text.utf8), limits: limits)
  }

  static func write(_ value: JSONValue) -> String {
    String(decoding: JSONWriter.bytes(of: value), as: UTF8.self)
  }

  static let canonical: [(String, String)] = [
    ("{}", "{}"),
    (" [ ] \n", "[]"),
    (#"{"b":1,"a":2,"B":3}"#, #"{"B":3,"a":2,"b":1}"#),
    (#"{"":0,"é":1,"z":2}"#, #"{"":0,"z":2,"é":1}"#),
    (
      #"["\/","\u00e9","\ud83d\ude00","\b\f\n\r\t\"\\\u0001\u001f\u007f"]"#,
      "[\"/\",\"é\",\"😀\",\"\\b\\f\\n\\r\\t\\\"\\\\\\u0001\\u001f\u{7f}\"]"
    ),
    ("[0,-1,9223372036854775807,-9223372036854775808]", "[0,-1,9223372036854775807,-9223372036854775808]"),
    // What fits no integer keeps its text.
    ("[1.50,1e3,-0,18446744073709551616,0.1e-7]", "[1.50,1e3,-0,18446744073709551616,0.1e-7]"),
    ("[true,false,null]", "[true,false,null]"),
    ("\"<>&\u{2028}\"", "\"<>&\u{2028}\""),
    // Two spellings of one letter are two names.
    ("{\"e\u{301}\":1,\"\u{e9}\":2}", "{\"e\u{301}\":1,\"\u{e9}\":2}"),
  ]

  @Test(arguments: canonical)
  func writesCanonically(_ text: String, _ expected: String) throws {
    #expect(Self.write(try Self.read(text)).utf8.elementsEqual(expected.utf8), "\(text)")
  }

  static let bad: [(String, JSONError.Reason, Int, Int)] = [
    ("", JSONError.Reason.unexpectedEnd, 1, 1),
    ("{", .unexpectedEnd, 1, 2),
    ("[1,]", .expected("a value"), 1, 4),
    ("[1 2]", .expected("\",\" or \"]\""), 1, 4),
    ("{\"a\" 1}", .expected("\":\""), 1, 6),
    ("{a:1}", .expected("a name in quotes"), 1, 2),
    ("{\"a\":1,}", .expected("a name in quotes"), 1, 8),
    ("{\"a\":1,\n \"b\":2,\n \"a\":3}", .duplicateName("a"), 3, 2),
    ("{\"a\":1,\"\\u0061\":3}", .duplicateName("a"), 1, 8),
    ("01", .invalidNumber, 1, 1), ("-", .invalidNumber, 1, 1), ("1.", .invalidNumber, 1, 1),
    ("1e", .invalidNumber, 1, 1), ("+1", .expected("a value"), 1, 1), (".5", .expected("a value"), 1, 1),
    ("NaN", .expected("a value"), 1, 1), ("nul", .unexpectedEnd, 1, 1), ("trux", .expected("true"), 1, 1),
    ("\"\\x\"", .invalidEscape, 1, 2), ("\"\\ud800\"", .invalidEscape, 1, 2),
    ("\"\\udc00\\ud800\"", .invalidEscape, 1, 2), ("\"\\ud800\\u0041\"", .invalidEscape, 1, 2),
    ("\"\\u12g4\"", .invalidEscape, 1, 2), ("\"\\u12", .unexpectedEnd, 1, 6),
    ("\"a\nb\"", .controlCharacter, 1, 3), ("\"abc", .unexpectedEnd, 1, 5),
    ("{} {}", .trailingData, 1, 4), ("1 x", .trailingData, 1, 3),
    ("\u{feff}{}", .expected("a value"), 1, 1), ("// c\n1", .expected("a value"), 1, 1),
    ("[1\u{b}]", .expected("\",\" or \"]\""), 1, 3),
  ]

  @Test(arguments: bad)
  func refuses(_ text: String, _ reason: JSONError.Reason, _ line: Int, _ column: Int) {
    let error = #expect(throws: JSONError.self) { try Self.read(text) }
    #expect(error?.reason == reason, "\(text)")
    #expect(error?.line == line && error?.column == column, "\(text): \(error.map { "\($0)" } ?? "")")
  }

  @Test func refusesBytesThatAreNoUTF8() {
    for bytes: [UInt8] in [
      [0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22],
      [0x22, 0x5c, 0x6e, 0xe2, 0x82, 0x22],
    ] {
      let error = #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
      #expect(error?.reason == .invalidUTF8)
    }
  }

  @Test func boundsDepthAndSize() throws {
    let limits = JSONLimits(size: 1000, depth: 5)
    _ = try Self.read("[[[[[1]]]]]", limits: limits)
    #expect(throws: JSONError.self) { try Self.read("[[[[[[1]]]]]]", limits: limits) }
    #expect(throws: JSONError.self) { try Self.read("{\"a\":[[[[{}]]]]}", limits: limits) }
    _ = try Self.read("\"" + String(repeating: "a", count: 998) + "\"", limits: limits)
    let error = #expect(throws: JSONError.self) {
      try Self.read("\"" + String(repeating: "a", count: 999) + "\"", limits: limits)
    }
    #expect(error?.reason == .tooLarge(limit: 1000))
    // Without the bound this would run off the stack.
    let deep = String(repeating: "[", count: 1_000_000)
    #expect(throws: JSONError.self) { try Self.read(deep) }
  }

  @Test func readsWhatItWrites() throws {
    let text = #"{"a":[1,{"b":"c\n"},[]],"d":{},"e":-1.5e+3}"#
    let value = try Self.read(text)
    #expect(try JSONValue(parsing: JSONWriter.indentedBytes(of: value)) == value)
    #expect(
      String(
        decoding: JSONWriter.indentedBytes(of: try Self.read(#"{"b":[1,2],"a":{},"c":[]}"#)), as: UTF8.self)
          == """
          {
            "a": {},
            "b": [
              1,
              2
            ],
            "c": []
          }

          """)
  }

  @Test func objectsAreEdited() {
    var object = JSONObject()
    for name in ["m", "a", "z", "m", "k"] { object[name] = .string(name) }
    #expect(object.members.map(\.name) == ["a", "k", "m", "z"])
    object["k"] = nil
    object["missing"] = nil
    object["a"] = .null
    #expect(object.members.map(\.name) == ["a", "m", "z"])
    #expect(object["a"] == .null)
    #expect(object["b"] == nil)
  }
}
