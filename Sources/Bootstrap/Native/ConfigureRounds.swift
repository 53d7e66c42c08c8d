/// In which rounds packages are unpacked and configured, so that what a package needs before it is unpacked
/// (`Pre-Depends`) is configured by then, with all that this needs.
struct ConfigureRounds {
  /// What is unpacked together, and what is configured after it.
  struct Round: Equatable {
    var unpacked: [Int]
    var configured: [Int]
  }

  /// The rounds of packages, given in their order, that come after `installed` ones. As apt does it, one
  /// ends where a package comes that needs another configured; what no package needs so is left to
  /// `dpkg --configure --pending`.
  ///
  /// - Returns: rounds of indices into `packages`.
  static func rounds(
    of packages: [PackageControl], after installed: [PackageControl]
  ) -> [Round] {
    rounds(of: packages, after: Set(installed.flatMap { [$0.name] + $0.provides }))
  }

  /// The same, after packages of these names, provided ones among them.
  static func rounds(of packages: [PackageControl], after available: Set<String>) -> [Round] {
    var providers: [String: [Int]] = [:]
    for (index, package) in packages.enumerated() {
      for name in [package.name] + package.provides { providers[name, default: []].append(index) }
    }
    var isConfigured = [Bool](repeating: false, count: packages.count)

    /// The package of the set that fulfils a group, or nil when an installed one does.
    func target(_ group: [String]) -> Int? {
      if group.contains(where: available.contains) { return nil }
      for name in group { if let first = providers[name]?.first { return first } }
      return nil
    }
    var rounds: [Round] = []
    var batch: [Int] = []
    for index in packages.indices {
      let targets = packages[index].preDepends.compactMap(target).filter { $0 != index && !isConfigured[$0] }
      if !targets.isEmpty {
        // What is not unpacked yet stands in a circle with this one: then the order can't be kept.
        let needed = closure(of: targets, packages, isConfigured, target).filter { $0 < index }.sorted()
        for other in needed { isConfigured[other] = true }
        rounds.append(Round(unpacked: batch, configured: needed))
        batch = []
      }
      batch.append(index)
    }
    if !batch.isEmpty { rounds.append(Round(unpacked: batch, configured: [])) }
    return rounds
  }

  private static func closure(
    of start: [Int], _ packages: [PackageControl], _ isConfigured: [Bool], _ target: ([String]) -> Int?
  ) -> Set<Int> {
    var found = Set(start)
    var open = start
    while let next = open.popLast() {
      for group in packages[next].preDepends + packages[next].depends {
        if let index = target(group), !isConfigured[index], found.insert(index).inserted {
          open.append(index)
        }
      }
    }
    return found
  }
}
