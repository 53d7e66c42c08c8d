/// Finds the packages that a request needs, as `apt-get install` does without Recommends.
public final class PackageSolver {
  /// One package of the answer.
  public struct Choice {
    /// What the index says of it.
    public var record: PackageRecord
    /// The number of the source that it comes from.
    public var source: Int
    /// Why it is there, when another package needs it.
    public var neededBy: (name: String, field: DependencyField, relation: String)?
    /// Whether it came as a dependency only.
    public var isAutomatic: Bool
    /// Which of the steps brought it, from 0.
    public var step: Int
  }

  /// The packages to choose from.
  public let pool: PackagePool
  let selection: PackageSelection
  private var steps: [Int: Int] = [:]
  private var step = 0

  /// A solver with nothing installed.
  public init(_ pool: PackagePool) {
    self.pool = pool
    selection = PackageSelection(pool)
  }

  /// Adds what is asked for and what it needs to what earlier calls gave, which stays as it is.
  ///
  /// - Parameters:
  ///   - versions: the versions to install, from `find` or `versions(matching:)`.
  ///   - excluded: names that nothing may bring in.
  /// - Throws: `SolverError` when there is no such set.
  public func install(_ versions: [Int], excluding excluded: Set<String> = []) throws(SolverError) {
    do throws(SyntaxError) {
      for name in excluded.sorted() { selection.forbid(pool.package(named: name)) }
      var seen: Set<Int> = []
      let wanted = versions.filter { seen.insert(pool.versions[$0].package).inserted }
      for version in wanted { try selection.request(version) }
      try selection.complete(wanted.map { pool.versions[$0].package })
      if !(try selection.broken().isEmpty) { try selection.repair() }
    } catch {
      throw .syntax(error)
    }
    let lines: [String]?
    do throws(SyntaxError) {
      let broken = try selection.broken()
      let isMissing = versions.contains { selection[pool.versions[$0].package].install != $0 }
      if broken.isEmpty && !isMissing {
        try selection.sweep()
        lines = nil
      } else {
        lines = try explain(wanted: versions.map { pool.versions[$0].package }, broken: broken, excluded)
      }
    } catch {
      throw .syntax(error)
    }
    if let lines { throw .impossible(lines) }
    for package in selection.selected where steps[package] == nil { steps[package] = step }
    selection.settle()
    step += 1
  }

  /// Adds packages alone, without what they need, and whether or not they can be together.
  public func installAlone(_ versions: [Int]) throws(SolverError) {
    do throws(SyntaxError) {
      for version in versions where selection[pool.versions[version].package].isRequested == false {
        try selection.request(version)
      }
    } catch {
      throw .syntax(error)
    }
    for package in selection.selected where steps[package] == nil { steps[package] = step }
    selection.settle()
    step += 1
  }

  /// The whole answer: by step, then by name.
  public func choices() throws(SolverError) -> [Choice] {
    var list: [Choice] = []
    for package in selection.selected {
      guard let version = selection[package].install else { continue }
      let record: PackageRecord
      do { record = try pool.record(version) } catch { throw .syntax(error) }
      var choice = Choice(
        record: record, source: pool.versions[version].source, isAutomatic: selection[package].isAutomatic,
        step: steps[package] ?? 0)
      if case .dependency(let owner, let dependency) = selection.reasons[package] {
        choice.neededBy = (pool.name(owner), dependency.field, dependency.text)
      }
      list.append(choice)
    }
    return list.sorted { ($0.step, $0.record.name) < ($1.step, $1.record.name) }
  }
}

/// Why there is no set of packages as it was asked for.
public enum SolverError: Error, Sendable {
  /// No source has a package of this name.
  case noPackage(String)
  /// The name is provided by several packages, of which one must be named.
  case onlyProvided(String, by: [String])
  /// The package is not there in this version.
  case noVersion(package: String, version: String, known: [String])
  /// The package is not there in this suite.
  case notInSuite(package: String, suite: String)
  /// Nothing matches a pattern or task.
  case noMatch(String)
  /// The words are no pattern of packages; the reason says why.
  case badPattern(String, reason: String)
  /// The package is asked for in another architecture than the system's.
  case foreign(String)
  /// The packages can't be together; the lines say which chain of dependencies fails.
  case impossible([String])
  /// An index has a malformed paragraph.
  case syntax(SyntaxError)
}

extension SolverError: CustomStringConvertible {
  /// What is wrong, in a person's words.
  public var description: String {
    switch self {
    case .noPackage(let name): "no source has a package \(name)"
    case .onlyProvided(let name, let providers):
      "\(name) is no package of its own: name one that provides it (\(providers.joined(separator: ", ")))"
    case .noVersion(let package, let version, let known):
      "no source has version \(version) of \(package), only \(known.joined(separator: ", "))"
    case .notInSuite(let package, let suite): "the suite \(suite) has no package \(package)"
    case .noMatch(let words): "no package matches \(words)"
    case .badPattern(let words, let reason): "can't read the pattern \(words): \(reason)"
    case .foreign(let words): "\(words) is of another architecture than the system"
    case .impossible(let lines): lines.joined(separator: "; ")
    case .syntax(let error): error.description
    }
  }
}
