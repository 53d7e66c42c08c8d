/// Durations as Go writes them: `300ms`, `1.5h`, `2h45m`.
/// <https://pkg.go.dev/time#ParseDuration>
enum GoDuration {
  private static let units: [(name: String, nanoseconds: UInt64)] = [
    ("ns", 1), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000),
    ("m", 60_000_000_000), ("h", 3_600_000_000_000),
  ]

  /// The nanoseconds of a duration; nil when it is none or too long for 64 bits.
  static func nanoseconds(_ text: String) -> Int64? {
    var rest = text.unicodeScalars[...]
    var isNegative = false
    if let sign = rest.first, sign == "-" || sign == "+" {
      isNegative = sign == "-"
      rest = rest.dropFirst()
    }
    if String(rest) == "0" { return 0 }
    if rest.isEmpty { return nil }
    var total: UInt64 = 0
    while !rest.isEmpty {
      let whole = digits(&rest)
      var fraction = ""
      if rest.first == "." {
        rest = rest.dropFirst()
        fraction = digits(&rest)
      }
      if whole.isEmpty && fraction.isEmpty { return nil }
      let name = String(rest.prefix { $0 != "." && !isDigit($0) })
      // Compared as scalars: both letters for "micro" are there.
      guard let unit = units.first(where: { $0.name.unicodeScalars.elementsEqual(name.unicodeScalars) })
      else { return nil }
      rest = rest.dropFirst(name.unicodeScalars.count)
      guard let value = UInt64(whole.isEmpty ? "0" : whole) else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: unit.nanoseconds)
      var scale = unit.nanoseconds
      var part: UInt64 = 0
      for digit in fraction.utf8 where scale > 1 {
        // Every unit is 6 or 36 times a power of ten, so the last steps may not divide evenly.
        part += UInt64(digit - 0x30) * scale / 10
        scale /= 10
      }
      let (sum, overflow2) = total.addingReportingOverflow(product)
      let (all, overflow3) = sum.addingReportingOverflow(part)
      if overflow || overflow2 || overflow3 { return nil }
      total = all
    }
    guard let value = Int64(exactly: total) else { return nil }
    return isNegative ? -value : value
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

  private static func digits(_ rest: inout Substring.UnicodeScalarView) -> String {
    let found = rest.prefix(while: isDigit)
    rest = rest.dropFirst(found.count)
    return String(found)
  }
}
