/// Who files belong to, as `--chown` and `USER` say it: `USER[:GROUP]`, names or numbers.
struct Owners {
  /// Where names are looked up.
  let tree: StageTree

  /// The numbers of an owner.
  ///
  /// A user's name brings its group; a number alone is the group's number too, as docker has it.
  func numbers(of text: String) throws -> (user: UInt32, group: UInt32) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let (user, ownGroup) = try self.user(parts[0])
    guard parts.count == 2, !parts[1].isEmpty else { return (user, ownGroup) }
    if let number = UInt32(parts[1]) { return (user, number) }
    guard let group = try find(parts[1], in: "etc/group").flatMap({ $0.count > 2 ? UInt32($0[2]) : nil })
    else { throw StepProblem("there is no group \"\(parts[1])\" in the stage's /etc/group") }
    return (user, group)
  }

  private func user(_ name: String) throws -> (UInt32, UInt32) {
    if name.isEmpty { return (0, 0) }
    if let number = UInt32(name) { return (number, number) }
    if let fields = try find(name, in: "etc/passwd"), fields.count > 3, let user = UInt32(fields[2]),
      let group = UInt32(fields[3])
    {
      return (user, group)
    }
    if name == "root" { return (0, 0) }
    throw StepProblem("there is no user \"\(name)\" in the stage's /etc/passwd")
  }

  private func find(_ name: String, in file: String) throws -> [Substring]? {
    guard let text = try tree.text(of: file) else { return nil }
    return text.split(separator: "\n").map {
      $0.split(separator: ":", omittingEmptySubsequences: false)
    }.first { $0.first.map { $0.utf8.elementsEqual(name.utf8) } ?? false }
  }
}
