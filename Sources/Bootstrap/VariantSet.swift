import Debian

/// The packages of a variant, chosen in the two steps in which mmdebstrap installs them: the essential ones
/// into nothing, then the rest into the system that they make (mmdebstrap(1), VARIANTS).
struct VariantSet {
  struct Package {
    var choice: PackageSolver.Choice
    var reason: BootstrapPlan.Reason
    var stage: BootstrapPlan.Stage
  }

  private let request: BootstrapRequest
  private let architecture: String
  private let excluded: Set<String>

  init(_ request: BootstrapRequest, architecture: String) {
    self.request = request
    self.architecture = architecture
    excluded = Set(request.exclude)
  }

  /// `?narrow(?or(?archive(^S$),?codename(^S$)),?architecture(A),…)`: only of the suite itself.
  private func ofSuite(_ pattern: PackagePattern) -> PackagePattern {
    let suite = "^" + request.suite + "$"
    return .narrow([pattern, .or([.archive(suite), .codename(suite)]), .architecture(architecture)])
  }

  private var priorities: [PackageRecord.Priority] {
    switch request.variant {
    case .extract, .custom, .essential, .apt: []
    case .required, .minbase, .buildd: [.required]
    case .important: [.required, .important]
    case .standard: [.required, .important, .standard]
    }
  }

  func resolve(_ pool: PackagePool) throws(SolverError) -> [Package] {
    let solver = PackageSolver(pool)
    var reasons: [String: BootstrapPlan.Reason] = [:]
    func name(_ version: Int) -> String { pool.packageName(of: version) }
    func note(_ versions: [Int], _ reason: BootstrapPlan.Reason) {
      for version in versions where reasons[name(version)] == nil { reasons[name(version)] = reason }
    }
    var included: [Int] = []
    for words in request.include {
      let found = try pool.find(words)
      note(found, .requested(words))
      included += found
    }
    switch request.variant {
    case .extract, .custom:
      if request.resolvesDependencies {
        try solver.install(included, excluding: excluded)
      } else {
        try solver.installAlone(included)
      }
      return try packages(solver, reasons)
    default: break
    }

    // Step one.
    var essential = try pool.versions(matching: ofSuite(.essential)).filter { !excluded.contains(name($0)) }
    if essential.isEmpty { throw .noMatch("Essential: yes in the suite \(request.suite)") }
    note(essential, .essential)
    if request.variant == .apt {
      let apt = try pool.find("apt")
      note(apt, .variant("apt"))
      essential += apt
    }
    try solver.install(essential, excluding: excluded)

    // Step two.
    var rest = included
    if request.variant == .buildd {
      let tools = try pool.find("build-essential")
      note(tools, .variant("buildd"))
      rest += tools
    }
    if !priorities.isEmpty {
      let pattern = PackagePattern.or(priorities.map { .priority($0.word) })
      let found = try pool.versions(matching: ofSuite(.and([pattern, .not(.essential)])))
        .filter { !excluded.contains(name($0)) }
      for version in found {
        if let priority = pool.priorityOfPackage(version) { note([version], .priority(priority)) }
      }
      rest += found
    }
    if !rest.isEmpty { try solver.install(rest, excluding: excluded) }
    return try packages(solver, reasons)
  }

  private func packages(
    _ solver: PackageSolver, _ reasons: [String: BootstrapPlan.Reason]
  ) throws(SolverError) -> [Package] {
    let isStaged = request.variant != .extract && request.variant != .custom
    return try Self.packages(solver, reasons) { isStaged && $0 > 0 ? .rest : .essential }
  }

  /// The solver's answer with the reasons that are known, and the stage of each of its steps.
  static func packages(
    _ solver: PackageSolver, _ reasons: [String: BootstrapPlan.Reason],
    stage: (Int) -> BootstrapPlan.Stage
  ) throws(SolverError) -> [Package] {
    try solver.choices().map { choice in
      let reason: BootstrapPlan.Reason
      if let known = reasons[choice.record.name] {
        reason = known
      } else if let needed = choice.neededBy {
        reason = .dependency(of: needed.name, field: needed.field, relation: needed.relation)
      } else {
        reason = .requested(choice.record.name)
      }
      return Package(choice: choice, reason: reason, stage: stage(choice.step))
    }
  }
}
