/// Chooses what to install as apt does.
///
/// This follows `pkgDepCache::MarkInstall` of apt 2.6 step by step, since its answers depend on its way:
/// packages are marked depth first, the first alternative that can be installed is taken, and what can't
/// is undone. docs/bootstrap.md, "Which packages", has the rules in words.
public final class PackageSelection {
  enum Mode { case keep, install, delete }

  /// apt's `StateCache`.
  struct State {
    var current: Int?
    var install: Int?
    var candidate: Int?
    var mode = Mode.keep
    var isProtected = false
    var isAutomatic = false
    /// Whether the package was named by the request: nothing the resolver does takes it away.
    var isRequested = false
    /// Whether the request excludes it.
    var isForbidden = false
  }

  let pool: PackagePool
  private(set) var states: [Int: State] = [:]
  /// The first reason for which each package was marked.
  var reasons: [Int: PoolReason] = [:]

  /// Why a package was marked.
  enum PoolReason {
    case dependency(of: Int, PoolDependency)
  }

  /// Nothing chosen yet, with nothing installed.
  public init(_ pool: PackagePool) { self.pool = pool }

  subscript(package: Int) -> State {
    get { states[package] ?? State(candidate: pool.candidate(of: package)) }
    set { states[package] = newValue }
  }

  /// All packages that are or will be there.
  var selected: [Int] { states.keys.filter { states[$0]?.install != nil }.sorted() }

  /// Takes what is installed from the pool, of which some came as dependencies only.
  func begin(automatic: Set<String>) {
    for package in pool.installedPackages() {
      let version = pool.current(of: package)
      var state = State(current: version, install: version, candidate: pool.candidate(of: package))
      state.isAutomatic = automatic.contains(pool.name(package))
      states[package] = state
    }
  }

  /// Takes what is selected for installed: what comes later builds on it.
  func settle() {
    for (package, state) in states {
      var settled = State(current: state.install, install: state.install, candidate: state.candidate)
      settled.isAutomatic = state.isAutomatic
      if let install = state.install { settled.candidate = install }
      states[package] = settled
    }
  }

  // MARK: Dependencies

  private func accepts(_ target: PoolDependency.Target, _ version: Int) -> Bool {
    switch target.relation.qualifier {
    case .any: if pool.multiArch(version) != .allowed { return false }
    case .named(let name): if name != pool.architecture { return false }
    case .native, nil: break
    }
    return target.relation.accepts(pool.versions[version].version)
  }

  private func accepts(_ target: PoolDependency.Target, _ provider: PackagePool.Provider) -> Bool {
    if target.relation.qualifier == .any, !provider.isForAny { return false }
    if case .named(let name) = target.relation.qualifier, name != pool.architecture { return false }
    if target.relation.relation == nil { return true }
    return provider.providedVersion.map { target.relation.accepts($0) } ?? false
  }

  /// The versions that one alternative names, of those that `choice` gives for their packages.
  ///
  /// Nothing conflicts with itself, nor with what it provides: policy, 7.4.
  func matches(
    _ target: PoolDependency.Target, of dependency: PoolDependency, _ choice: (Int) -> Int?
  ) throws(SyntaxError) -> [Int] {
    var found: [Int] = []
    let isNegative = dependency.isNegative
    if let version = choice(target.package), accepts(target, version),
      !isNegative || target.package != dependency.owner
    {
      found.append(version)
    }
    for provider in try pool.providers(of: target.package) {
      let package = pool.versions[provider.version].package
      if isNegative, package == dependency.owner { continue }
      if choice(package) == provider.version, accepts(target, provider), !found.contains(provider.version) {
        found.append(provider.version)
      }
    }
    return found
  }

  /// Whether some alternative is met by what will be installed; for Conflicts, whether it hits nothing.
  func isMet(_ dependency: PoolDependency) throws(SyntaxError) -> Bool {
    for target in dependency.targets
    where !(try matches(target, of: dependency) { self.states[$0]?.install }.isEmpty) {
      return !dependency.isNegative
    }
    return dependency.isNegative
  }

  func isSatisfiable(_ dependency: PoolDependency) throws(SyntaxError) -> Bool {
    for target in dependency.targets
    where !(try matches(target, of: dependency) { self[$0].candidate }.isEmpty) { return true }
    return try isMet(dependency)
  }

  /// Whether something that a chosen version needs is not met, or something it can't be with is there.
  func isBroken(_ package: Int) throws(SyntaxError) -> Bool {
    guard let version = states[package]?.install else { return false }
    for dependency in try pool.dependencies(of: version) where !(try isMet(dependency)) { return true }
    return false
  }

