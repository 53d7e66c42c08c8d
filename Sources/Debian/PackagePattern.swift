import Glibc

/// A pattern that packages match: apt-patterns(7), as far as sets of packages for a new system need it.
public indirect enum PackagePattern: Sendable {
  /// `?essential`, `~E`
  case essential
  /// `?priority(word)`, `~pword`
  case priority(String)
  /// `?exact-name(name)`
  case exactName(String)
  /// `?name(regex)`, `~nregex`
  case name(String)
  /// `?section(regex)`, `~sregex`
  case section(String)
  /// `?task(regex)`, `~tregex`
  case task(String)
  /// `?source-package(regex)`, `?exact-source-package(name)`
  case source(String, isExact: Bool)
  /// `?archive(regex)`, `~Aregex`
  case archive(String)
  /// `?codename(regex)`
  case codename(String)
  /// `?architecture(name)`, `~rname`
  case architecture(String)
  /// `?version(regex)`, `~Vregex`
  case version(String)
  /// `?and(…)`, `~a~b`
  case and([PackagePattern])
  /// `?or(…)`, `~a|~b`
  case or([PackagePattern])
  /// `?narrow(…)`: one version meets them all, where the others ask each of any version.
  case narrow([PackagePattern])
  /// `?not(…)`, `!~a`
  case not(PackagePattern)
  /// `?true`
  case all
  /// `?false`
  case none

  /// Reads a pattern in its long or its short form.
  ///
  /// - Throws: `SolverError.badPattern`.
  public init(_ text: String) throws(SolverError) {
    var parser = PatternParser(text)
    self = try parser.either()
    try parser.end()
  }
}

extension PackagePool {
  /// The candidates of the packages that a pattern matches, in the order of the indexes.
  ///
  /// - Throws: `SolverError` for a damaged index or a regular expression that is none.
  public func versions(matching pattern: PackagePattern) throws(SolverError) -> [Int] {
    var regexes: [String: Regex] = [:]
    var found: [Int] = []
    for source in sources.indices {
      let index = sources[source].index
      for record in 0..<index.count where Self.mayMatch(pattern, index, record) {
        guard let version = version(source: source, record: record) else { continue }
        let package = versions[version].package
        if found.contains(where: { versions[$0].package == package }) { continue }
        // As apt: a package matches by any of its versions, and its candidate is taken.
        if let taken = candidate(of: package), try matches(pattern, package: package, &regexes) {
          found.append(taken)
        }
      }
    }
    return found
  }

  /// What the tables alone can say, so that few paragraphs are read.
  private static func mayMatch(_ pattern: PackagePattern, _ index: PackageIndex, _ record: Int) -> Bool {
    switch pattern {
    case .essential: index.isEssential(record)
    case .priority(let word): index.priority(of: record)?.word == word
    case .exactName(let name): index.name(of: record) == name
    case .and(let parts), .narrow(let parts): parts.allSatisfy { mayMatch($0, index, record) }
    case .or(let parts): parts.contains { mayMatch($0, index, record) }
    case .none: false
    default: true
    }
  }

  private func matches(
    _ pattern: PackagePattern, package: Int, _ regexes: inout [String: Regex]
  ) throws(SolverError) -> Bool {
    switch pattern {
    case .and(let parts):
      for part in parts where !(try matches(part, package: package, &regexes)) { return false }
      return true
    case .or(let parts):
      for part in parts where try matches(part, package: package, &regexes) { return true }
      return false
    case .not(let part): return !(try matches(part, package: package, &regexes))
    default:
      for version in packages[package].versions where try matches(pattern, version, &regexes) { return true }
      return false
    }
  }

  private func matches(
    _ pattern: PackagePattern, _ version: Int, _ regexes: inout [String: Regex]
  ) throws(SolverError) -> Bool {
    func text(_ expression: String, _ texts: [String]) throws(SolverError) -> Bool {
      if regexes[expression] == nil { regexes[expression] = try Regex(expression) }
      guard let regex = regexes[expression] else { return false }
      return texts.contains { regex.matches($0) }
    }
    func field(_ name: StaticString) throws(SolverError) -> String {
      do { return try self.field(name, of: version) } catch { throw .syntax(error) }
    }
    let origin = versions[version]
    switch pattern {
    case .essential: return packages[origin.package].isEssential
    case .priority(let word): return priority(version)?.word == word
    case .exactName(let name): return self.name(origin.package) == name
    case .name(let expression): return try text(expression, [self.name(origin.package)])
    case .section(let expression): return try text(expression, [try field("Section")])
    case .task(let expression):
      return try text(expression, try field("Task").split { $0 == "," || $0 == " " }.map(String.init))
    case .source(let expression, let isExact):
      let word = try field("Source").split(separator: " ").first.map(String.init) ?? name(origin.package)
      return isExact ? word == expression : try text(expression, [word])
    case .archive(let expression): return try text(expression, origin.sources.map { sources[$0].archive })
    case .codename(let expression): return try text(expression, origin.sources.map { sources[$0].codename })
    case .architecture(let name):
      return name == architecture || name == "native" || name == "any"
        || (name == "all" && sources[origin.source].index.isForAll(origin.record))
    case .version(let expression): return try text(expression, [origin.version.text])
    case .and(let parts), .narrow(let parts):
      for part in parts where !(try matches(part, version, &regexes)) { return false }
      return true
    case .or(let parts):
      for part in parts where try matches(part, version, &regexes) { return true }
      return false
    case .not(let part): return !(try matches(part, version, &regexes))
    case .all: return true
    case .none: return false
    }
  }
}

