/// All packages of several indexes, found by name, with the version of each that apt would choose.
///
/// Packages and versions get numbers when they are first asked for, so that only what a request touches
/// is ever looked at.
public final class PackagePool {
  /// One index, and how apt ranks what comes from it.
  public struct Source {
    /// The packages.
    public var index: PackageIndex
    /// The pin: the higher one wins, then the higher version; see apt_preferences(5).
    public var pin: Int
    /// What `?archive` looks at: the suite's moving name.
    public var archive: String
    /// What `?codename` looks at.
    public var codename: String
    /// The suite as the source names it.
    public var suite: String
    /// Whether these are the packages that are installed, and not some that could be.
    public private(set) var isInstalled = false

    /// The packages that are installed; to be the last source.
    public init(installed index: PackageIndex) {
      self.index = index
      suite = "now"
      archive = "now"
      codename = "now"
      // apt_preferences(5): "100 (to) the version that is already installed (if any)"
      pin = 100
      isInstalled = true
    }

    /// An index with the pin that apt gives it by default.
    public init(index: PackageIndex, release: ReleaseFile, suite: String) {
      self.index = index
      self.suite = suite
      archive = release.suite ?? ""
      codename = release.codename ?? ""
      // apt_preferences(5), "APT's Default Priority Assignments"
      pin = release.isNotAutomatic ? (release.upgradesAutomatically ? 100 : 1) : 500
    }
  }

  /// One version of a package.
  struct Version {
    var package: Int
    /// Where it comes from: the first source that has it, and its number there.
    var source: Int
    var record: Int
    var version: PackageVersion
    /// The highest pin of the sources that have it.
    var pin: Int
    /// All sources that have it.
    var sources: [Int]
  }

  /// A version that stands for a package by its Provides.
  struct Provider {
    var version: Int
    /// The version that it is provided as.
    var providedVersion: PackageVersion?
    /// Whether `name:any` is provided too.
    var isForAny: Bool
  }

  struct Package {
    var name: String
    /// Newest first.
    var versions: [Int] = []
    var isEssential = false
    var isProtected = false
    /// apt's number of the package: its place in the order of first mentions.
    var rank = 0
    var providers: [Provider]?
  }

  /// The sources, in the order of the request.
  public let sources: [Source]
  /// The native architecture.
  public let architecture: String
  private(set) var packages: [Package] = []
  private(set) var versions: [Version] = []
  private var numbers: [String: Int] = [:]
  private var dependencyLists: [[PoolDependency]?] = []

  /// The packages of `sources` for one architecture.
  public init(_ sources: [Source], architecture: String) {
    self.sources = sources
    self.architecture = architecture
  }

  /// The number of a name, whether or not there is a package of it.
  func package(named name: String) -> Int {
    if let number = numbers[name] { return number }
    let number = packages.count
    numbers[name] = number
    packages.append(Package(name: name))
    dependencyCount()
    var package = Package(name: name)
    package.rank = Int.max
    for (source, origin) in sources.enumerated() {
      guard let found = origin.index.number(of: name) else { continue }
      package.rank = min(package.rank, source << 32 + found)
      for record in origin.index.packages(named: found) { add(source, record, to: &package, number) }
    }
    package.versions.sort { self.versions[$0].version > self.versions[$1].version }
    packages[number] = package
    return number
  }

  private func dependencyCount() {
    while dependencyLists.count < versions.count { dependencyLists.append(nil) }
  }

  private func add(_ source: Int, _ record: Int, to package: inout Package, _ number: Int) {
    let index = sources[source].index
    let version = index.version(of: record)
    if index.isEssential(record) { package.isEssential = true }
    if index.isProtected(record) { package.isProtected = true }
    for known in package.versions where versions[known].version.text == version.text {
      versions[known].pin = max(versions[known].pin, sources[source].pin)
      if !versions[known].sources.contains(source) { versions[known].sources.append(source) }
      return
    }
    package.versions.append(versions.count)
    versions.append(
      Version(
        package: number, source: source, record: record, version: version, pin: sources[source].pin,
        sources: [source]))
    dependencyLists.append(nil)
  }

  /// The number of the version that a source's record is one of.
  func version(source: Int, record: Int) -> Int? {
    let index = sources[source].index
    let text = index.version(of: record).text
    return packages[package(named: index.name(of: record))].versions.first {
      versions[$0].version.text == text
    }
  }

  /// The version that is installed.
  func current(of package: Int) -> Int? {
    packages[package].versions.first { versions[$0].sources.contains { sources[$0].isInstalled } }
  }

