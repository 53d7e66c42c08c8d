import Debian
import Posix
import SystemPackage
import TestSupport
import Testing

/// One package of a hand-made universe: `name version: fields`, fields divided by semicolons.
func universe(_ lines: [String]) -> String {
  lines.map { line in
    let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let words = parts[0].split(separator: " ")
    let fields =
      parts.count > 1
      ? parts[1].split(separator: ";").map { $0.drop { $0 == " " } + "\n" }.joined() : ""
    return PackageIndexTests.stanza(
      String(words[0]), String(fields), version: words.count > 1 ? String(words[1]) : "1",
      architecture: "amd64")
  }.joined()
}

/// What we would install; nil and the reason when there is no such set.
func resolve(_ text: String, _ words: [String]) throws -> (set: [String]?, reason: String) {
  let release = try ReleaseFile(Array("Suite: test\nCodename: test\n".utf8), file: "Release")
  let source = PackagePool.Source(index: try PackageIndexTests.index(text), release: release, suite: "test")
  do throws(SolverError) {
    let solver = PackageSolver(PackagePool([source], architecture: "amd64"))
    var versions: [Int] = []
    for word in words { versions += try solver.pool.find(word) }
    try solver.install(versions)
    return (try solver.choices().map { "\($0.record.name)=\($0.record.version.text)" }.sorted(), "")
  } catch {
    return (nil, "\(error)")
  }
}

@Suite("Choosing packages")
struct SolverTests {
  @Test(
    "The same as apt chooses, or nothing where it finds nothing",
    arguments: [
      (["a: Depends: b, c", "b: Pre-Depends: d", "c", "d", "e"], ["a"]),
      (["a: Depends: b | c", "b: Depends: missing", "c"], ["a"]),
      (["a: Depends: b (>= 2) | c", "b 1", "c"], ["a"]),
      (["a: Depends: b", "b 1", "b 2", "b 1.5"], ["a"]),
      (["a: Depends: virtual", "b: Provides: virtual", "c: Provides: virtual"], ["a"]),
      (
        [
          "a: Depends: virtual", "b: Provides: virtual; Priority: optional",
          "c: Provides: virtual; Priority: standard",
        ], ["a"]
      ),
      (
        [
          "a: Depends: virtual (>= 2)", "b: Provides: virtual (= 1)", "c: Provides: virtual (= 3)",
          "d: Provides: virtual",
        ], ["a"]
      ),
      (["a: Depends: real", "b: Provides: real; Priority: required", "real"], ["a"]),
      (["z: Depends: c", "a: Depends: virtual", "c: Provides: virtual", "b: Provides: virtual"], ["a"]),
      (["a: Depends: b, c", "b: Conflicts: c", "c"], ["a"]),
      (["a: Depends: b, c | d", "b: Conflicts: c", "c", "d"], ["a"]),
      (["a: Depends: c | d, b", "b: Conflicts: c", "c", "d"], ["a"]),
      (["a: Depends: b, c", "b: Breaks: c (<< 2)", "c 1"], ["a"]),
      (["a: Depends: b, c", "b: Breaks: c (<< 2)", "c 1", "c 2"], ["a"]),
      (["a: Provides: v; Conflicts: v", "b: Provides: v; Conflicts: v"], ["a"]),
      (["a: Provides: v; Conflicts: v", "b: Provides: v; Conflicts: v"], ["a", "b"]),
      (["a: Depends: b", "b: Depends: a"], ["a"]),
      (["a: Depends: python:any", "python: Multi-Arch: allowed"], ["a"]),
      (["a: Depends: python:any", "python: Multi-Arch: no"], ["a"]),
      (["a: Depends: b; Recommends: c", "b", "c"], ["a"]),
      (["a: Depends: virtual", "b: Provides: virtual; Depends: missing", "c: Provides: virtual"], ["a"]),
      (["a: Depends: b", "b: Depends: c", "c: Depends: d (= 2)", "d 1"], ["a"]),
      (["a: Depends: e | b", "b", "e: Essential: yes; Depends: f", "f"], ["a"]),
      (["a: Depends: v", "x: Provides: v", "y: Provides: v; Important: yes"], ["a"]),
      (["a: Depends: b", "b: Depends: c | d", "c: Conflicts: a", "d"], ["a"]),
      (["a", "b: Conflicts: a"], ["a", "b"]),
      (["a 1", "a 2", "b: Depends: a (= 1)"], ["b"]),
      (["a 1", "a 2", "b: Depends: a"], ["a=1", "b"]),
      (["v1: Provides: v", "a: Depends: b"], ["v"]),
      (["v1: Provides: v", "v2: Provides: v"], ["v"]),
      (["a: Depends: b, d", "b: Depends: c1 | c2", "c1", "c2", "d: Breaks: c1"], ["a"]),
    ])
  func likeApt(_ lines: [String], _ words: [String]) throws {
    let text = universe(lines)
    let apt = try AptOracle(packages: text).install(words)
    let own = try resolve(text, words)
    // Where apt gives up and there is a set all the same, a sound one is no fault.
    if apt == nil, let set = own.set {
      try expectSound(text, set)
    } else {
      #expect(own.set == apt, "\(own.reason)")
    }
  }

