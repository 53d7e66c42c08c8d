/// In which rounds packages are unpacked and configured, so that what a package needs before it is unpacked
/// (`Pre-Depends`) is configured by then, with all that this needs.
struct ConfigureRounds {
  /// A round: what is unpacked, and then configured before the next is unpacked.
  struct Round: Equatable {
    var unpacked: [Int]
    var configured: [Int]
  }

  /// The rounds of packages that come after `installed` ones. What the last round leaves unconfigured is
  /// configured by `--pending`.
  ///
  /// - Returns: rounds of indices into `packages`. Where pre-dependencies go in a circle, the rest is
  ///   unpacked together.
  static func rounds(
    of packages: [PackageControl], after installed: [PackageControl]
  ) -> [Round] {
    var providers: [String: [Int]] = [:]
    for (index, package) in packages.enumerated() {
      for name in [package.name] + package.provides { providers[name, default: []].append(index) }
    }
    var available: Set<String> = []
    for package in installed { available.formUnion([package.name] + package.provides) }
    var isUnpacked = [Bool](repeating: false, count: packages.count)
    var isConfigured = isUnpacked

    /// The package of the set that fulfils a group, or nil when an installed one does.
    func target(_ group: [String]) -> Int? {
      if group.contains(where: available.contains) { return nil }
      for name in group { if let first = providers[name]?.first { return first } }
      return nil
    }
    func preTargets(_ index: Int) -> [Int] {
      packages[index].preDepends.compactMap(target).filter { $0 != index && !isConfigured[$0] }
    }

    var rounds: [Round] = []
    var remaining = Array(packages.indices)
    while !remaining.isEmpty {
      let now = remaining.filter { preTargets($0).isEmpty }
      if now.isEmpty {
        rounds.append(Round(unpacked: remaining, configured: []))
        return rounds
      }
      remaining.removeAll { preTargets($0).isEmpty }
      for index in now { isUnpacked[index] = true }
      var wanted: Set<Int> = []
      for index in remaining {
        // Only when all of it is unpacked: else a later round has it.
        let closure = closure(of: preTargets(index), packages, isConfigured, target)
        if closure.allSatisfy({ isUnpacked[$0] }) { wanted.formUnion(closure) }
      }
      if wanted.isEmpty, !remaining.isEmpty {
        rounds.append(Round(unpacked: now + remaining, configured: []))
        return rounds
      }
      for index in wanted { isConfigured[index] = true }
      rounds.append(Round(unpacked: now, configured: wanted.sorted()))
    }
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
