public import Archive

/// Changes the owners of entries.
public struct OwnerMap: Sendable, Hashable {
  /// Some numbers that become others, as lines of user_namespaces(7) say it.
  public struct Range: Sendable, Hashable {
    /// The first number before.
    public var from: UInt32
    /// The first number after.
    public var to: UInt32
    /// How many there are.
    public var count: UInt32

    /// `count` numbers from `from` on become those from `to` on.
    public init(from: UInt32, to: UInt32, count: UInt32) {
      self.from = from
      self.to = to
      self.count = count
    }
  }

  /// What numbers become.
  public enum Mapping: Sendable, Hashable {
    /// They stay.
    case same
    /// All become this one.
    case all(UInt32)
    /// The first range that has a number decides; what is in none stays.
    case ranges([Range])

    func callAsFunction(_ number: UInt32) -> UInt32 {
      switch self {
      case .same: return number
      case .all(let other): return other
      case .ranges(let ranges):
        for range in ranges where number >= range.from && number - range.from < range.count {
          let (mapped, overflow) = range.to.addingReportingOverflow(number - range.from)
          return overflow ? number : mapped
        }
        return number
      }
    }
  }

  /// What becomes of users.
  public var users: Mapping
  /// What becomes of groups.
  public var groups: Mapping

  /// A map; without arguments, everything stays.
  public init(users: Mapping = .same, groups: Mapping = .same) {
    self.users = users
    self.groups = groups
  }

  /// Gives an entry its owners. A name goes where the number is another: it belongs to the old one.
  public func apply(_ entry: inout Entry) {
    let user = users(entry.user)
    let group = groups(entry.group)
    if user != entry.user { entry.userName = [] }
    if group != entry.group { entry.groupName = [] }
    entry.user = user
    entry.group = group
  }
}
