import Archive

/// An expression that is no budget: what is wrong in it, and where.
public struct BudgetError: Error, Sendable, Equatable {
  /// The whole expression.
  public var expression: String
  /// The place, in characters from 1.
  public var column: Int
  /// What is wrong there.
  public var problem: String
}

extension BudgetError: CustomStringConvertible {
  /// What is wrong and where, in one line.
  public var description: String { "\"\(expression)\", character \(column): \(problem)" }
}

extension Budget {
  /// Reads `SUBJECT<LIMIT` or `SUBJECT<=LIMIT`.
  ///
  /// Subjects: `total`, `uncompressed`, `layer`, `layer:N`, `wasted`, `entries`, `package:NAME`,
  /// `file:/PATH`, `dir:/PATH`. Limits: a number with B, kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB,
  /// TiB (of 1024), a plain number for bytes and entries, a percentage for `wasted`.
  public init(_ expression: String) throws(BudgetError) {
    let text = Array(expression)
    func error(_ index: Int, _ problem: String) -> BudgetError {
      BudgetError(expression: expression, column: index + 1, problem: problem)
    }
    // Paths may hold a "<"; limits never do.
    guard let sign = text.lastIndex(of: "<") else {
      throw error(text.count, "a \"<\" or \"<=\" and a limit are missing")
    }
    var start = sign + 1
    let allowsLimit = start < text.count && text[start] == "="
    if allowsLimit { start += 1 }
    while start < text.count, text[start] == " " { start += 1 }
    let left = String(text[..<sign]).trimmed
    let subject = try Self.subject(left) { (offset, problem) in error(offset, problem) }
    let limit = try Self.limit(text[start...], of: subject, error)
    self.init(expression: expression, subject: subject, limit: limit, allowsLimit: allowsLimit)
  }

  private static func subject(
    _ text: String, _ error: (Int, String) -> BudgetError
  ) throws(BudgetError) -> Subject {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let name = parts.first ?? ""
    let value = parts.count == 2 ? parts[1] : nil
    let place = name.count + 1
    switch (name, value) {
    case ("total", nil): return .total
    case ("uncompressed", nil): return .uncompressed
    case ("layer", nil): return .layer(nil)
    case ("wasted", nil): return .wasted
    case ("entries", nil): return .entries
    case ("layer", let value?):
      guard let number = Int(value), number > 0 else {
        throw error(place, "\"\(value)\" is no number of a layer (the lowest is 1)")
      }
      return .layer(number)
    case ("package", let value?):
      if value.isEmpty { throw error(place, "the name of the package is missing") }
      return .package(value)
    case ("file", let value?): return .file(try path(value, place, error))
    case ("dir", let value?): return .directory(try path(value, place, error))
    case ("package", nil), ("file", nil), ("dir", nil):
      throw error(place - 1, "\"\(name)\" needs a \":\" and a name")
    case ("total", _), ("uncompressed", _), ("wasted", _), ("entries", _):
      throw error(place - 1, "\"\(name)\" is of the whole image and takes no \":\"")
    default:
      throw error(
        0,
        "\"\(name)\" is nothing that can be bounded (total, uncompressed, layer, layer:N, wasted, entries, "
          + "package:NAME, file:/PATH, dir:/PATH)")
    }
  }

  private static func path(
    _ text: String, _ place: Int, _ error: (Int, String) -> BudgetError
  ) throws(BudgetError) -> EntryPath {
    if text.isEmpty { throw error(place, "the path is missing") }
    do { return try EntryPath(text) } catch let problem { throw error(place, "\(problem)") }
  }

  private static func limit(
    _ text: ArraySlice<Character>, of subject: Subject, _ error: (Int, String) -> BudgetError
  ) throws(BudgetError) -> Limit {
    var index = text.startIndex
    func digits() -> String {
      let start = index
      while index < text.endIndex, ("0"..."9").contains(text[index]) { index += 1 }
      return String(text[start..<index])
    }
    let whole = digits()
    if whole.isEmpty { throw error(index, "a number is missing") }
    var fraction = ""
    if index < text.endIndex, text[index] == "." {
      index += 1
      fraction = digits()
      if fraction.isEmpty { throw error(index, "digits are missing after the point") }
    }
    while index < text.endIndex, text[index] == " " { index += 1 }
    let unit = String(text[index...]).trimmed
    let scale: UInt64
    if subject == .entries {
      if !unit.isEmpty { throw error(index, "entries are counted and have no unit, as \"\(unit)\"") }
      scale = 1
    } else if unit == "%" {
      if subject != .wasted { throw error(index, "only \"wasted\" can be bounded in percent") }
      scale = 1_000_000
    } else if let factor = units[unit] {
      scale = factor
    } else {
      throw error(index, "\"\(unit)\" is no unit (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB, or % of wasted)")
    }
    if scale == 1, !fraction.isEmpty { throw error(text.startIndex, "a part of one can't be a limit") }
    guard let number = scaled(whole, fraction, by: scale) else {
      throw error(text.startIndex, "the number is too large")
    }
    return unit == "%" ? .percent(millionths: number) : .amount(number)
  }

  private static let units: [String: UInt64] = [
    "": 1, "B": 1, "kB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
    "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
  ]

  /// The product, rounded down; nil when it doesn't fit.
  private static func scaled(_ whole: String, _ fraction: String, by scale: UInt64) -> UInt64? {
    guard let number = UInt64(whole) else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: scale)
    if overflow { return nil }
    // More digits than these are below a byte of every unit.
    let kept = String(fraction.prefix(18))
    let power = String(repeating: "0", count: kept.count)
    guard !kept.isEmpty, let part = UInt128(kept), let divisor = UInt128("1" + power) else { return product }
    let (result, tooLarge) = product.addingReportingOverflow(UInt64(part * UInt128(scale) / divisor))
    return tooLarge ? nil : result
  }
}

extension String {
  fileprivate var trimmed: String {
    var rest = self[...]
    while rest.first == " " { rest = rest.dropFirst() }
    while rest.last == " " { rest = rest.dropLast() }
    return String(rest)
  }
}
