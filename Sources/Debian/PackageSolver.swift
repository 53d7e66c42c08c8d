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
  /// What was installed at the beginning: packages and their versions.
  private var beginning: [Int: Int] = [:]
  private var automatic: Set<Int> = []

  /// A solver with nothing installed.
  public init(_ pool: PackagePool) {
    self.pool = pool
    selection = PackageSelection(pool)
  }

  /// A solver in a system: the pool's last source is what is installed there.
  ///
  /// - Parameter automatic: which of the installed packages came as dependencies only.
  public init(_ pool: PackagePool, automatic: Set<String>) {
    self.pool = pool
    selection = PackageSelection(pool)
    selection.begin(automatic: automatic)
    for package in selection.selected {
      beginning[package] = selection[package].install
      if selection[package].isAutomatic { self.automatic.insert(package) }
      steps[package] = 0
    }
  }

  /// What the system lacks already, as "a 1 depends on b": packages whose dependencies are not met.
  public func lacking() throws(SolverError) -> [String] {
    do throws(SyntaxError) {
      return try explain(wanted: [], broken: try selection.broken(), [])
    } catch {
      throw .syntax(error)
    }
  }

  /// Whether all that is installed has what it needs.
  public func isWhole() throws(SolverError) -> Bool {
    do { return try selection.broken().isEmpty } catch { throw .syntax(error) }
  }

  /// What happens to packages that were installed.
  public struct Replacement: Sendable, Equatable {
    /// The package.
    public var name: String
    /// The version that was installed.
    public var before: PackageVersion
    /// The version that takes its place; nil when the package goes.
    public var after: PackageVersion?
  }

  /// Installed packages that get another version or go, by name.
  public func replacements() -> [Replacement] {
    var list: [Replacement] = []
    for (package, before) in beginning where selection[package].install != before {
      list.append(
        Replacement(
          name: pool.name(package), before: pool.versions[before].version,
          after: selection[package].install.map { pool.versions[$0].version }))
    }
    return list.sorted { $0.name < $1.name }
  }

  /// Installed packages that had come as dependencies and are asked for now, by name.
  public func newlyRequested() -> [String] {
    automatic.filter { !selection[$0].isAutomatic }.map(pool.name).sorted()
  }

  /// Adds what is asked for and what it needs to what earlier calls gave, which stays as it is.
  ///
  /// - Parameters:
  ///   - versions: the versions to install, from `find` or `versions(matching:)`.
  ///   - excluded: names that nothing may bring in.
  /// - Throws: `SolverError` when there is no such set.
  public func install(_ versions: [Int], excluding excluded: Set<String> = []) throws(SolverError) {
    let before: Set<Int>
    do throws(SyntaxError) {
      before = beginning.isEmpty ? [] : Set(try selection.broken())
      for name in excluded.sorted() { selection.forbid(pool.package(named: name)) }
      var seen: Set<Int> = []
      let wanted = versions.filter { seen.insert(pool.versions[$0].package).inserted }
      for version in wanted { try selection.request(version) }
      try selection.complete(wanted.map { pool.versions[$0].package })
      if try selection.broken().contains(where: { !before.contains($0) }) { try selection.repair() }
    } catch {
      throw .syntax(error)
    }
    let lines: [String]?
    do throws(SyntaxError) {
      let broken = try selection.broken().filter { !before.contains($0) }
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

  /// The whole answer but for what was installed before: by step, then by name.
  public func choices() throws(SolverError) -> [Choice] {
    var list: [Choice] = []
    for package in selection.selected {
      guard let version = selection[package].install, version != beginning[package] else { continue }
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