  /// All that is broken, by number.
  func broken() throws(SyntaxError) -> [Int] {
    var list: [Int] = []
    for package in selected where try isBroken(package) { list.append(package) }
    return list
  }

  /// The candidates for a dependency, best first (`getAllPossibleSolutions`, sorted).
  func solutions(
    _ dependency: PoolDependency, _ choice: (Int) -> Int?
  ) throws(SyntaxError) -> [Int] {
    var installed: [Int] = []
    var new: [Int] = []
    for target in dependency.targets {
      var versions = try matches(target, of: dependency, choice)
      versions.sort { precedes($0, $1, target: target) }
      for version in versions {
        if self[pool.versions[version].package].current != nil {
          if !installed.contains(version) { installed.append(version) }
        } else if !new.contains(version) {
          new.append(version)
        }
      }
    }
    let all = installed + new
    if dependency.isNegative { return all }
    return all.filter { version in
      let state = self[pool.versions[version].package]
      return !(state.isProtected && (state.mode == .delete || (state.mode == .keep && state.current == nil)))
    }
  }

  /// apt's `CompareProviders`.
  private func precedes(_ one: Int, _ other: Int, target: PoolDependency.Target) -> Bool {
    let (left, right) = (pool.versions[one].package, pool.versions[other].package)
    if left == right { return false }
    let (leftState, rightState) = (self[left], self[right])
    if leftState.isProtected != rightState.isProtected { return leftState.isProtected }
    if (leftState.current == nil) != (rightState.current == nil) { return leftState.current != nil }
    // For apt, `name:any` is a package of its own that `name` provides.
    if target.relation.qualifier == nil {
      if left == target.package { return true }
      if right == target.package { return false }
    }
    let (leftPackage, rightPackage) = (pool.packages[left], pool.packages[right])
    if leftPackage.isEssential != rightPackage.isEssential { return leftPackage.isEssential }
    if leftPackage.isProtected != rightPackage.isProtected { return leftPackage.isProtected }
    let (leftPriority, rightPriority) = (
      pool.priority(one)?.rawValue ?? 0, pool.priority(other)?.rawValue ?? 0
    )
    if leftPriority != rightPriority { return leftPriority < rightPriority }
    return leftPackage.rank > rightPackage.rank
  }

  // MARK: Requests

  /// Makes a package one that nothing brings in.
  func forbid(_ package: Int) {
    if self[package].current != nil { return }
    self[package].candidate = nil
    self[package].isForbidden = true
  }

  func note(_ package: Int, _ reason: PoolReason) { reasons[package] = reason }

  /// The candidates that one alternative names, best first.
  func ordered(
    _ target: PoolDependency.Target, of dependency: PoolDependency
  ) throws(SyntaxError) -> [Int] {
    var versions = try matches(target, of: dependency) { package in
      let candidate = self.pool.candidate(of: package)
      return self.states[package]?.isForbidden == true ? nil : candidate
    }
    versions.sort { precedes($0, $1, target: target) }
    return versions
  }

  /// Marks a version as asked for, as `apt-get install` begins with what it is given.
  func request(_ version: Int) throws(SyntaxError) {
    let package = pool.versions[version].package
    self[package].candidate = version
    self[package].isProtected = true
    self[package].isRequested = true
    _ = try markInstall(package, withDependencies: false)
    if self[package].current != nil { self[package].isAutomatic = false }
  }

  /// Marks what the requested packages need.
  func complete(_ packages: [Int]) throws(SyntaxError) {
    for package in packages { _ = try markInstall(package, withDependencies: true) }
  }

  /// Takes away what was marked and in the end is not needed: apt's `MarkAndSweep`.
  func sweep() throws(SyntaxError) {
    var kept: Set<Int> = []
    var queue = selected.filter { package in
      let state = self[package]
      return !state.isAutomatic || state.current != nil || pool.packages[package].isEssential
        || pool.packages[package].isProtected
    }
    kept.formUnion(queue)
    while let package = queue.popLast() {
      guard let version = states[package]?.install else { continue }
      for dependency in try pool.dependencies(of: version) + pool.weakDependencies(of: version)
      where !dependency.isNegative {
        for target in dependency.targets {
          for match in try matches(target, of: dependency, { self.states[$0]?.install }) {
            let found = pool.versions[match].package
            if kept.insert(found).inserted { queue.append(found) }
          }
        }
      }
    }
    for package in selected where !kept.contains(package) {
      self[package].install = self[package].current
      self[package].mode = .keep
    }
  }
}
