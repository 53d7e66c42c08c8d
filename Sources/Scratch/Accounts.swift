import Archive

/// The users of an image: what is written into `passwd` and `group`, and what names in them mean.
struct Accounts {
  private let tree: ImageTree

  private static let users = EntryPath(parts: ["etc", "passwd"].map { ArraySlice($0.utf8) })
  private static let groups = EntryPath(parts: ["etc", "group"].map { ArraySlice($0.utf8) })

  init(_ tree: ImageTree) { self.tree = tree }

  /// Writes both files with root and a further user, who gets a home; after what the image has already.
  func add(_ user: UserSpecification?, hasShell: Bool) throws {
    let shell = hasShell ? "/bin/sh" : "/sbin/nologin"
    var users = try lines(Self.users)
    var groups = try lines(Self.groups)
    func add(_ line: String, to lines: inout [String]) {
      let name = line.prefix { $0 != ":" } + ":"
      if !lines.contains(where: { $0.hasPrefix(name) }) { lines.append(line) }
    }
    add("root:x:0:0:root:/root:\(shell)", to: &users)
    add("root:x:0:", to: &groups)
    if let user, let known = try record(user.name, in: Self.users), known.count > 3,
      known[2] != "\(user.user)" || known[3] != "\(user.group)"
    {
      throw ScratchError.conflict(
        "the user \(user.name)", problem: "is there already, as \(known[2]):\(known[3])")
    }
    if let user {
      let home = user.name == "root" ? "/root" : "/home/\(user.name)"
      add("\(user.name):x:\(user.user):\(user.group):\(user.name):\(home):\(shell)", to: &users)
      if !groups.contains(where: { $0.split(separator: ":").dropFirst(2).first == "\(user.group)" }) {
        add("\(user.name):x:\(user.group):", to: &groups)
      }
      var folder = Entry(try EntryPath(home), .directory, mode: 0o700)
      folder.user = user.user
      folder.group = user.group
      try tree.put(folder)
    }
    try tree.put("etc/passwd", users.joined(separator: "\n") + "\n")
    try tree.put("etc/group", groups.joined(separator: "\n") + "\n")
  }

  private func lines(_ file: EntryPath) throws -> [String] {
    try tree.read(file).map { String(decoding: $0, as: UTF8.self).split(separator: "\n").map(String.init) }
      ?? []
  }

  /// The numbers of `USER[:GROUP]`, by the image's own files for names. A group that isn't given is the user's, as
  /// docker has it: the user's own for a name, the same number for a number.
  func owner(_ text: String) throws -> (user: UInt32, group: UInt32) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let first = parts.first, !first.isEmpty else {
      throw ScratchError.value(text, problem: "is not USER[:GROUP]")
    }
    var user: UInt32
    var group: UInt32
    if let number = UInt32(first) {
      (user, group) = (number, number)
    } else {
      guard let found = try record(first, in: Self.users), found.count > 3, let number = UInt32(found[2]),
        let own = UInt32(found[3])
      else { throw ScratchError.unknownOwner(first) }
      (user, group) = (number, own)
    }
    if parts.count > 1 {
      if let number = UInt32(parts[1]) {
        group = number
      } else {
        guard let found = try record(parts[1], in: Self.groups), found.count > 2,
          let number = UInt32(found[2])
        else { throw ScratchError.unknownOwner(parts[1]) }
        group = number
      }
    }
    return (user, group)
  }

  private func record(_ name: String, in file: EntryPath) throws -> [String]? {
    try lines(file).map { $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init) }
      .first { $0.first == name }
  }
}