  /// The packages that are installed, by number.
  func installedPackages() -> [Int] {
    var found: [Int] = []
    for source in sources where source.isInstalled {
      for record in 0..<source.index.count { found.append(package(named: source.index.name(of: record))) }
    }
    return found
  }

  /// The version that apt would take: that of the highest pin, then the newest; of installed packages, none
  /// that is older.
  func candidate(of package: Int) -> Int? {
    var best: Int?
    let installed = current(of: package).map { versions[$0].version }
    for version in packages[package].versions where versions[version].pin > 0 {
      if let installed, versions[version].version < installed { continue }
      if let known = best, versions[known].pin >= versions[version].pin { continue }
      best = version
    }
    return best
  }

  func name(_ package: Int) -> String { packages[package].name }
  func multiArch(_ version: Int) -> PackageRecord.MultiArch {
    sources[versions[version].source].index.multiArch(of: versions[version].record)
  }
  func priority(_ version: Int) -> PackageRecord.Priority? {
    sources[versions[version].source].index.priority(of: versions[version].record)
  }

  /// What stands for a package by Provides.
  func providers(of package: Int) throws(SyntaxError) -> [Provider] {
    if let known = packages[package].providers { return known }
    let name = packages[package].name
    var found: [Provider] = []
    for (source, origin) in sources.enumerated() {
      guard let number = origin.index.number(of: name) else { continue }
      for record in origin.index.providers(of: number) {
        guard let version = version(source: source, record: record), versions[version].source == source
        else { continue }
        for relation in try paragraph(version).provides where relation.name == name {
          // apt and dpkg ignore other relations.
          if let kind = relation.relation, kind != .equal { continue }
          let isForAny = relation.qualifier == .any || multiArch(version) == .allowed
          // A provider of itself adds nothing.
          if versions[version].package == package, relation.version == nil { continue }
          found.append(Provider(version: version, providedVersion: relation.version, isForAny: isForAny))
        }
      }
    }
    packages[package].providers = found
    return found
  }

  /// What the index says of a version.
  public func record(_ version: Int) throws(SyntaxError) -> PackageRecord { try paragraph(version) }

  private func paragraph(_ version: Int) throws(SyntaxError) -> PackageRecord {
    let origin = sources[versions[version].source]
    guard let stanza = origin.index.stanza(of: versions[version].record) else {
      throw SyntaxError(file: "the index of \(origin.suite)", line: 1, .damaged)
    }
    return try PackageRecord(stanza: stanza, file: "the index of \(origin.suite)")
  }

  /// What a version needs and can't be with, in the order in which apt looks at it.
  func dependencies(of version: Int) throws(SyntaxError) -> [PoolDependency] {
    if version < dependencyLists.count, let known = dependencyLists[version] { return known }
    let record = try paragraph(version)
    let own = versions[version].package
    var list: [PoolDependency] = []
    func add(_ field: DependencyField, _ dependencies: [Dependency]) {
      for dependency in dependencies {
        let targets = dependency.alternatives.compactMap { relation -> PoolDependency.Target? in
          if !relation.applies(to: architecture) { return nil }
          return PoolDependency.Target(package: package(named: relation.name), relation: relation)
        }
        if targets.isEmpty { continue }
        list.append(PoolDependency(owner: own, field: field, targets: targets))
      }
    }
    add(.preDepends, record.preDepends)
    add(.depends, record.depends)
    add(.conflicts, record.conflicts.map { Dependency([$0]) })
    add(.breaks, record.breaks.map { Dependency([$0]) })
    dependencyCount()
    dependencyLists[version] = list
    return list
  }

  /// Recommends and Suggests, which only keep what is there from being swept away.
  func weakDependencies(of version: Int) throws(SyntaxError) -> [PoolDependency] {
    let record = try paragraph(version)
    let own = versions[version].package
    var list: [PoolDependency] = []
    for (field, dependencies) in [
      (DependencyField.recommends, record.recommends), (.suggests, record.suggests),
    ] {
      for dependency in dependencies {
        let targets = dependency.alternatives.map {
          PoolDependency.Target(package: package(named: $0.name), relation: $0)
        }
        list.append(PoolDependency(owner: own, field: field, targets: targets))
      }
    }
    return list
  }
}

/// One part of a dependency field, with the packages that it names.
struct PoolDependency {
  struct Target {
    var package: Int
    var relation: PackageRelation
  }

  var owner: Int
  var field: DependencyField
  var targets: [Target]

  /// Whether it says what must not be there.
  var isNegative: Bool { field == .conflicts || field == .breaks }

  var text: String { targets.map(\.relation.description).joined(separator: " | ") }
}
