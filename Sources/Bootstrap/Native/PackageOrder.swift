/// The order in which apt would unpack packages: its `pkgOrderList::OrderUnpack` (2.6) for packages of which
/// none is there in an older version, so that no conflict and no removal plays a part.
///
/// It decides where packages disagree, in which order scripts run that don't depend on each other, and the
/// order of lines in dpkg's database.
struct PackageOrder {
  private enum Pass { case critical, immediate, preDepends }

  private let graph: InstallationGraph
  private var isAdded: [Bool] = []
  private var isPending: [Bool] = []
  private var list: [Int] = []
  private var pass = Pass.critical
  private var visitsDepends = false
  private var depth = 0

  private init(_ graph: InstallationGraph) { self.graph = graph }

  /// The packages in the order in which apt looks at them for unpacking.
  static func sorted(_ graph: InstallationGraph) -> [Int] {
    var order = PackageOrder(graph)
    order.list = graph.start
    order.run(.critical, visitsDepends: true)
    order.run(.critical)
    order.run(.critical)
    order.run(.preDepends)
    return order.list
  }

  private mutating func run(_ pass: Pass, visitsDepends: Bool = false) {
    let before = list
    list = []
    isAdded = Array(repeating: false, count: before.count)
    isPending = isAdded
    self.pass = pass
    self.visitsDepends = visitsDepends
    for index in before { visit(index) }
  }

  private mutating func visit(_ index: Int) {
    if isAdded[index] || isPending[index] { return }
    depth += 1
    isPending[index] = true
    let old = pass
    if graph.isImmediate[index], pass != .preDepends { pass = .immediate }
    for need in graph.needs[index] {
      for alternative in need.alternatives where isLooked(at: need, of: index) { visit(alternative) }
    }
    if visitsDepends {
      for need in graph.needs[index] where !need.isPreDepends {
        for alternative in need.alternatives { for package in alternative.packages { visit(package) } }
      }
    }
    isPending[index] = false
    isAdded[index] = true
    list.append(index)
    pass = old
    depth -= 1
  }

  private func isLooked(at need: InstallationGraph.Need, of index: Int) -> Bool {
    switch pass {
    case .critical: need.isPreDepends
    case .immediate: true
    case .preDepends: need.isPreDepends || depth > 1 || graph.isImmediate[index]
    }
  }

  /// Visits what is not sure to be there by then.
  private mutating func visit(_ alternative: InstallationGraph.Alternative) {
    if alternative.isInstalled || alternative.packages.contains(where: { isAdded[$0] }) { return }
    if let named = alternative.named, isPending[named] || isAdded[named] { return }
    let old = pass
    if pass == .critical { pass = .immediate }
    for package in alternative.packages { visit(package) }
    pass = old
  }
}
