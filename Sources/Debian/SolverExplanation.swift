/// Why a request can't be met, in a person's words: "a 1 depends on b, which depends on c (>= 2), but the
/// sources have c 1".
extension PackageSolver {
  /// The lines for a request that failed, at most three: what is missing first, else who is in whose way.
  func explain(wanted: [Int], broken: [Int], _ excluded: Set<String>) throws(SyntaxError) -> [String] {
    var lines: [String] = []
    for package in wanted + broken {
      var visited: Set<Int> = []
      guard let chain = try missingChain(package, excluded, &visited) else { continue }
      let line = chain.sentence
      if !lines.contains(line) { lines.append(line) }
      if lines.count == 3 { return lines }
    }
    if !lines.isEmpty { return lines }
    if let line = try conflict(wanted) { return [line] }
    let names = Set(broken.map(pool.name)).sorted().joined(separator: ", ")
    return ["the packages can't be installed together: no choice of alternatives satisfies \(names)"]
  }

  /// A way down through dependencies, and what is at its end.
  private struct Chain {
    var start: String
    /// "depends on b", from the start on.
    var links: [String] = []
    var end: String

    var sentence: String { start + " " + links.joined(separator: ", which ") + ", " + end }
  }

  private func label(_ version: Int) -> String {
    "\(pool.name(pool.versions[version].package)) \(pool.versions[version].version.text)"
  }

  private func verb(_ dependency: PoolDependency) -> String {
    switch dependency.field {
    case .preDepends: "pre-depends on"
    case .breaks: "breaks"
    case .conflicts: "conflicts with"
    default: "depends on"
    }
  }

  private func candidate(_ package: Int) -> Int? {
    let state = selection[package]
    return state.isRequested ? state.candidate ?? pool.candidate(of: package) : pool.candidate(of: package)
  }

  // MARK: What is missing

  /// The first way down from a package that ends at something that no source has.
  private func missingChain(
    _ package: Int, _ excluded: Set<String>, _ visited: inout Set<Int>
  ) throws(SyntaxError) -> Chain? {
    guard visited.insert(package).inserted, let version = candidate(package) else { return nil }
    for dependency in try pool.dependencies(of: version) where !dependency.isNegative {
      var chain: Chain?
      var isPossible = false
      for target in dependency.targets {
        let matches = try selection.matches(target, of: dependency) { package in
          excluded.contains(self.pool.name(package)) ? nil : self.candidate(package)
        }
        if matches.isEmpty, chain == nil {
          chain = Chain(start: "", end: try absence(target, excluded))
        }
        for match in matches {
          if let below = try missingChain(pool.versions[match].package, excluded, &visited) {
            if chain == nil { chain = below }
          } else {
            isPossible = true
          }
        }
      }
      if !isPossible, var chain {
        chain.start = label(version)
        chain.links.insert("\(verb(dependency)) \(dependency.text)", at: 0)
        return chain
      }
    }
    return nil
  }

  /// Why nothing meets one alternative.
  private func absence(_ target: PoolDependency.Target, _ excluded: Set<String>) throws(SyntaxError) -> String
  {
    let name = target.relation.name
    if excluded.contains(name) { return "but \(name) is excluded" }
    if let candidate = pool.candidate(of: target.package) {
      return "but the sources have \(label(candidate))"
    }
    guard let provider = try pool.providers(of: target.package).first else {
      return "but no source has \(name)"
    }
    let owner = pool.name(pool.versions[provider.version].package)
    if excluded.contains(owner) { return "but \(owner) is excluded" }
    return "but \(label(provider.version)) provides it as \(provider.providedVersion?.text ?? "no version")"
  }

  // MARK: Who is in whose way

  /// What must be there, each with what needs it: everything that is the only way to meet a dependency of
  /// what must be there already.
  private func needed(
    _ wanted: [Int]
  ) throws(SyntaxError) -> (order: [Int], parents: [Int: (owner: Int, dependency: PoolDependency)]) {
    var order = wanted
    var parents: [Int: (owner: Int, dependency: PoolDependency)] = [:]
    var seen = Set(wanted)
    var position = 0
    while position < order.count {
      let package = order[position]
      position += 1
      guard let version = candidate(package) else { continue }
      for dependency in try pool.dependencies(of: version) where !dependency.isNegative {
        var matches: [Int] = []
        for target in dependency.targets {
          matches += try selection.matches(target, of: dependency) { self.candidate($0) }
        }
        guard Set(matches).count == 1, let only = matches.first else { continue }
        let next = pool.versions[only].package
        if seen.insert(next).inserted {
          parents[next] = (package, dependency)
          order.append(next)
        }
      }
    }
    return (order, parents)
  }

  /// The first two of what must be there that can't be together.
  private func conflict(_ wanted: [Int]) throws(SyntaxError) -> String? {
    let (order, parents) = try needed(wanted)
    let set = Set(order)
    for package in order {
      guard let version = candidate(package) else { continue }
      for dependency in try pool.dependencies(of: version) where dependency.isNegative {
        for target in dependency.targets {
          let hits = try selection.matches(target, of: dependency) { package in
            set.contains(package) ? self.candidate(package) : self.selection[package].current
          }
          guard let hit = hits.first else { continue }
          let other = pool.versions[hit].package
          var links: [String] = ["\(verb(dependency)) \(dependency.text)"]
          var top = package
          while let parent = parents[top] {
            links.insert("\(verb(parent.dependency)) \(parent.dependency.text)", at: 0)
            top = parent.owner
          }
          let end: String
          if let parent = parents[other] {
            end = "but \(pool.name(parent.owner)) \(verb(parent.dependency)) \(parent.dependency.text)"
          } else if set.contains(other) {
            end = "but \(pool.name(other)) is asked for too"
          } else {
            end = "but \(pool.name(other)) is there already"
          }
          return Chain(start: candidate(top).map(label) ?? pool.name(top), links: links, end: end).sentence
        }
      }
    }
    return nil
  }
}
