public import Archive
import Rootfs

/// What makes a tree that an engine left into one that is clean and the same every time.
///
/// It is a filter between the engine's entries and the layer writer; docs/bootstrap.md lists each rule
/// with its reason.
public struct Normaliser: Sendable {
  /// What becomes of an entry.
  public enum Action: Sendable, Equatable {
    /// It stays, perhaps with another time.
    case keep
    /// It goes, and all that is below it.
    case drop
    /// It stays without its data; `size` is already 0.
    case emptyContent
  }

  /// The newest time that an entry may have, in seconds since 1970.
  public let epoch: Int64
  private let rules: [(pattern: Pattern, action: Action)]

  /// The rules for what mmdebstrap writes, which has cleaned up most itself.
  public static func mmdebstrap(epoch: Int64) -> Normaliser {
    Normaliser(epoch: epoch, rules: backups)
  }

  /// The rules for what debootstrap leaves: the same, and the clean-up that mmdebstrap does itself.
  public static func debootstrap(epoch: Int64) -> Normaliser {
    Normaliser(epoch: epoch, rules: backups + [("run/lock/*", .drop)] + leftovers)
  }

  /// The rules for what a root of Garboard's own leaves: what mmdebstrap removes itself, and no more.
  static func native(epoch: Int64) -> Normaliser {
    Normaliser(epoch: epoch, rules: backups + leftovers)
  }

  private init(epoch: Int64, rules: [(String, Action)]) {
    self.epoch = epoch
    self.rules = rules.map { (Pattern($0.0), $0.1) }
  }

  /// What dpkg and debconf keep of the state before the last one.
  private static let backups: [(String, Action)] = [
    ("var/cache/debconf/*-old", .drop),
    ("var/lib/dpkg/*-old", .drop),
  ]

  /// What mmdebstrap removes and debootstrap does not.
  private static let leftovers: [(String, Action)] = [
    ("var/log/alternatives.log", .drop),
    ("var/log/apt/eipp.log.xz", .drop),
    ("var/log/apt/history.log", .drop),
    ("var/log/apt/term.log", .drop),
    ("var/log/bootstrap.log", .drop),
    ("var/log/dpkg.log", .drop),
    ("var/cache/apt/archives/*.deb", .drop),
    ("var/cache/apt/*.bin", .drop),
    ("var/cache/ldconfig/aux-cache", .drop),
    ("var/lib/apt/lists/*Packages", .drop),
    ("var/lib/apt/lists/*Release", .drop),
    ("var/lib/apt/lists/*Release.gpg", .drop),
    ("var/lib/apt/lists/auxfiles", .drop),
    ("var/lib/dbus/machine-id", .drop),
    ("etc/machine-id", .emptyContent),
    ("run/lock", .keep),
    ("run/*", .drop),
    ("tmp/*", .drop),
  ]

  /// Changes an entry as the rules say.
  ///
  /// Entries below a dropped directory must not be asked about. No rule drops one name of a file with
  /// several.
  public func normalise(_ entry: inout Entry) -> Action {
    if entry.modified > Timestamp(seconds: epoch) { entry.modified = Timestamp(seconds: epoch) }
    // Labels of the machine's own security module mean nothing elsewhere.
    entry.attributes.removeAll { EntryFilter.isMachines($0.name) }
    for rule in rules where rule.pattern.matches(entry.path.bytes) {
      if rule.action == .emptyContent {
        if entry.kind != .file { return .keep }
        entry.size = 0
      }
      return rule.action
    }
    return .keep
  }

  /// A path with at most one `*`, which matches no `/`.
  private struct Pattern: Sendable {
    let before: [UInt8]
    let after: [UInt8]
    let hasStar: Bool

    init(_ text: String) {
      let parts = text.utf8.split(separator: 0x2a, maxSplits: 1, omittingEmptySubsequences: false)
      before = Array(parts[0])
      hasStar = parts.count > 1
      after = hasStar ? Array(parts[1]) : []
    }

    func matches(_ path: [UInt8]) -> Bool {
      if !hasStar { return path == before }
      guard path.count > before.count + after.count, path.starts(with: before),
        path.suffix(after.count).elementsEqual(after)
      else { return false }
      return !path[before.count..<(path.count - after.count)].contains(0x2f)
    }
  }
}
