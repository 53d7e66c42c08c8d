/// The fields of a package that say what it needs and what it can't be with: policy, 7.
public enum DependencyField: String, Sendable, CaseIterable {
  /// What must be configured before this package is unpacked.
  case preDepends = "Pre-Depends"
  /// What must be there for this package to be configured.
  case depends = "Depends"
  /// What belongs to it in all but unusual installations.
  case recommends = "Recommends"
  /// What goes well with it.
  case suggests = "Suggests"
  /// What it goes well with.
  case enhances = "Enhances"
  /// What can't be unpacked at the same time.
  case conflicts = "Conflicts"
  /// What can't be configured at the same time.
  case breaks = "Breaks"
  /// Whose files it may overwrite.
  case replaces = "Replaces"
  /// The virtual packages that it stands for.
  case provides = "Provides"
}

/// How a version must stand to another one.
public enum VersionRelation: String, Sendable {
  /// Strictly earlier.
  case earlier = "<<"
  /// Earlier or equal.
  case earlierOrEqual = "<="
  /// Exactly equal.
  case equal = "="
  /// Later or equal.
  case laterOrEqual = ">="
  /// Strictly later.
  case later = ">>"

  /// Whether `version` stands so to `other`.
  public func holds(_ version: PackageVersion, _ other: PackageVersion) -> Bool {
    let order = PackageVersion.compare(version, other)
    return switch self {
    case .earlier: order < 0
    case .earlierOrEqual: order <= 0
    case .equal: order == 0
    case .laterOrEqual: order >= 0
    case .later: order > 0
    }
  }
}

/// One package that a dependency field names, as `libc6:any (>= 2.38) [amd64] <!nocheck>`.
public struct PackageRelation: Sendable, Equatable {
  /// What comes after the name and a colon; see deb-control(5) on Multi-Arch.
  public enum Qualifier: Sendable, Equatable {
    /// Any architecture will do.
    case any
    /// The architecture of the machine.
    case native
    /// This architecture.
    case named(String)
  }

  /// The package's name.
  public var name: String
  /// Which architecture it may have.
  public var qualifier: Qualifier?
  /// How its version must stand to `version`; nil when any version will do.
  public var relation: VersionRelation?
  /// The version that is meant; nil when any version will do.
  public var version: PackageVersion?
  /// The architectures that the relation is for, with `!` before those that it is not for.
  public var architectures: [String] = []
  /// Build profiles that the relation is for: one of the lists must hold as a whole.
  public var profiles: [[String]] = []

  /// A relation to any version of `name`.
  public init(name: String) { self.name = name }

  /// A relation to some versions of `name`.
  public init(name: String, _ relation: VersionRelation, _ version: PackageVersion) {
    self.name = name
    self.relation = relation
    self.version = version
  }

  /// Whether a package of this version is meant.
  public func accepts(_ candidate: PackageVersion) -> Bool {
    guard let relation, let version else { return true }
    return relation.holds(candidate, version)
  }
}

extension PackageRelation: CustomStringConvertible {
  /// As it stands in a control file.
  public var description: String {
    var text = name
    switch qualifier {
    case .any: text += ":any"
    case .native: text += ":native"
    case .named(let name): text += ":" + name
    case nil: break
    }
    if let relation, let version { text += " (\(relation.rawValue) \(version.text))" }
    if !architectures.isEmpty { text += " [" + architectures.joined(separator: " ") + "]" }
    for list in profiles { text += " <" + list.joined(separator: " ") + ">" }
    return text
  }
}

/// What one part of a dependency field asks for: one of several packages.
public struct Dependency: Sendable, Equatable, CustomStringConvertible {
  /// The packages of which one will do, in order of preference; never empty.
  public var alternatives: [PackageRelation]

  /// One of `alternatives`.
  public init(_ alternatives: [PackageRelation]) { self.alternatives = alternatives }

  /// As it stands in a control file.
  public var description: String { alternatives.map(\.description).joined(separator: " | ") }
}
