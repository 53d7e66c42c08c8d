/// In which rounds apt would have packages unpacked and configured: its `pkgPackageManager::OrderInstall`
/// (2.6) for packages of which none is there in an older version.
///
/// What a package needs before it is unpacked (`Pre-Depends`) is configured by then, with all that this needs;
/// what nothing needs so is left to `dpkg --configure --pending`.
struct ConfigureRounds {
  /// What is unpacked together, and what is configured after it.
  struct Round: Equatable {
    var unpacked: [Int] = []
    var configured: [Int] = []
  }

  private enum State { case now, unpacked, configured }
  private enum Action { case unpack, configure }

  private let graph: InstallationGraph
  private var states: [State]
  private var isLooping: [Bool]
  private var rounds: [Round] = []
  /// How many steps may still be taken: circles in circles could take for ever.
  private var patience = 100_000

  private init(_ graph: InstallationGraph) {
    self.graph = graph
    states = graph.needs.map { _ in .now }
    isLooping = graph.needs.map { _ in false }
  }

  /// The rounds of packages that come after `installed` ones.
  ///
  /// - Returns: rounds of indices into `packages`, each package unpacked once.
  static func rounds(of packages: [PackageControl], after installed: [PackageControl]) -> [Round] {
    let graph = InstallationGraph(packages, after: installed)
    var rounds = ConfigureRounds(graph)
    for index in PackageOrder.sorted(graph) where rounds.states[index] == .now {
      // What apt can't unpack so it refuses; dpkg will say what it thinks of it.
      if !rounds.unpack(index, isImmediate: graph.isImmediate[index]), rounds.states[index] == .now {
        rounds.noteUnpacked(index)
      }
    }
    return rounds.rounds
  }

  /// The packages in the order of unpacking.
  static func order(of packages: [PackageControl], after installed: [PackageControl]) -> [Int] {
    rounds(of: packages, after: installed).flatMap(\.unpacked)
  }

  private mutating func noteUnpacked(_ index: Int) {
    states[index] = .unpacked
    if rounds.last?.configured.isEmpty != true { rounds.append(Round()) }
    rounds[rounds.count - 1].unpacked.append(index)
  }

  private mutating func noteConfigured(_ index: Int) {
    states[index] = .configured
    if rounds.isEmpty { rounds.append(Round()) }
    rounds[rounds.count - 1].configured.append(index)
  }

  /// apt's `NonLoopingSmart`: does something with a package that `index` needs, once in a circle.
  private mutating func act(
    _ action: Action, on other: Int, for index: Int, isLoop: Bool, _ isBad: inout Bool,
    _ hasChanged: inout Bool
  ) -> Bool {
    patience -= 1
    if patience < 0 { return false }
    if !isLoop { isLooping[index] = true }
    let isDone: Bool
    switch action {
    case .unpack: isDone = unpack(other, isImmediate: true)
    case .configure: isDone = configure(other)
    }
    if !isLoop { isLooping[index] = false }
    if !isDone { return false }
    isBad = false
    if !isLooping[other] { hasChanged = true }
    return true
  }

  /// apt's `SmartUnPack`.
  private mutating func unpack(_ index: Int, isImmediate: Bool) -> Bool {
    let isLoop = isLooping[index]
    var hasFailed = false
    var hasChanged = false
    repeat {
      hasChanged = false
      for need in graph.needs[index]
      where need.isPreDepends && !need.alternatives.contains(where: \.isInstalled) {
        var isBad = true
        for alternative in need.alternatives where isBad {
          for other in alternative.packages {
            if states[other] == .configured {
              isBad = false
              break
            }
            if states[other] == .now, isLooping[other], isLoop { continue }
            let action = states[other] == .now ? Action.unpack : .configure
            if !act(action, on: other, for: index, isLoop: isLoop, &isBad, &hasChanged) { return false }
            break
          }
        }
        if isBad { hasFailed = true }
      }
    } while hasChanged
    if hasFailed { return false }
    if isLoop { return true }
    noteUnpacked(index)
    if isImmediate { _ = configure(index) }
    return true
  }

  /// apt's `SmartConfigure`.
  private mutating func configure(_ index: Int) -> Bool {
    let isLoop = isLooping[index]
    var isBad = false
    var hasChanged = false
    var toConfigure: [InstallationGraph.Need] = []
    repeat {
      hasChanged = false
      for need in graph.needs[index] where !need.alternatives.contains(where: \.isInstalled) {
        isBad = true
        for alternative in need.alternatives where isBad && !isLoop {
          guard let other = alternative.packages.first(where: { states[$0] == .now }) else { continue }
          if !act(.unpack, on: other, for: index, isLoop: isLoop, &isBad, &hasChanged) { return false }
        }
        if isBad { toConfigure.append(need) }
      }
    } while hasChanged
    isBad = false
    repeat {
      hasChanged = false
      for need in toConfigure {
        isBad = true
        for alternative in need.alternatives where isBad {
          for other in alternative.packages where states[other] != .now {
            if states[other] == .configured || (isLooping[other] && isLoop) {
              isBad = false
            } else if !act(.configure, on: other, for: index, isLoop: isLoop, &isBad, &hasChanged) {
              return false
            }
            break
          }
        }
      }
    } while hasChanged
    if isBad { return false }
    if isLoop { return true }
    if states[index] == .configured { return false }
    noteConfigured(index)
    return true
  }
}
