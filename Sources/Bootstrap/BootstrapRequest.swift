public import Debian
public import SystemPackage

/// What base system to make.
public struct BootstrapRequest: Sendable {
  /// The package set; the same names and sets as mmdebstrap's.
  public enum Variant: String, Sendable, CaseIterable {
    /// Nothing but what is included, unpacked and not configured.
    case extract
    /// Nothing but what is included.
    case custom
    /// `Essential: yes` packages.
    case essential
    /// The essential set and apt.
    case apt
    /// The essential set, `Priority: required` and apt. Another name of minbase.
    case required
    /// The essential set, `Priority: required` and apt.
    case minbase
    /// minbase and build-essential.
    case buildd
    /// minbase and `Priority: important`: debootstrap's own default.
    case important
    /// The important set and `Priority: standard`.
    case standard
  }

  /// What privileges are used.
  public enum Mode: String, Sendable, CaseIterable {
    /// `root` for root, else `unshare`.
    case auto
    /// Root's own, in private mount and process namespaces.
    case root
    /// A user namespace with the user's subordinate ids.
    case unshare
  }

  /// Commands that run during the work with the root directory as `$1`.
  public struct Hooks: Sendable {
    /// Before anything is unpacked.
    public var setup: [String] = []
    /// After the essential packages are unpacked.
    public var extract: [String] = []
    /// After the essential packages are configured.
    public var essential: [String] = []
    /// After all else, before the clean-up.
    public var customize: [String] = []

    /// All of them, in the order in which they run.
    var inOrder: [String] { setup + extract + essential + customize }

    /// No hooks.
    public init() {}
  }

  /// The suite: `trixie`, `stable`.
  public var suite: String
  /// The package set.
  public var variant = Variant.minbase
  /// Packages to add.
  public var include: [String] = []
  /// Packages to leave out of the set.
  public var exclude: [String] = []
  /// Whether the packages bring what they depend on; without it there is exactly what is included.
  public var resolvesDependencies = true
  /// Components of mirrors that don't name their own.
  public var components = ["main"]
  /// The architecture, as Debian names it; this machine's when nil.
  public var architecture: String?
  /// The only keyrings that are believed; when empty, those of the sources and of apt.
  public var keyrings: [FilePath] = []
  /// MIRROR arguments; the machine's own sources when empty.
  public var mirrors: [String] = []
  /// What privileges are used.
  public var mode = Mode.auto
  /// Commands to run.
  public var hooks = Hooks()
  /// Lines for apt's configuration, kept in the image.
  public var aptOptions: [String] = []
  /// Lines for dpkg's configuration, kept in the image.
  public var dpkgOptions: [String] = []
  /// Paths of packages that are left out; add `PathRules.slim` for a slim image.
  public var pathRules = PathRules()
  /// Whether an archive whose `Valid-Until` has passed is refused, unless its source says otherwise.
  public var checksValidUntil = true
  /// The newest time that an entry may have, in seconds since 1970; the archive's own date when nil.
  public var sourceDateEpoch: Int64?
  /// Where downloaded packages are kept for the next time, for engines that can; nil for nowhere.
  public var cache: FilePath?
  /// Whether the engine should tell all that it does.
  public var isVerbose = false

  /// The default set of `suite`.
  public init(suite: String) { self.suite = suite }

  /// Refuses what an engine would take for an option or for several arguments.
  public func validate() throws(BootstrapError) {
    func check(_ what: String, _ value: String, extra: String = "") throws(BootstrapError) {
      let isBad =
        value.isEmpty || value.hasPrefix("-")
        || value.unicodeScalars.contains {
          $0.value <= 0x20 || $0.value == 0x7f || extra.unicodeScalars.contains($0)
        }
      if isBad { throw .badArgument(what: what, value: value) }
    }
    try check("suite", suite, extra: ",\"'\\")
    for name in components { try check("component", name, extra: ",\"'\\") }
    for name in exclude { try check("package", name, extra: ",\"'\\/") }
    if let architecture { try check("architecture", architecture, extra: ",\"'\\/") }
    for name in include where name.isEmpty || name.hasPrefix("-") || name.contains("\n") {
      throw .badArgument(what: "package", value: name)
    }
    if !resolvesDependencies {
      if variant != .extract, variant != .custom {
        throw .badCombination(
          "--no-dependencies", with: "the variant \(variant.rawValue)", instead: "use --variant extract")
      }
      if include.isEmpty {
        throw .badCombination("--no-dependencies", with: "no packages", instead: "name them with --include")
      }
      if !exclude.isEmpty {
        throw .badCombination("--no-dependencies", with: "--exclude", instead: "nothing else comes anyway")
      }
    }
    for rule in pathRules.rules where !rule.pattern.hasPrefix("/") || rule.pattern.contains("\n") {
      throw .badArgument(what: "pattern of paths (they start with /)", value: rule.pattern)
    }
    for line in aptOptions + dpkgOptions where line.isEmpty {
      throw .badArgument(what: "configuration line", value: line)
    }
  }
}
