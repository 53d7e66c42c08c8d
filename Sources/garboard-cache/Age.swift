import ArgumentParser

/// A time span of the command line: a whole number, and s, m, h, d or w.
struct Age: ExpressibleByArgument, CustomStringConvertible, Hashable, Sendable {
  /// The span in seconds.
  var seconds: Int64

  private static let units: [(letter: Character, seconds: Int64)] = [
    ("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1),
  ]

  init(seconds: Int64) { self.seconds = seconds }

  init?(argument: String) {
    guard let letter = argument.last, let unit = Self.units.first(where: { $0.letter == letter }),
      argument.dropLast().utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let number = Int64(argument.dropLast())
    else { return nil }
    let (seconds, overflow) = number.multipliedReportingOverflow(by: unit.seconds)
    if overflow { return nil }
    self.seconds = seconds
  }

  /// In the largest unit that fits.
  var description: String {
    let unit = Self.units.first { seconds >= $0.seconds } ?? ("s", 1)
    return "\(seconds / unit.seconds) \(unit.letter)"
  }
}
