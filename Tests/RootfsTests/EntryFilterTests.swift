import Archive
import Rootfs
import Testing

@Suite struct EntryFilterTests {
  private func filter(_ rules: [String]) throws -> EntryFilter {
    var filter = EntryFilter()
    filter.rules = try rules.map { rule in
      EntryFilter.Rule(rule.first == "-" ? .exclude : .include, try Glob(String(rule.dropFirst())))
    }
    return filter
  }

  /// A `/` at the end of a path says that it is a directory.
  private func verdicts(_ rules: [String], _ paths: [String]) throws -> [EntryFilter.Verdict] {
    let filter = try filter(rules)
    return try paths.map { try filter.verdict(EntryPath($0), $0.hasSuffix("/") ? .directory : .file) }
  }

  @Test func whatNoRuleMatchesStays() throws {
    #expect(try verdicts([], ["/", "a/", "a/b"]) == [.keep, .keep, .keep])
    #expect(try verdicts(["-x"], ["/", "a/", "a/b"]) == [.keep, .keep, .keep])
  }

  @Test func aDirectoryTakesAllBelowWithIt() throws {
    let paths = ["a/", "a/b/", "a/b/c", "ab", "x/a/c"]
    #expect(try verdicts(["-/a"], paths) == [.drop, .drop, .drop, .keep, .keep])
    #expect(try verdicts(["-a/"], paths) == [.drop, .drop, .drop, .keep, .drop])
  }

  @Test func theRootStays() throws {
    #expect(try verdicts(["-**"], ["/", "a/", "a"]) == [.keep, .drop, .drop])
  }

  @Test func theLastRuleDecides() throws {
    #expect(try verdicts(["-*.c", "+x.c", "-/a/x.c"], ["y.c", "x.c", "a/x.c"]) == [.drop, .keep, .drop])
  }

  @Test func whatIsIncludedAgainNeedsItsParents() throws {
    let rules = ["-/usr/share/doc", "+/usr/share/doc/*/copyright"]
    #expect(
      try verdicts(
        rules,
        [
          "usr/", "usr/share/", "usr/share/doc/", "usr/share/doc/x/", "usr/share/doc/x/copyright",
          "usr/share/doc/x/README", "usr/share/doc/x/y/", "usr/share/doc/README",
        ]) == [.keep, .keep, .keepForChildren, .keepForChildren, .keep, .drop, .drop, .drop])
    // An include at any depth may match anywhere; one that a later exclude overrides, nowhere.
    #expect(
      try verdicts(["-/a", "+*.h"], ["a/", "a/b/", "a/b/x.h"]) == [.keepForChildren, .keepForChildren, .keep])
    #expect(try verdicts(["+*.h", "-/a"], ["a/", "a/b/", "a/b/x.h"]) == [.drop, .drop, .drop])
  }

  @Test func aSlimImage() throws {
    // Like dpkg's path-exclude and path-include in Debian's slim images.
    let rules = ["-/usr/share/locale/*", "+/usr/share/locale/locale.alias", "-/usr/share/man/**"]
    #expect(
      try verdicts(
        rules,
        ["usr/share/locale/", "usr/share/locale/de/", "usr/share/locale/locale.alias", "usr/share/man/"])
        == [.keep, .drop, .keep, .keep])
  }

  @Test func metadata() throws {
    var filter = EntryFilter()
    filter.owners = OwnerMap(
      users: .ranges([.init(from: 0, to: 100_000, count: 10), .init(from: 1000, to: 0, count: 1)]),
      groups: .all(5))
    filter.latest = Timestamp(seconds: 100)
    var entry = Entry(try EntryPath("a"), .file)
    entry.user = 9
    entry.group = 5
    entry.userName = [1]
    entry.groupName = [2]
    entry.modified = Timestamp(seconds: 100, nanoseconds: 1)
    entry.attributes = ["security.capability", "security.selinux", "user.x"].map {
      ExtendedAttribute(name: Array($0.utf8), value: [1])
    }
    #expect(filter.apply(&entry))
    #expect(entry.user == 100_009)
    #expect(entry.group == 5)
    #expect(entry.userName == [])
    #expect(entry.groupName == [2])
    #expect(entry.modified == Timestamp(seconds: 100))
    #expect(
      entry.attributes.map { String(decoding: $0.name, as: UTF8.self) } == ["security.capability", "user.x"])
    filter.dropsNames = true
    entry.modified = Timestamp(seconds: 99, nanoseconds: 999_999_999)
    #expect(filter.apply(&entry))
    #expect(entry.groupName == [])
    #expect(entry.modified == Timestamp(seconds: 99, nanoseconds: 999_999_999))
  }

  @Test func rangesEndWhereTheyEnd() {
    func mapped(_ number: UInt32, _ range: OwnerMap.Range) -> UInt32 {
      var entry = Entry(.root, .directory)
      entry.user = number
      OwnerMap(users: .ranges([range])).apply(&entry)
      return entry.user
    }
    let range = OwnerMap.Range(from: 10, to: 20, count: 2)
    #expect([9, 10, 11, 12].map { mapped($0, range) } == [9, 20, 21, 12])
    // Past the largest number there is nothing.
    #expect(mapped(.max, OwnerMap.Range(from: .max - 1, to: .max, count: 2)) == .max)
  }
}
