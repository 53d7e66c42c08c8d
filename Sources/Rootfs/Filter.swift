public import Archive

/// What entries pass on their way into a layer: which stay, who owns them, how late they may be.
///
/// Looks at one entry at a time and remembers nothing, so it may run anywhere. What needs other entries is
/// left to those who see them: a hardlink whose target goes, and a directory that stays only for what is
/// in it.
public struct EntryFilter: Sendable {
  /// Takes entries out, or back in.
  public struct Rule: Sendable, Hashable {
    /// What happens to what matches.
    public enum Action: Sendable, Hashable {
      /// It goes, a directory with all that is below.
      case exclude
      /// It stays, a directory with all that is below.
      case include
    }

    /// What happens.
    public var action: Action
    /// To what.
    public var glob: Glob

    /// A rule.
    public init(_ action: Action, _ glob: Glob) {
      self.action = action
      self.glob = glob
    }
  }

  /// What becomes of an entry.
  public enum Verdict: Sendable, Equatable {
    /// It stays.
    case keep
    /// It goes.
    case drop
    /// A directory that was excluded, but below which something may have been included: it is needed
    /// when there is such an entry, and goes when there is none.
    case keepForChildren
  }

  /// In order: the last rule that matches an entry, or a directory above it, decides. What no rule
  /// matches stays, and so does the root.
  public var rules: [Rule] = []
  /// Who owns entries instead.
  public var owners = OwnerMap()
  /// Later times become this one.
  public var latest: Timestamp?
  /// Whether the names of owners are left out, so that only the numbers say who they are.
  public var dropsNames = false
  /// Whether attributes stay that say more about the machine than about the tree; see `isMachines(_:)`.
  public var keepsMachineAttributes = false

  /// A filter that leaves out attributes of the machine alone.
  public init() {}

  /// What the rules say of an entry; hardlinks are judged by their own names.
  public func verdict(_ path: EntryPath, _ kind: EntryKind) -> Verdict {
    if path.isRoot { return .keep }
    let isDirectory = kind == .directory
    var mayIncludeBelow = false
    for rule in rules.reversed() {
      let relation = rule.glob.relation(path, isDirectory: isDirectory)
      if relation.matches {
        if rule.action == .include { return .keep }
        return mayIncludeBelow ? .keepForChildren : .drop
      }
      if isDirectory, rule.action == .include, relation.mayMatchBelow { mayIncludeBelow = true }
    }
    return .keep
  }

  /// Whether a rule may take out something below a directory.
  public func mayDrop(below directory: EntryPath) -> Bool {
    rules.contains { rule in
      guard rule.action == .exclude else { return false }
      let relation = rule.glob.relation(directory, isDirectory: true)
      return relation.matches || relation.mayMatchBelow
    }
  }

  /// Judges an entry, and changes its metadata: also when it goes, for it may be what says how a file is
  /// that has other names.
  public func judge(_ entry: inout Entry) -> Verdict {
    let verdict = verdict(entry.path, entry.kind)
    owners.apply(&entry)
    if dropsNames {
      entry.userName = []
      entry.groupName = []
    }
    if let latest, entry.modified > latest { entry.modified = latest }
    if !keepsMachineAttributes, !entry.attributes.isEmpty {
      entry.attributes.removeAll { Self.isMachines($0.name) }
    }
    return verdict
  }

  /// Whether the entry stays, with its metadata changed. Directories that may be needed stay.
  public func apply(_ entry: inout Entry) -> Bool { judge(&entry) != .drop }

  /// Whether an attribute says something about the machine that the tree is on: labels of its security
  /// policy, its measurements and signatures, another form of the mode. What unpacks the tree gives its
  /// own. As umoci, with IMA and EVM, whose values are made with the machine's key.
  public static func isMachines(_ attribute: [UInt8]) -> Bool {
    machineAttributes.contains { attribute.elementsEqual($0.utf8) }
  }

  private static let machineAttributes = [
    "security.selinux", "security.ima", "security.evm", "system.nfs4_acl",
  ]
}
