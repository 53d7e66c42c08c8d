import Bootstrap
import Debian
import Digest

/// The packages of a plan as a text: what of it decides the image, without the archive's date.
enum PackageList {
  /// A line for each: name, architecture, version, SHA-256, and what else is written into the image.
  static func text(of plan: BootstrapPlan) -> String {
    plan.packages.map { package in
      let record = package.record
      let stage = package.stage == .essential ? "essential" : "rest"
      return [
        record.name, record.architecture, record.version.text, record.sha256.hex, stage,
        package.isAutomatic ? "automatic" : "manual",
      ].joined(separator: " ")
    }.joined(separator: "\n")
  }

  /// What is another version, new, or gone, by name.
  static func change(from old: String, to new: String) -> String {
    let (before, now) = (packages(old), packages(new))
    var changes: [String] = []
    for name in Set(before.keys).union(now.keys).sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      switch (before[name], now[name]) {
      case (let one?, let other?) where one.version != other.version:
        changes.append("\(name) \(one.version) -> \(other.version)")
      case (let one?, let other?) where one.rest != other.rest: changes.append("\(name) \(other.version) (rebuilt)")
      case (nil, let other?): changes.append("+ \(name) \(other.version)")
      case (let one?, nil): changes.append("- \(name) \(one.version)")
      default: break
      }
    }
    if changes.isEmpty { return "the order of packages" }
    return changes.prefix(10).joined(separator: ", ")
      + (changes.count > 10 ? " and \(changes.count - 10) more" : "")
  }

  private static func packages(_ text: String) -> [String: (version: String, rest: String)] {
    var packages: [String: (version: String, rest: String)] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      guard words.count >= 3 else { continue }
      packages[words[0], default: ("", "")].version = words[2]
      packages[words[0]]?.rest += words.dropFirst(3).joined(separator: " ") + words[1]
    }
    return packages
  }
}
