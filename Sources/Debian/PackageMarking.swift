/// How packages are marked: `pkgDepCache::MarkInstall` of apt 2.6, with what it calls.
extension PackageSelection {
  private func mayChange(_ package: Int, to mode: Mode, depth: Int, fromUser: Bool) -> Bool {
    if depth > 3000 || pool.packages[package].versions.isEmpty { return false }
    if fromUser { return true }
    let state = self[package]
    if state.mode == mode { return true }
    if state.isProtected { return false }
    return mode != .delete || !(pool.packages[package].isEssential || pool.packages[package].isProtected)
  }

  func markKeep(_ package: Int, depth: Int = 0) -> Bool {
    if !mayChange(package, to: .keep, depth: depth, fromUser: false) { return false }
    if self[package].mode == .keep { return true }
    self[package].mode = .keep
    self[package].install = self[package].current
    return true
  }

  func markDelete(_ package: Int, depth: Int = 0, fromUser: Bool = false) -> Bool {
    if !mayChange(package, to: .delete, depth: depth, fromUser: fromUser) { return false }
    let state = self[package]
    if state.mode == .delete || state.install == nil { return true }
    if !isDeletable(package) && !fromUser { return false }
    self[package].mode = state.current == nil ? .keep : .delete
    self[package].install = nil
    return true
  }

  /// What is newly installed by request is not taken away again.
  private func isDeletable(_ package: Int) -> Bool {
    let state = self[package]
    return !(state.current == nil && state.install != nil && !state.isAutomatic)
  }

  private func changeState(_ package: Int, fromUser: Bool) {
    var state = self[package]
    if state.isProtected && state.install == state.candidate { return }
    state.mode = .install
    state.install = state.candidate
    if state.current == nil { state.isAutomatic = !fromUser }
    if state.candidate == state.current { state.mode = .keep }
    self[package] = state
  }

  private func discardCandidate(_ package: Int) { self[package].candidate = self[package].install }

  private func discardInstall(_ package: Int) {
    self[package].install = self[package].current
    self[package].mode = .keep
    discardCandidate(package)
  }

  /// Marks a package, and with `withDependencies` all that it needs.
  ///
  /// - Returns: false when it can't be installed; then it is not marked, unless the request names it.
  func markInstall(
    _ package: Int, withDependencies: Bool, depth: Int = 0, fromUser: Bool = true
  ) throws(SyntaxError) -> Bool {
    let before = self[package]
    let isToProtect =
      before.isProtected && before.mode == .keep && before.candidate != nil
      && before.candidate == before.current
    if !isToProtect, !mayChange(package, to: .install, depth: depth, fromUser: fromUser) { return false }
    guard let candidate = before.candidate else { return false }
    if !before.isProtected, !(try isBroken(package)) {
      if candidate == before.current {
        if before.install == nil { return markKeep(package, depth: depth + 1) }
        return true
      }
      if before.mode == .install { return true }
    }
    if withDependencies, !(try canBeSatisfied(package)) { return false }
    if fromUser { changeState(package, fromUser: true) }
    if !withDependencies {
      if !fromUser { changeState(package, fromUser: false) }
      return true
    }

    let wasProtected = self[package].isProtected
    let failsEarly = !wasProtected && !fromUser
    var hasFailed = false
    var needed: [PoolDependency] = []
    var unwanted: [PoolDependency] = []
    for dependency in try pool.dependencies(of: candidate) {
      if try isMet(dependency), !wasProtected { continue }
      if dependency.isNegative { unwanted.append(dependency) } else { needed.append(dependency) }
    }
    var removals: [Int] = []
    var upgrades: [Int] = []
    if !(try removeConflicts(
      unwanted, depth: depth, removals: &removals, upgrades: &upgrades, isProtected: wasProtected,
      fromUser: fromUser))
    {
      if failsEarly { return false }
      hasFailed = true
    }
    if !fromUser { changeState(package, fromUser: false) }

    self[package].isProtected = true
    defer { if !wasProtected { self[package].isProtected = false } }
    // `MarkInstall_UpgradeOrRemoveConflicts`
    for other in upgrades where self[other].install == self[other].current {
      if try markInstall(other, withDependencies: true, depth: depth + 1, fromUser: false) { continue }
      if !markDelete(other, depth: depth + 1) {
        if failsEarly {
          discardInstall(package)
          return false
        }
        hasFailed = true
      }
    }
    if !(try installDependencies(
      needed, of: package, depth: depth, isProtected: wasProtected, fromUser: fromUser))
    {
      if failsEarly {
        discardInstall(package)
        return false
      }
      hasFailed = true
    }
    for removal in removals where !markDelete(removal, depth: depth) {
      if failsEarly {
        discardInstall(package)
        return false
      }
      hasFailed = true
    }
    return !hasFailed
  }

