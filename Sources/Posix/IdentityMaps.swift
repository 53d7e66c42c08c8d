import Glibc
import SystemPackage

/// What the users and groups of a user namespace stand for outside; see user_namespaces(7).
public struct IdentityMaps: Sendable, Equatable {
  /// A run of ids.
  public struct Range: Sendable, Equatable {
    /// The first id inside.
    public var inside: UInt32
    /// The id outside that it stands for.
    public var outside: UInt32
    /// How many follow each other.
    public var count: UInt32

    /// A run.
    public init(inside: UInt32, outside: UInt32, count: UInt32) {
      self.inside = inside
      self.outside = outside
      self.count = count
    }
  }

  /// Users.
  public var users: [Range]
  /// Groups.
  public var groups: [Range]

  /// These ranges.
  public init(users: [Range], groups: [Range]) {
    self.users = users
    self.groups = groups
  }

  /// The first range of `count` ids in a file as `/etc/subuid` that belongs to a user, by name or number.
  ///
  /// Lines are `NAME:FIRST:COUNT`; see subuid(5). Nil when there is none that is large enough.
  public static func subordinate(in text: [UInt8], of user: UInt32, named name: String?, count: UInt32)
    -> UInt32?
  {
    for line in text.split(separator: 0x0a) {
      let parts = line.split(separator: 0x3a).map { String(decoding: $0, as: UTF8.self) }
      guard parts.count == 3, parts[0] == name || parts[0] == String(user), let first = UInt32(parts[1]),
        let length = UInt32(parts[2]), length >= count, !first.addingReportingOverflow(count).overflow
      else { continue }
      return first
    }
    return nil
  }
}

/// Writes maps by newuidmap and newgidmap, which may give a user's subordinate ids away.
final class IdentityMapping {
  private let maps: IdentityMaps

  init(_ maps: IdentityMaps) { self.maps = maps }

  static let apply: @convention(c) (pid_t, UnsafeMutableRawPointer?) -> Int32 = { child, context in
    guard let context else { return EINVAL }
    let mapping = Unmanaged<IdentityMapping>.fromOpaque(context).takeUnretainedValue()
    do throws(PosixError) {
      try mapping.write("newuidmap", child, mapping.maps.users)
      try mapping.write("newgidmap", child, mapping.maps.groups)
      return 0
    } catch {
      return error.errno.rawValue
    }
  }

  private func write(_ tool: String, _ child: pid_t, _ ranges: [IdentityMaps.Range]) throws(PosixError) {
    guard let program = Command.find(tool) else { throw PosixError("run", tool, .noSuchFileOrDirectory) }
    let words = ranges.flatMap { [String($0.inside), String($0.outside), String($0.count)] }
    let status = try Command(program, [String(child)] + words).start().wait()
    if !status.isSuccess { throw PosixError("map ids by", tool, .notPermitted) }
  }
}
