/// A time as image documents write it: RFC 3339, as `2026-01-02T03:04:05Z`.
///
/// Keeps the text that it was read from, so that an unchanged time is written unchanged.
public struct CreationTime: Hashable, Sendable, CustomStringConvertible {
  /// Whole seconds since 1970, rounded down.
  public let seconds: Int64
  /// 0 to 999,999,999, added to `seconds`.
  public let nanoseconds: UInt32
  /// The time as it is written.
  public let description: String

  /// The earliest and the latest time that RFC 3339 can write: the years 0 to 9999.
  public static let range: ClosedRange<Int64> = -62_167_219_200...253_402_300_799

  /// A time in UTC; one outside of `range` becomes the nearest in it.
  public init(seconds: Int64, nanoseconds: UInt32 = 0) {
    self.seconds = min(max(seconds, Self.range.lowerBound), Self.range.upperBound)
    self.nanoseconds = min(nanoseconds, 999_999_999)
    description = Self.text(self.seconds, self.nanoseconds)
  }

  /// Reads RFC 3339: a date, a time, a fraction of up to nine digits that count, `Z` or an offset.
  public init(_ text: String) throws(CreationTimeError) {
    guard let (seconds, nanoseconds) = Self.parse(Array(text.utf8)) else {
      throw CreationTimeError(text: text)
    }
    self.seconds = seconds
    self.nanoseconds = nanoseconds
    description = text
  }

  private static func text(_ seconds: Int64, _ nanoseconds: UInt32) -> String {
    let days = Int(seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400)
    let rest = Int(seconds) - days * 86_400
    let (year, month, day) = date(days)
    func digits(_ value: Int, _ count: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    var text = "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))T"
    text += "\(digits(rest / 3_600, 2)):\(digits(rest / 60 % 60, 2)):\(digits(rest % 60, 2))"
    if nanoseconds > 0 {
      var fraction = digits(Int(nanoseconds), 9)
      while fraction.hasSuffix("0") { fraction.removeLast() }
      text += "." + fraction
    }
    return text + "Z"
  }

  private static func parse(_ bytes: [UInt8]) -> (Int64, UInt32)? {
    var position = 0
    func number(_ count: Int) -> Int? {
      guard position + count <= bytes.count else { return nil }
      var value = 0
      for byte in bytes[position..<position + count] {
        guard (0x30...0x39).contains(byte) else { return nil }
        value = value * 10 + Int(byte - 0x30)
      }
      position += count
      return value
    }
    func literal(_ text: String) -> Bool {
      guard bytes[position...].starts(with: text.utf8) else { return false }
      position += text.utf8.count
      return true
    }
    guard let year = number(4), literal("-"), let month = number(2), literal("-"), let day = number(2),
      literal("T") || literal("t"), let hour = number(2), literal(":"), let minute = number(2), literal(":"),
      let second = number(2), (1...12).contains(month), day >= 1, day <= daysIn(month, year), hour < 24,
      minute < 60, second <= 60
    else { return nil }
    var nanoseconds: UInt32 = 0
    if literal(".") {
      var count = 0
      while let digit = number(1) {
        if count < 9 { nanoseconds = nanoseconds * 10 + UInt32(digit) }
        count += 1
      }
      if count == 0 { return nil }
      while count < 9 {
        nanoseconds *= 10
        count += 1
      }
    }
    var offset = 0
    if !literal("Z") && !literal("z") {
      let sign = literal("+") ? 1 : literal("-") ? -1 : 0
      guard sign != 0, let hours = number(2), literal(":"), let minutes = number(2), hours < 24, minutes < 60
      else { return nil }
      offset = sign * (hours * 3_600 + minutes * 60)
    }
    if position != bytes.count { return nil }
    let time = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
    return (Int64(time), nanoseconds)
  }

  private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

  private static func daysIn(_ month: Int, _ year: Int) -> Int {
    month == 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  // Both directions count in eras of 400 years (146,097 days) that start on the first of March, so that
  // the leap day is the last of its year. Day 0 is 1970-01-01, which is day 719,468 of era 0.
  private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let year = month <= 2 ? year - 1 : year
    let era = (year >= 0 ? year : year - 399) / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (
      yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    )
  }
}

/// A text that is no time.
public struct CreationTimeError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The text.
  public let text: String

  /// What was wrong, in a person's words.
  public var description: String {
    "\(quoted(text)) is not a time as RFC 3339 writes it (2026-01-02T03:04:05Z)"
  }
}
