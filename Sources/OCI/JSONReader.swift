/// How large a JSON text from outside may be.
public struct JSONLimits: Sendable {
  /// The most bytes.
  public var size: Int
  /// The deepest nesting of arrays and objects.
  public var depth: Int

  /// Limits of one's own.
  public init(size: Int, depth: Int = 32) {
    self.size = size
    self.depth = depth
  }

  /// For manifests and indexes: 4 MiB, as registries have it.
  public static let manifest = JSONLimits(size: 4 << 20)
  /// For image configurations, whose history and labels may be long: 16 MiB.
  public static let config = JSONLimits(size: 16 << 20)
}

extension JSONValue {
  /// Reads one JSON text strictly: RFC 8259, UTF-8, no name twice in an object.
  public init(parsing bytes: [UInt8], limits: JSONLimits = .manifest) throws(JSONError) {
    var outcome: Result<JSONValue, JSONError>?
    bytes.withUnsafeBufferPointer { buffer in
      var reader = JSONReader(bytes: buffer, limits: limits)
      do throws(JSONError) { outcome = .success(try reader.document()) } catch { outcome = .failure(error) }
    }
    guard let outcome else { preconditionFailure("the body of withUnsafeBufferPointer always runs") }
    self = try outcome.get()
  }
}

/// A recursive descent over the bytes; the limit of depth bounds the recursion.
private struct JSONReader {
  let bytes: UnsafeBufferPointer<UInt8>
  let limits: JSONLimits
  var position = 0

  init(bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
    self.bytes = bytes
    self.limits = limits
  }

  mutating func document() throws(JSONError) -> JSONValue {
    if bytes.count > limits.size { throw error(.tooLarge(limit: limits.size), at: limits.size) }
    let value = try value(depth: 0)
    skipSpace()
    if position < bytes.count { throw error(.trailingData) }
    return value
  }

  func error(_ reason: JSONError.Reason, at offset: Int? = nil) -> JSONError {
    let offset = offset ?? position
    var line = 1
    var start = 0
    for index in 0..<min(offset, bytes.count) where bytes[index] == 0x0a {
      line += 1
      start = index + 1
    }
    return JSONError(reason: reason, offset: offset, line: line, column: offset - start + 1)
  }

  mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0a, 0x0d: position += 1
      default: return
      }
    }
  }

  /// The next byte that is not space, which stays.
  mutating func peek() throws(JSONError) -> UInt8 {
    skipSpace()
    if position >= bytes.count { throw error(.unexpectedEnd) }
    return bytes[position]
  }

  mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    switch try peek() {
    case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
    case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw error(.expected("a value"))
    }
  }

  mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    let count = text.utf8CodeUnitCount
    guard bytes.count - position >= count else { throw error(.unexpectedEnd) }
    for index in 0..<count where bytes[position + index] != text.utf8Start[index] {
      throw error(.expected("\(text)"))
    }
    position += count
    return value
  }

  mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
    if depth > limits.depth { throw error(.tooDeep(limit: limits.depth)) }
    position += 1
    var elements: [JSONValue] = []
    if try peek() == UInt8(ascii: "]") {
      position += 1
      return elements
    }
    while true {
      elements.append(try value(depth: depth))
      switch try peek() {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "]"):
        position += 1
        return elements
      default: throw error(.expected("\",\" or \"]\""))
      }
    }
  }

  mutating func object(depth: Int) throws(JSONError) -> JSONObject {
    if depth > limits.depth { throw error(.tooDeep(limit: limits.depth)) }
    position += 1
    var found: [(member: JSONObject.Member, offset: Int)] = []
    if try peek() == UInt8(ascii: "}") {
      position += 1
      return JSONObject()
    }
    while true {
      if try peek() != UInt8(ascii: "\"") { throw error(.expected("a name in quotes")) }
      let offset = position
      let name = try string()
      if try peek() != UInt8(ascii: ":") { throw error(.expected("\":\"")) }
      position += 1
      found.append((JSONObject.Member(name: name, value: try value(depth: depth)), offset))
      switch try peek() {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "}"):
        position += 1
        return try unique(found)
      default: throw error(.expected("\",\" or \"}\""))
      }
    }
  }

  /// Sorts members by name, and refuses a name that is there twice.
  func unique(_ found: [(member: JSONObject.Member, offset: Int)]) throws(JSONError) -> JSONObject {
    let sorted = found.sorted {
      precedes($0.member.name, $1.member.name)
        || sameBytes($0.member.name, $1.member.name) && $0.offset < $1.offset
    }
    for (one, next) in zip(sorted, sorted.dropFirst()) where sameBytes(one.member.name, next.member.name) {
      throw error(.duplicateName(next.member.name), at: next.offset)
    }
    return JSONObject(sorted: sorted.map(\.member))
  }

  mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        let text = try text(UnsafeBufferPointer(rebasing: bytes[start..<position]), at: start)
        position += 1
        return text
      case UInt8(ascii: "\\"): return try escapedString(from: start)
      case 0..<0x20: throw error(.controlCharacter)
      default: position += 1
      }
    }
    throw error(.unexpectedEnd)
  }

  /// The rest of a string in which an escape was found.
  mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var decoded = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        let text = try decoded.withUnsafeBufferPointerTyped { (raw) throws(JSONError) in
          try self.text(raw, at: start)
        }
        position += 1
        return text
      case UInt8(ascii: "\\"): decoded.append(contentsOf: String(try escape()).utf8)
      case 0..<0x20: throw error(.controlCharacter)
      default:
        decoded.append(byte)
        position += 1
      }
    }
    throw error(.unexpectedEnd)
  }

  func text(_ raw: UnsafeBufferPointer<UInt8>, at offset: Int) throws(JSONError) -> String {
    guard let text = String(validating: raw, as: UTF8.self) else { throw error(.invalidUTF8, at: offset) }
    return text
  }

  mutating func escape() throws(JSONError) -> Unicode.Scalar {
    let start = position
    position += 1
    guard position < bytes.count else { throw error(.unexpectedEnd) }
    let letter = bytes[position]
    position += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let first = try hexadecimal(start)
      if let scalar = Unicode.Scalar(first) { return scalar }
      // A pair of surrogates is one character; half of one is none.
      guard first < 0xdc00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
        bytes[position + 1] == UInt8(ascii: "u")
      else { throw error(.invalidEscape, at: start) }
      position += 2
      let second = try hexadecimal(start)
      guard (0xdc00...0xdfff).contains(second),
        let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
      else { throw error(.invalidEscape, at: start) }
      return scalar
    default: throw error(.invalidEscape, at: start)
    }
  }

  mutating func hexadecimal(_ start: Int) throws(JSONError) -> UInt32 {
    guard position + 4 <= bytes.count else { throw error(.unexpectedEnd, at: bytes.count) }
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue, bytes[position] < 0x80
      else {
        throw error(.invalidEscape, at: start)
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    var isInteger = true
    if bytes[position] == UInt8(ascii: "-") { position += 1 }
    let whole = digits()
    if whole == 0 || whole > 1 && bytes[position - whole] == UInt8(ascii: "0") {
      throw error(.invalidNumber, at: start)
    }
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      if digits() == 0 { throw error(.invalidNumber, at: start) }
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      position += 1
      if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-")
      {
        position += 1
      }
      if digits() == 0 { throw error(.invalidNumber, at: start) }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    // "-0" is not the integer 0: it would be written otherwise than it was read.
    if isInteger, text != "-0", let value = Int64(text) { return .integer(value) }
    return .number(text)
  }

  mutating func digits() -> Int {
    let start = position
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
    return position - start
  }
}

extension [UInt8] {
  /// `withUnsafeBufferPointer` that keeps the type of the error.
  fileprivate func withUnsafeBufferPointerTyped<Value>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(JSONError) -> Value
  ) throws(JSONError) -> Value {
    var outcome: Result<Value, JSONError>?
    withUnsafeBufferPointer { buffer in
      do throws(JSONError) { outcome = .success(try body(buffer)) } catch { outcome = .failure(error) }
    }
    guard let outcome else { preconditionFailure("the body of withUnsafeBufferPointer always runs") }
    return try outcome.get()
  }
}