  /// `IsInstallOkDependenciesSatisfiableByCandidates`: what can't be met by any candidate is no candidate.
  private func canBeSatisfied(_ package: Int) throws(SyntaxError) -> Bool {
    guard let candidate = self[package].candidate, candidate != self[package].current else { return true }
    for dependency in try pool.dependencies(of: candidate) where !dependency.isNegative {
      if try isSatisfiable(dependency) { continue }
      if !self[package].isProtected {
        self[package].candidate = self[package].current
        if self[package].mode != .delete { self[package].mode = .keep }
      }
      return false
    }
    return true
  }

  /// `MarkInstall_RemoveConflictsIfNotUpgradeable`
  private func removeConflicts(
    _ dependencies: [PoolDependency], depth: Int, removals: inout [Int], upgrades: inout [Int],
    isProtected: Bool, fromUser: Bool
  ) throws(SyntaxError) -> Bool {
    var hasFailed = false
    let stopsEarly = !isProtected && !fromUser
    func remove(_ package: Int) -> Bool {
      if !isProtected {
        if self[package].mode == .delete { return true }
        guard mayChange(package, to: .delete, depth: depth, fromUser: false), isDeletable(package) else {
          return false
        }
        removals.append(package)
        return true
      }
      if self[package].mode != .delete, !markDelete(package, depth: depth + 1) { return false }
      discardCandidate(package)
      self[package].isProtected = true
      return true
    }
    for dependency in dependencies {
      for version in try solutions(dependency, { self[$0].candidate }) {
        let package = pool.versions[version].package
        if self[package].candidate != version { continue }
        if self[package].current != version {
          if self[package].mode == .install, !markKeep(package, depth: depth) {
            hasFailed = true
            if stopsEarly { return false }
          } else if isProtected {
            discardCandidate(package)
            if self[package].current == nil { self[package].isProtected = true }
          }
        } else if !remove(package) {
          hasFailed = true
          if stopsEarly { return false }
        }
      }
      for version in try solutions(dependency, { self[$0].current }) {
        let package = pool.versions[version].package
        if self[package].candidate == self[package].current { continue }
        upgrades.append(package)
      }
    }
    return !hasFailed
  }

  /// `MarkInstall_InstallDependencies`
  private func installDependencies(
    _ dependencies: [PoolDependency], of package: Int, depth: Int, isProtected: Bool, fromUser: Bool
  ) throws(SyntaxError) -> Bool {
    var hasFailed = false
    for dependency in dependencies {
      var isDone = try isMet(dependency)
      if isDone && !isProtected { continue }
      if isDone {
        // What is the only way to meet what a protected package needs is protected too.
        let possible = Set(try solutions(dependency) { self[$0].candidate })
          .union(try solutions(dependency) { self[$0].current })
        guard possible.count == 1, let only = possible.first else { continue }
        let target = pool.versions[only].package
        if self[target].isProtected { continue }
        self[target].isProtected = true
        if !(try markInstall(target, withDependencies: true, depth: depth + 1, fromUser: false)) {
          hasFailed = true
        }
        continue
      }
      let possible = try solutions(dependency) { self[$0].candidate }
      for version in possible {
        let target = pool.versions[version].package
        if self[target].candidate != version { continue }
        let isNew = self[target].install == nil
        if isNew { reasons[target] = .dependency(of: package, dependency) }
        if isProtected, possible.count == 1 {
          if !(try markInstall(target, withDependencies: false, depth: depth + 1, fromUser: false)) {
            continue
          }
          self[target].isProtected = true
        }
        if !(try markInstall(target, withDependencies: true, depth: depth + 1, fromUser: false)) { continue }
        isDone = true
        break
      }
      if !isDone {
        hasFailed = true
        if !isProtected && !fromUser { return false }
      }
    }
    return !hasFailed
  }
}
