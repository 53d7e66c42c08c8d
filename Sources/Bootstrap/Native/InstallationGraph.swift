import Debian

/// What packages that are to be installed need, and how apt ranks them, as its ordering looks at them.
struct InstallationGraph {
  /// One of the alternatives of a dependency.
  struct Alternative {
    /// The package of that very name, when it is to be installed.
    var named: Int?
    /// The packages to be installed that will do, in the order in which apt tries them.
    var packages: [Int] = []
    /// Whether one that is installed will do.
    var isInstalled = false
  }

  /// What one package needs: one of several.
  struct Need {
    var isPreDepends: Bool
    var alternatives: [Alternative]
  }

  /// What each package needs, in apt's order.
  let needs: [[Need]]
  /// Whether apt configures it as soon as it is unpacked: what essential packages name in their dependencies.
  let isImmediate: [Bool]
  /// The packages by apt's score, then by name: where its ordering starts.
  let start: [Int]

  /// The graph of `packages`, which come onto `installed` ones.
  init(_ packages: [PackageControl], after installed: [PackageControl]) {
    let all = packages + installed
    var numbers: [String: Int] = [:]
    var providers: [String: [(package: Int, version: PackageVersion?)]] = [:]
    for (index, package) in all.enumerated() {
      if numbers[package.name] == nil { numbers[package.name] = index }
      for provided in package.provided {
        providers[provided.name, default: []].append((index, provided.version))
      }
    }
    // apt puts each before those that it has read earlier, and indexes are sorted by name.
    for name in providers.keys { providers[name]?.sort { all[$0.package].name > all[$1.package].name } }

    func alternative(_ relation: PackageRelation) -> Alternative {
      var result = Alternative()
      func add(_ index: Int) {
        if index >= packages.count {
          result.isInstalled = true
        } else if !result.packages.contains(index) {
          result.packages.append(index)
        }
      }
      if let number = numbers[relation.name] {
        // `name:any` is a package of its own for apt, that `name` provides.
        if number < packages.count, relation.qualifier != .any { result.named = number }
        if relation.accepts(PackageVersion(all[number].version)) { add(number) }
      }
      for provider in providers[relation.name] ?? [] {
        if relation.relation == nil || provider.version.map(relation.accepts) == true {
          add(provider.package)
        }
      }
      return result
    }
    needs = packages.map { package in
      [(package.preDepends, true), (package.depends, false)].flatMap { groups, isPreDepends in
        groups.map { Need(isPreDepends: isPreDepends, alternatives: $0.alternatives.map(alternative)) }
      }
    }

    var isImmediate = all.map(\.isEssential)
    var open = all.indices.filter { isImmediate[$0] }
    while let index = open.popLast() {
      for relation in (all[index].preDepends + all[index].depends).flatMap(\.alternatives)
      where relation.qualifier != .any {
        guard let number = numbers[relation.name], !isImmediate[number] else { continue }
        isImmediate[number] = true
        open.append(number)
      }
    }
    self.isImmediate = isImmediate
    // apt's pkgOrderList::Score
    let scores = packages.indices.map { index in
      let package = packages[index]
      let byPriority = package.priority.map { [0, 5, 4, 3, 1, 0][Int($0.rawValue)] } ?? 0
      return (package.isEssential ? 200 : 0) + (isImmediate[index] ? 10 : 0)
        + (package.preDepends.isEmpty ? 0 : 50) + byPriority
    }
    start = packages.indices.sorted { one, other in
      scores[one] == scores[other]
        ? packages[one].name.utf8.lexicographicallyPrecedes(packages[other].name.utf8)
        : scores[one] > scores[other]
    }
  }
}
