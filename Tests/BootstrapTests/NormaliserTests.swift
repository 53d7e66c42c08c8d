import Archive
import Bootstrap
import Testing

@Suite struct NormaliserTests {
  private func action(_ normaliser: Normaliser, _ path: String, _ kind: EntryKind = .file) throws
    -> Normaliser.Action
  {
    var entry = Entry(try EntryPath(path), kind, size: kind == .file ? 5 : 0)
    let action = normaliser.normalise(&entry)
    #expect(entry.size == (action == .emptyContent || kind != .file ? 0 : 5))
    return action
  }

  @Test(arguments: [
    ("var/log/dpkg.log", Normaliser.Action.drop), ("var/log/lastlog", .keep), ("var/log", .keep),
    ("var/cache/apt/archives/a_1_all.deb", .drop), ("var/cache/apt/archives/lock", .keep),
    ("var/cache/apt/pkgcache.bin", .drop), ("var/cache/debconf/config.dat-old", .drop),
    ("var/cache/debconf/config.dat", .keep), ("var/lib/dpkg/status-old", .drop),
    ("var/lib/dpkg/status", .keep),
    ("var/lib/dpkg/info/x-old", .keep), ("var/lib/apt/lists/x_InRelease", .drop),
    ("var/lib/apt/lists/lock", .keep),
    ("var/lib/apt/lists/partial", .keep), ("etc/machine-id", .emptyContent), ("run/lock", .keep),
    ("run/mount", .drop), ("tmp/x", .drop), ("tmp", .keep), ("etc/passwd-", .keep),
  ])
  func `debootstrap's leftovers go`(_ path: String, _ expected: Normaliser.Action) throws {
    #expect(try action(.debootstrap(epoch: 100), path) == expected)
  }

  @Test(arguments: [
    ("var/cache/debconf/templates.dat-old", Normaliser.Action.drop), ("var/lib/dpkg/diversions-old", .drop),
    ("var/log/dpkg.log", .keep), ("etc/machine-id", .keep), ("etc/hostname", .keep), ("run/x", .keep),
  ])
  func `of mmdebstrap's only backups go`(_ path: String, _ expected: Normaliser.Action) throws {
    #expect(try action(.mmdebstrap(epoch: 100), path) == expected)
  }

  @Test func `times after the epoch become the epoch`() throws {
    for (before, after) in [
      (Timestamp(seconds: 99, nanoseconds: 5), Timestamp(seconds: 99, nanoseconds: 5)),
      (Timestamp(seconds: 100), Timestamp(seconds: 100)),
      (Timestamp(seconds: 100, nanoseconds: 1), Timestamp(seconds: 100)),
      (Timestamp(seconds: 101), Timestamp(seconds: 100)),
    ] {
      var entry = Entry(try EntryPath("a"), .file)
      entry.modified = before
      #expect(Normaliser.mmdebstrap(epoch: 100).normalise(&entry) == .keep)
      #expect(entry.modified == after)
    }
  }

  @Test func `labels of the host go, capabilities stay`() throws {
    var entry = Entry(try EntryPath("usr/bin/ping"), .file)
    let capability = ExtendedAttribute(name: Array("security.capability".utf8), value: [1])
    entry.attributes = [capability, ExtendedAttribute(name: Array("security.selinux".utf8), value: [2])]
    #expect(Normaliser.mmdebstrap(epoch: 0).normalise(&entry) == .keep)
    #expect(entry.attributes == [capability])
  }
}
