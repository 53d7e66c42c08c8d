public import Debian

/// The packages that a base system will hold, and where each comes from.
public struct BootstrapPlan: Sendable {
  /// Why a package is there.
  public enum Reason: Sendable, Equatable {
    /// It is `Essential: yes`.
    case essential
    /// It has the priority that the variant takes in.
    case priority(PackageRecord.Priority)
    /// The variant asks for it by name: apt, build-essential.
    case variant(String)
    /// The request names it, by these words.
    case requested(String)
    /// Another package needs it.
    case dependency(of: String, field: DependencyField, relation: String)
  }

  /// When a package is installed.
  public enum Stage: Int, Sendable, Comparable {
    /// With the essential packages, before there is a system.
    case essential
    /// Into the system that the essential packages make.
    case rest

    /// Earlier first.
    public static func < (one: Stage, other: Stage) -> Bool { one.rawValue < other.rawValue }
  }

  /// One package.
  public struct Package: Sendable {
    /// What the index says of it.
    public var record: PackageRecord
    /// The root of the archive that it comes from, without a slash at its end: `http://…/debian`.
    public var mirror: String
    /// The suite that it comes from, as the source names it: `trixie-security`.
    public var suite: String
    /// Why it is there: the first reason that was found.
    public var reason: Reason
    /// When it is installed.
    public var stage: Stage
    /// Whether it came as a dependency only: what apt writes into `extended_states`.
    public var isAutomatic: Bool

    /// The .deb's address.
    public var url: String { mirror + "/" + record.filename }
  }

  /// The suite that was asked for.
  public var suite: String
  /// The architecture, as Debian names it.
  public var architecture: String
  /// The newest `Date` of the archives' Release files, in seconds since 1970.
  public var date: Int64
  /// The packages: by stage, then by name, then by architecture.
  public var packages: [Package]

  /// What is downloaded, in bytes.
  public var downloadSize: UInt64 { packages.reduce(0) { $0 + $1.record.size } }
  /// What is unpacked, in KiB, as the packages estimate it.
  public var installedSize: UInt64 { packages.reduce(0) { $0 + $1.record.installedSize } }
}

extension BootstrapPlan.Reason: CustomStringConvertible {
  /// In a person's words, as "Depends of bash: libtinfo6 (>= 6)".
  public var description: String {
    switch self {
    case .essential: "essential"
    case .priority(let priority): "priority \(priority.word)"
    case .variant(let name): "variant \(name)"
    case .requested(let words): "requested as \(words)"
    case .dependency(let name, let field, let relation): "\(field.rawValue) of \(name): \(relation)"
    }
  }
}