  /// That apt takes exactly these packages without changing anything.
  private func expectSound(_ text: String, _ set: [String]) throws {
    #expect(try AptOracle(packages: text).install(set) == set)
  }

  @Test(
    "An impossible request says which chain fails",
    arguments: [
      (
        ["a: Depends: b", "b: Depends: c (>= 2)", "c 1"], "a",
        "a 1 depends on b, which depends on c (>= 2), but the sources have c 1"
      ),
      (
        ["a: Depends: b", "b: Pre-Depends: nowhere"], "a",
        "a 1 depends on b, which pre-depends on nowhere, but no source has nowhere"
      ),
      (
        ["a: Depends: v (>= 2)", "b: Provides: v (= 1)"], "a",
        "a 1 depends on v (>= 2), but b 1 provides it as 1"
      ),
      (
        ["a: Depends: b, c", "b: Conflicts: c", "c"], "a",
        "a 1 depends on b, which conflicts with c, but a depends on c"
      ),
      (["b"], "a", "no source has a package a"),
      (["a 1", "a 3"], "a=2", "no source has version 2 of a, only 3, 1"),
      (["a"], "a/other", "the suite other has no package a"),
      (
        ["x: Provides: v", "y: Provides: v"], "v",
        "v is no package of its own: name one that provides it (x, y)"
      ),
      (["a"], "a:armhf", "a:armhf is of another architecture than the system"),
      (["a"], "?priority(required)", "no package matches ?priority(required)"),
      (["a"], "?frob(x)", "?frob is not supported"),
      (["a"], "games^", "no package matches games^"),
    ])
  func reasons(_ lines: [String], _ word: String, _ reason: String) throws {
    let own = try resolve(universe(lines), [word])
    #expect(own.set == nil)
    #expect(own.reason.contains(reason), "\(own.reason)")
  }

  @Test(
    "Patterns and tasks match what apt matches",
    arguments: [
      "?essential", "~E", "?priority(standard)", "~pstandard", "?or(?essential,?priority(standard))",
      "?and(?priority(required),?not(?essential))", "~prequired|~pstandard", "~prequired !~E", "?name(^c)",
      "~n^c",
      "?exact-name(b)", "?section(net)", "?narrow(?or(?archive(^test$),?codename(^x$)),?priority(required))",
      "?architecture(amd64)", "?version(^2)", "play^",
    ])
  func patterns(_ pattern: String) throws {
    let text = universe([
      "a: Essential: yes; Priority: required", "b: Priority: required; Section: net",
      "c 2: Priority: standard",
      "cc: Priority: optional; Task: play, work", "d: Task: work", "a 0",
    ])
    let own = try resolve(text, [pattern])
    // apt counts itself as essential; here it is told not to.
    #expect(
      own.set == (try AptOracle(packages: text).install(["-opkgCacheGen::ForceEssential=,", pattern])),
      "\(own.reason)")
  }
}
