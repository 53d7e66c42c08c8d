import Archive

/// Owners and modes that hold instead of those in packages: dpkg's `statoverride`; see dpkg-statoverride(1).
struct StatOverrides: Sendable {
  private struct Override {
    var user: UInt32
    var group: UInt32
    var mode: UInt16
  }

  private var overrides: [[UInt8]: Override] = [:]

  /// None.
  init() {}

  /// Reads the database: a user, a group, a mode and a path on each line. Names are those of the root's own
  /// `passwd` and `group`; what they don't name is left to dpkg, which will say so.
  init(_ text: [UInt8], passwd: [UInt8], group: [UInt8]) {
    if text.isEmpty { return }
    let (users, groups) = (Self.numbers(passwd), Self.numbers(group))
    for line in text.split(separator: 0x0a) {
      let fields = line.split(separator: 0x20, maxSplits: 3)
      guard fields.count == 4, fields[3].first == 0x2f,
        let user = Self.number(fields[0], users), let group = Self.number(fields[1], groups),
        let mode = UInt16(String(decoding: fields[2], as: UTF8.self), radix: 8)
      else { continue }
      overrides[Array(fields[3].dropFirst())] = Override(user: user, group: group, mode: mode & 0o7777)
    }
  }

  /// The entry as it is to be made; the path is without a leading slash. Symlinks have no mode to override.
  func applied(to entry: Entry, at path: [UInt8]) -> Entry {
    guard !overrides.isEmpty, entry.kind != .symlink, entry.kind != .hardlink, let override = overrides[path]
    else { return entry }
    var entry = entry
    (entry.user, entry.group, entry.mode) = (override.user, override.group, override.mode)
    return entry
  }

  private static func number(_ text: ArraySlice<UInt8>, _ known: [[UInt8]: UInt32]) -> UInt32? {
    if text.first == 0x23 { return UInt32(String(decoding: text.dropFirst(), as: UTF8.self)) }
    return known[Array(text)]
  }

  private static func numbers(_ accounts: [UInt8]) -> [[UInt8]: UInt32] {
    var numbers: [[UInt8]: UInt32] = [:]
    for line in accounts.split(separator: 0x0a) {
      let fields = line.split(separator: 0x3a, omittingEmptySubsequences: false)
      guard fields.count > 2, let number = UInt32(String(decoding: fields[2], as: UTF8.self)) else {
        continue
      }
      numbers[Array(fields[0])] = number
    }
    return numbers
  }
}
