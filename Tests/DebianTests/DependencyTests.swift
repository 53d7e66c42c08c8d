import Debian
import Testing

@Suite("Dependency fields")
struct DependencyTests {
  @Test(
    "Fields come out as they went in, evenly spaced",
    arguments: [
      ("a", "a"), ("a,b", "a, b"), (" a | b (>= 1:2-3~) , c", "a | b (>= 1:2-3~), c"),
      ("libc6:any (<< 2), d", "libc6:any (<< 2), d"),
      ("gcc:native | clang:amd64", "gcc:native | clang:amd64"),
      (
        "a [amd64 arm64] <!nocheck> <stage1 cross>, b [!i386]",
        "a [amd64 arm64] <!nocheck> <stage1 cross>, b [!i386]"
      ),
      ("a (= 1)\n , b\n", "a (= 1), b"), ("a (> 1), b (< 2)", "a (>= 1), b (<= 2)"), ("a,", "a"), ("", ""),
    ])
  func parse(_ field: String, _ expected: String) throws {
    #expect(try Dependency.parse(field).map(\.description).joined(separator: ", ") == expected)
  }

  @Test(
    "What is no dependency is refused",
    arguments: [
      "a b", "a (1)", "a (>= )", "a (>= 1", "| a", "a |", "a [", "a []", "a:", "(>= 1)", "a (=> 1)",
    ])
  func refuse(_ field: String) {
    #expect(throws: DependencyError.self) { try Dependency.parse(field) }
  }

  @Test("Restrictions on architectures and build profiles")
  func restrictions() throws {
    func applies(_ field: String, profiles: Set<String> = []) throws -> Bool {
      try Dependency.parse(field)[0].alternatives[0].applies(to: "amd64", profiles: profiles)
    }
    for field in [
      "a", "a [amd64]", "a [i386 amd64]", "a [!i386]", "a [linux-any]", "a [any]", "a <!nocheck>",
    ] {
      #expect(try applies(field), "\(field)")
    }
    for field in ["a [i386]", "a [!amd64]", "a [!i386 !amd64]", "a <nocheck>", "a [!linux-any]"] {
      #expect(try !applies(field), "\(field)")
    }
    #expect(try applies("a <nocheck cross> <stage1>", profiles: ["stage1"]))
    #expect(try !applies("a <nocheck cross>", profiles: ["cross"]))
  }

  @Test("Versions that a relation accepts")
  func versions() throws {
    func accepts(_ field: String, _ version: String) throws -> Bool {
      try Dependency.parse(field)[0].alternatives[0].accepts(PackageVersion(version))
    }
    #expect(try accepts("a", "1"))
    for (relation, holds) in [
      ("<<", [true, false, false]), ("<=", [true, true, false]), ("=", [false, true, false]),
      (">=", [false, true, true]), (">>", [false, false, true]),
    ] {
      for (version, expected) in zip(["1", "2", "3"], holds) {
        #expect(try accepts("a (\(relation) 2)", version) == expected, "\(version) \(relation) 2")
      }
    }
  }
}
