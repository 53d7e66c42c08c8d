import Debian
import Posix
import SystemPackage
import TestSupport
import Testing

/// The real archive, from the machine's mirror: what apt's own library chooses, package for package.
@Suite("Packages of trixie, resolved as apt does")
struct TrixieSampleTests {
  private static let count = 40

  @Test("A sample of packages by a seed: the same sets, and literally those of apt-get for some")
  func sample() throws {
    let signed = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    let oracle = try AptOracle(sources: ["deb \(signed) \(try mirror()) trixie main"])
    let settings = oracle.settings
    let index = try oracle.indexes()
    try #require(index.count == 1)

    let names = try Tool.check("sed", ["-n", "s/^Package: //p", index[0]]).text.split(separator: "\n")
    #expect(names.count > 60_000)
    var state: UInt64 = 20_251_124
    var chosen: [String] = ["systemd-sysv", "nginx", "postgresql", "openjdk-21-jre-headless"]
    while chosen.count < Self.count {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      chosen.append(String(names[Int(state >> 33) % names.count]))
    }
    // Several at once meet in conflicts.
    chosen += (0..<5).map { chosen[($0 * 7 + 4)..<($0 * 7 + 7)].joined(separator: " ") }
    let input = Array((chosen.joined(separator: "\n") + "\n").utf8)
    let project = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
    let script = project.appending("Benchmarks/Resolver/apt-sets")
    let apt = try Tool.check(script.string, [], input: input, environment: settings).text
      .split(separator: "\n")
    let fixture = try builtProgram("resolve-fixture")
    let own = try Tool.check(fixture.string, ["amd64", index[0]], input: input).text.split(separator: "\n")
    #expect(own.count == chosen.count)
    #expect(apt.count == chosen.count)
    for (one, other) in zip(apt, own) { #expect(one == other) }

    for request in [chosen[0], chosen[5]] {
      let set = try #require(try oracle.install([request]))
      let line = try #require(own.first { $0.hasPrefix(request + "\t") })
      #expect(set.joined(separator: " ") == line.dropFirst(request.utf8.count + 1))
    }
  }

  /// The mirror that this machine takes Debian from.
  private func mirror() throws -> String {
    let uris = try Tool.check(
      "sh", ["-c", "apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | sort -u"]
    ).text.split(separator: "\n")
    return String(try #require(uris.first { $0.hasSuffix("/debian") || $0.hasSuffix("/debian/") }))
  }
}
