public import Digest

/// One package of an archive's `Packages` index.
public struct PackageRecord: Sendable {
  /// How much a package belongs to a system: policy, 2.5.
  public enum Priority: UInt8, Sendable, CaseIterable, Comparable {
    /// Without it the system does not work.
    case required = 1
    /// What any Unix has.
    case important
    /// A small but not too limited system.
    case standard
    /// All else.
    case optional
    /// Once for what conflicts with others; now as optional.
    case extra

    /// The more needed one is the smaller.
    public static func < (one: Priority, other: Priority) -> Bool { one.rawValue < other.rawValue }

    /// The word in control files.
    public var word: String {
      switch self {
      case .required: "required"
      case .important: "important"
      case .standard: "standard"
      case .optional: "optional"
      case .extra: "extra"
      }
    }
  }

  /// The field `Multi-Arch`.
  public enum MultiArch: UInt8, Sendable, CaseIterable {
    /// Serves its own architecture only.
    case no
    /// Can be there for several architectures at once.
    case same
    /// Serves packages of every architecture.
    case foreign
    /// Serves every architecture when asked as `:any`.
    case allowed
  }

  /// The name.
  public var name: String
  /// The version.
  public var version: PackageVersion
  /// The architecture, as `amd64`; `all` for every one.
  public var architecture: String
  /// How much it belongs to a system, by the archive's override and not by the package itself.
  public var priority: Priority?
  /// Whether it is `Essential: yes`.
  public var isEssential: Bool
  /// Whether it is `Important: yes` or `Protected: yes`.
  public var isProtected: Bool
  /// How it stands to other architectures.
  public var multiArch: MultiArch
  /// Where the .deb is, below the archive's root.
  public var filename: String
  /// The .deb's size in bytes.
  public var size: UInt64
  /// What the .deb must be.
  public var sha256: Digest
  /// The size when unpacked, in KiB, as the package estimates it.
  public var installedSize: UInt64
  /// The source package's name.
  public var source: String

  /// Pre-Depends.
  public var preDepends: [Dependency]
  /// Depends.
  public var depends: [Dependency]
  /// Recommends.
  public var recommends: [Dependency]
  /// Suggests.
  public var suggests: [Dependency]
  /// Conflicts.
  public var conflicts: [PackageRelation]
  /// Breaks.
  public var breaks: [PackageRelation]
  /// Replaces.
  public var replaces: [PackageRelation]
  /// Provides.
  public var provides: [PackageRelation]

  /// The paragraph of the index as it is, with the line end of its last line.
  public var stanza: [UInt8]
}