/// A POSIX extended regular expression, as apt's patterns have them.
private final class Regex {
  private var compiled = regex_t()

  init(_ text: String) throws(SolverError) {
    if regcomp(&compiled, text, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0 {
      throw .badPattern(text, reason: "it is no regular expression")
    }
  }

  deinit { regfree(&compiled) }

  func matches(_ text: String) -> Bool { regexec(&compiled, text, 0, nil, 0) == 0 }
}

private struct PatternParser {
  private let whole: String
  private var rest: Substring

  init(_ text: String) {
    whole = text
    rest = Substring(text)
  }

  private func failure(_ reason: String) -> SolverError { .badPattern(whole, reason: reason) }

  private mutating func skipBlanks() { rest = rest.drop { $0 == " " || $0 == "\t" } }

  private mutating func take(_ character: Character) -> Bool {
    skipBlanks()
    guard rest.first == character else { return false }
    rest.removeFirst()
    return true
  }

  mutating func end() throws(SolverError) {
    skipBlanks()
    if !rest.isEmpty { throw failure("\"\(rest)\" is too much") }
  }

  mutating func either() throws(SolverError) -> PackagePattern {
    var parts = [try both()]
    while take("|") { parts.append(try both()) }
    return parts.count == 1 ? parts[0] : .or(parts)
  }

  private mutating func both() throws(SolverError) -> PackagePattern {
    var parts = [try one()]
    while true {
      skipBlanks()
      guard let next = rest.first, next == "~" || next == "?" || next == "!" || next == "(" else { break }
      parts.append(try one())
    }
    return parts.count == 1 ? parts[0] : .and(parts)
  }

  private mutating func one() throws(SolverError) -> PackagePattern {
    if take("!") { return .not(try one()) }
    if take("(") {
      let inner = try either()
      if !take(")") { throw failure("a ( is not closed") }
      return inner
    }
    if take("~") { return try short() }
    if take("?") { return try long() }
    throw failure("a pattern starts with ? or ~")
  }

  private mutating func short() throws(SolverError) -> PackagePattern {
    guard let letter = rest.popFirst() else { throw failure("~ stands alone") }
    switch letter {
    case "E": return .essential
    case "p": return .priority(try word())
    case "n": return .name(try word())
    case "s": return .section(try word())
    case "t": return .task(try word())
    case "A": return .archive(try word())
    case "r": return .architecture(try word())
    case "V": return .version(try word())
    case "e": return .source(try word(), isExact: false)
    default: throw failure("~\(letter) is not supported")
    }
  }

  private mutating func word() throws(SolverError) -> String {
    if rest.first == "\"" { return try quoted() }
    let stops: Set<Character> = [" ", "|", "~", "!", "?", ",", "(", ")"]
    let word = rest.prefix { !stops.contains($0) }
    rest = rest[word.endIndex...]
    if word.isEmpty { throw failure("a word is missing") }
    return String(word)
  }

  private mutating func quoted() throws(SolverError) -> String {
    rest.removeFirst()
    guard let end = rest.firstIndex(of: "\"") else { throw failure("a quote is not closed") }
    defer { rest = rest[rest.index(after: end)...] }
    return String(rest[..<end])
  }

  private mutating func long() throws(SolverError) -> PackagePattern {
    let name = String(rest.prefix { $0.isLetter || $0 == "-" })
    rest = rest.dropFirst(name.count)
    switch name {
    case "essential": return .essential
    case "true": return .all
    case "false": return .none
    case "and": return .and(try patterns())
    case "or": return .or(try patterns())
    case "narrow": return .narrow(try patterns())
    case "not": return .not(.and(try patterns()))
    case "priority": return .priority(try argument())
    case "exact-name": return .exactName(try argument())
    case "name": return .name(try argument())
    case "section": return .section(try argument())
    case "task": return .task(try argument())
    case "source-package": return .source(try argument(), isExact: false)
    case "exact-source-package": return .source(try argument(), isExact: true)
    case "archive": return .archive(try argument())
    case "codename": return .codename(try argument())
    case "architecture": return .architecture(try argument())
    case "version": return .version(try argument())
    case "": throw failure("? stands alone")
    default: throw failure("?\(name) is not supported")
    }
  }

  private mutating func patterns() throws(SolverError) -> [PackagePattern] {
    if !take("(") { throw failure("a ( is missing") }
    var parts: [PackagePattern] = []
    repeat { parts.append(try either()) } while take(",")
    if !take(")") { throw failure("a ( is not closed") }
    return parts
  }

  /// A word in parentheses; parentheses and brackets of a regular expression may be in it.
  private mutating func argument() throws(SolverError) -> String {
    if !take("(") { throw failure("a ( is missing") }
    skipBlanks()
    if rest.first == "\"" {
      let text = try quoted()
      if !take(")") { throw failure("a ( is not closed") }
      return text
    }
    var text = ""
    var depth = 0
    while let next = rest.popFirst() {
      if next == "(" { depth += 1 }
      if next == ")" {
        if depth == 0 { return text }
        depth -= 1
      }
      text.append(next)
    }
    throw failure("a ( is not closed")
  }
}
