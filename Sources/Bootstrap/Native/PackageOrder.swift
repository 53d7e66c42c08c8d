/// The order of packages: what a package needs comes before it.
///
/// It decides where packages disagree, and in which order scripts run that don't depend on each other. It
/// is near to apt's: packages with pre-dependencies first, of them the protected and required ones, then all
/// others, by name, each after what it needs.
enum PackageOrder {
  /// The indices of `packages` in order.
  static func sorted(_ packages: [PackageControl]) -> [Int] {
    var providers: [String: [Int]] = [:]
    for (index, package) in packages.enumerated() {
      for name in [package.name] + package.provides { providers[name, default: []].append(index) }
    }
    var isVisited = [Bool](repeating: false, count: packages.count)
    var result: [Int] = []
    /// Depth first, without recursion: dependencies go in circles and deep.
    func visit(_ start: Int) {
      if isVisited[start] { return }
      isVisited[start] = true
      var stack: [(index: Int, needed: ArraySlice<Int>)] = [(start, needed(start)[...])]
      while let top = stack.last {
        if let next = top.needed.first {
          stack[stack.count - 1].needed.removeFirst()
          if isVisited[next] { continue }
          isVisited[next] = true
          stack.append((next, needed(next)[...]))
        } else {
          result.append(top.index)
          stack.removeLast()
        }
      }
    }
    func needed(_ index: Int) -> [Int] {
      (packages[index].preDepends + packages[index].depends).compactMap { group in
        for name in group { if let found = providers[name]?.first { return found } }
        return nil
      }
    }
    let roots = packages.indices.sorted { one, other in
      func rank(_ index: Int) -> Int {
        packages[index].preDepends.isEmpty ? 2 : packages[index].isProtected ? 0 : 1
      }
      return (rank(one), packages[one].infoName) < (rank(other), packages[other].infoName)
    }
    for index in roots { visit(index) }
    return result
  }
}
