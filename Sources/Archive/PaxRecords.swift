/// The records of a pax extended header: `LENGTH KEY=VALUE\n`.
///
/// POSIX.1-2017, pax, "pax Extended Header".
enum PaxRecords {
  struct Malformed: Error {
    var what: String
  }

  /// Reads all records strictly, in their order.
  static func parse(
    _ bytes: [UInt8], _ body: (_ key: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) throws -> Void
  ) throws {
    var position = 0
    while position < bytes.count {
      var length = 0
      var index = position
      while index < bytes.count, case let digit = bytes[index], digit >= 0x30, digit <= 0x39 {
        if index - position > 9 { throw Malformed(what: "a record's length has too many digits") }
        length = length * 10 + Int(digit - 0x30)
        index += 1
      }
      guard index > position, index < bytes.count, bytes[index] == 0x20 else {
        throw Malformed(what: "a record does not start with its length")
      }
      let end = position + length
      guard end <= bytes.count, end > index + 1, bytes[end - 1] == 0x0a else {
        throw Malformed(what: "a record's length (\(length)) does not lead to its end")
      }
      let record = bytes[(index + 1)..<(end - 1)]
      guard let equals = record.firstIndex(of: 0x3d), equals > record.startIndex else {
        throw Malformed(what: "a record has no key")
      }
      try body(record[..<equals], record[(equals + 1)...])
      position = end
    }
  }

  /// Appends a record; its length counts itself.
  static func append(_ key: [UInt8], _ value: some Collection<UInt8>, to bytes: inout [UInt8]) {
    let rest = key.count + value.count + 3
    var length = rest
    while true {
      let total = rest + String(length).utf8.count
      if total == length { break }
      length = total
    }
    bytes.append(contentsOf: Array(String(length).utf8))
    bytes.append(0x20)
    bytes.append(contentsOf: key)
    bytes.append(0x3d)
    bytes.append(contentsOf: value)
    bytes.append(0x0a)
  }

  /// A decimal number without sign.
  static func unsigned(_ value: ArraySlice<UInt8>, _ key: String) throws -> UInt64 {
    guard !value.isEmpty, value.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
      let number = UInt64(String(decoding: value, as: UTF8.self))
    else { throw Malformed(what: "\(key) is not a number") }
    return number
  }

  /// A time in decimal seconds with an optional fraction, as `-1.5`; digits past the ninth are cut off.
  static func time(_ value: ArraySlice<UInt8>, _ key: String) throws -> Timestamp {
    var rest = value
    let negative = rest.first == 0x2d
    if negative { rest = rest.dropFirst() }
    let whole = rest.prefix { $0 != 0x2e }
    let fraction = rest.dropFirst(whole.count + 1)
    guard whole.count + fraction.count > 0,
      whole.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), fraction.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
      let seconds = whole.isEmpty ? 0 : Int64(String(decoding: whole, as: UTF8.self)),
      seconds < Int64.max
    else { throw Malformed(what: "\(key) is not a time") }
    var nanoseconds: UInt32 = 0
    for index in 0..<9 {
      let position = fraction.startIndex + index
      nanoseconds = nanoseconds * 10 + (position < fraction.endIndex ? UInt32(fraction[position] - 0x30) : 0)
    }
    if !negative { return Timestamp(seconds: seconds, nanoseconds: nanoseconds) }
    return nanoseconds == 0
      ? Timestamp(seconds: -seconds)
      : Timestamp(seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds)
  }

  /// A time as `time(_:_:)` reads it, without needless zeros.
  static func text(_ time: Timestamp) -> [UInt8] {
    if time.nanoseconds == 0 { return Array(String(time.seconds).utf8) }
    let negative = time.seconds < 0
    let whole = negative ? -(time.seconds + 1) : time.seconds
    let nanoseconds = negative ? 1_000_000_000 - time.nanoseconds : time.nanoseconds
    let digits = String(nanoseconds)
    var fraction = Array((String(repeating: "0", count: 9 - digits.utf8.count) + digits).utf8)
    while fraction.last == 0x30 { fraction.removeLast() }
    return Array("\(negative ? "-" : "")\(whole).".utf8) + fraction
  }
}
