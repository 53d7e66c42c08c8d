/// Why a request can't be met, in a person's words.
extension PackageSolver {
  /// One line for each of `packages` that has a reason of its own.
  func explain(_ packages: [Int], _ excluded: Set<String>) throws(SyntaxError) -> [String] {
    var lines: [String] = []
    var told: Set<Int> = []
    for package in packages where told.insert(package).inserted {
      if let line = try explain(package, excluded), !lines.contains(line) { lines.append(line) }
      if lines.count == 3 { break }
    }
    return lines.isEmpty ? ["the packages can't be installed together"] : lines
  }

  /// The chain from a package down to what is missing, or to what it can't be with.
  private func explain(_ package: Int, _ excluded: Set<String>) throws(SyntaxError) -> String? {
    var visited: Set<Int> = []
    if let chain = try missingChain(package, excluded, &visited) {
      return chain.joined(separator: ", which ")
    }
    visited = []
    if let chain = try conflictChain(package, &visited) { return chain.joined(separator: ", which ") }
    return nil
  }

  private func label(_ version: Int) -> String {
    "\(pool.name(pool.versions[version].package)) \(pool.versions[version].version.text)"
  }

  /// The first way down that ends at something that no source has.
  private func missingChain(
    _ package: Int, _ excluded: Set<String>, _ visited: inout Set<Int>
  ) throws(SyntaxError) -> [String]? {
    guard visited.insert(package).inserted else { return nil }
    guard let version = pool.candidate(of: package) else { return nil }
    for dependency in try pool.dependencies(of: version) where !dependency.isNegative {
      var first: [String]?
      var isPossible = false
      for target in dependency.targets {
        let matches = try selection.matches(target, of: dependency) { package in
          excluded.contains(self.pool.name(package)) ? nil : self.pool.candidate(of: package)
        }
        if matches.isEmpty {
          if first == nil { first = [try absence(target, excluded)] }
          continue
        }
        for match in matches {
          if let chain = try missingChain(pool.versions[match].package, excluded, &visited) {
            if first == nil { first = chain }
          } else {
            isPossible = true
          }
        }
      }
      if !isPossible, let first {
        let verb = dependency.field == .preDepends ? "pre-depends on" : "depends on"
        if first.count == 1, first[0].hasPrefix("which ") == false, dependency.targets.count == 1,
          first[0].hasPrefix("\u{0}")
        {
          return ["\(label(version)) \(verb) \(dependency.text), \(first[0].dropFirst())"]
        }
        if first[0].hasPrefix("\u{0}") {
          return ["\(label(version)) \(verb) \(dependency.text), \(first[0].dropFirst())"]
        }
        // The chain's next link begins with the package's own name, which this one names already.
        var rest = first
        rest[0] = rest[0].split(separator: " ").dropFirst(2).joined(separator: " ")
        return ["\(label(version)) \(verb) \(dependency.text)"] + rest
      }
    }
    return nil
  }

  /// Why nothing meets one alternative; the mark at its start says that it ends a chain.
  private func absence(_ target: PoolDependency.Target, _ excluded: Set<String>) throws(SyntaxError) -> String
  {
    let name = target.relation.name
    if excluded.contains(name) { return "\u{0}but \(name) is excluded" }
    if let candidate = pool.candidate(of: target.package) {
      return "\u{0}but the sources have \(label(candidate))"
    }
    let providers = try pool.providers(of: target.package)
    if let provider = providers.first {
      let owner = pool.versions[provider.version].package
      if excluded.contains(pool.name(owner)) { return "\u{0}but \(pool.name(owner)) is excluded" }
      return "\u{0}but \(label(provider.version)) provides it as "
        + (provider.providedVersion?.text ?? "no version")
    }
    return "\u{0}but no source has \(name)"
  }

  /// The first way down that ends at something that is in conflict with what must be there.
  private func conflictChain(_ package: Int, _ visited: inout Set<Int>) throws(SyntaxError) -> [String]? {
    guard visited.insert(package).inserted else { return nil }
    guard let version = pool.candidate(of: package) else { return nil }
    let dependencies = try pool.dependencies(of: version)
    for dependency in dependencies where dependency.isNegative {
      for target in dependency.targets {
        let hits = try selection.matches(target, of: dependency) { package in
          self.selection[package].install
            ?? (self.selection[package].isRequested ? self.pool.candidate(of: package) : nil)
        }
        if let hit = hits.first {
          let verb = dependency.field == .breaks ? "breaks" : "conflicts with"
          let other = pool.versions[hit].package
          var text = "\(label(version)) \(verb) \(dependency.text)"
          if pool.name(other) != target.relation.name { text += " (provided by \(pool.name(other)))" }
          if case .dependency(let owner, let why) = selection.reasons[other] {
            text += ", and \(pool.name(owner)) depends on \(why.text)"
          } else if selection[other].isRequested {
            text += ", and both are asked for"
          }
          return [text]
        }
      }
    }
    for dependency in dependencies where !dependency.isNegative {
      for target in dependency.targets {
        for match in try selection.matches(target, of: dependency, { self.pool.candidate(of: $0) }) {
          guard let chain = try conflictChain(pool.versions[match].package, &visited) else { continue }
          var rest = chain
          rest[0] = rest[0].split(separator: " ").dropFirst(2).joined(separator: " ")
          return ["\(label(version)) depends on \(dependency.text)"] + rest
        }
      }
    }
    return nil
  }
}
