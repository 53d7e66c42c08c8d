/// What is done when apt's way of marking leaves something broken.
extension PackageSelection {
  /// Searches for a whole set that has all that is requested and all that is installed.
  ///
  /// It goes through the alternatives in the order in which marking does and turns back where a conflict
  /// shows. When it finds nothing, the state stays as it was, broken.
  func repair() throws(SyntaxError) {
    let fixed = states.filter { $0.value.isRequested || $0.value.current != nil }
    var search = RepairSearch(self)
    for (package, state) in fixed.sorted(by: { $0.key < $1.key }) {
      guard let version = state.isRequested ? state.candidate : state.current else { continue }
      if !(search.assume(version, package)) { return }
    }
    guard try search.run() else { return }
    for package in states.keys where search.chosen[package] == nil {
      self[package].install = self[package].current
      self[package].mode = .keep
    }
    for (package, version) in search.chosen.sorted(by: { $0.key < $1.key }) {
      var state = self[package]
      state.candidate = version
      if state.install == nil, state.current == nil {
        state.isAutomatic = !state.isRequested
      }
      state.install = version
      state.mode = state.current == version ? .keep : .install
      self[package] = state
      if let reason = search.reasons[package], reasons[package] == nil { note(package, reason) }
    }
  }
}

/// A depth-first search over the alternatives of dependencies, with chronological backtracking.
private struct RepairSearch {
  private let selection: PackageSelection
  private(set) var chosen: [Int: Int] = [:]
  private(set) var reasons: [Int: PackageSelection.PoolReason] = [:]
  /// The chosen packages, in order: undone from the end.
  private var trail: [Int] = []
  private var stepsLeft = 200_000

  init(_ selection: PackageSelection) { self.selection = selection }

  mutating func assume(_ version: Int, _ package: Int) -> Bool {
    if chosen[package] != nil { return chosen[package] == version }
    chosen[package] = version
    trail.append(package)
    return true
  }

  mutating func run() throws(SyntaxError) -> Bool {
    for package in trail where !(try isCompatible(package)) { return false }
    return try settle(from: 0, dependency: 0)
  }

  /// Meets all dependencies of the trail, from one of a package's on.
  private mutating func settle(from position: Int, dependency number: Int) throws(SyntaxError) -> Bool {
    var position = position
    var number = number
    while position < trail.count {
      let package = trail[position]
      guard let version = chosen[package] else { return false }
      let dependencies = try selection.pool.dependencies(of: version)
      while number < dependencies.count {
        let dependency = dependencies[number]
        number += 1
        if dependency.isNegative { continue }
        let current = chosen
        var isMet = false
        var options: [Int] = []
        for target in dependency.targets {
          if !(try selection.matches(target, of: dependency) { current[$0] }).isEmpty { isMet = true }
          let found = try selection.ordered(target, of: dependency)
          options += found.filter { !options.contains($0) }
        }
        if isMet { continue }
        // The ones that marking chose stand first.
        options =
          options.filter { selection[selection.pool.versions[$0].package].install == $0 }
          + options.filter { selection[selection.pool.versions[$0].package].install != $0 }
        for option in options {
          stepsLeft -= 1
          if stepsLeft < 0 { return false }
          let target = selection.pool.versions[option].package
          if chosen[target] != nil { continue }
          let length = trail.count
          chosen[target] = option
          reasons[target] = .dependency(of: package, dependency)
          trail.append(target)
          if try isCompatible(target), try settle(from: position, dependency: number) { return true }
          while trail.count > length {
            let undone = trail.removeLast()
            chosen[undone] = nil
            reasons[undone] = nil
          }
        }
        return false
      }
      position += 1
      number = 0
    }
    return true
  }

  /// Whether a chosen package is in conflict with no other.
  private func isCompatible(_ package: Int) throws(SyntaxError) -> Bool {
    guard let version = chosen[package] else { return false }
    for dependency in try selection.pool.dependencies(of: version) where dependency.isNegative {
      for target in dependency.targets
      where !(try selection.matches(target, of: dependency) { self.chosen[$0] }).isEmpty { return false }
    }
    for other in trail where other != package {
      guard let otherVersion = chosen[other] else { continue }
      for dependency in try selection.pool.dependencies(of: otherVersion) where dependency.isNegative {
        for target in dependency.targets {
          let hits = try selection.matches(target, of: dependency) { $0 == package ? version : nil }
          if !hits.isEmpty { return false }
        }
      }
    }
    return true
  }
}
