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
    let folder = try TemporaryDirectory()
    for name in ["state/lists/partial", "cache/archives/partial", "etc"] {
      try makeDirectories(folder.appending(name))
    }
    try folder.write("status", "")
    let mirror = try mirror()
    let signed = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    try folder.write("sources", "deb \(signed) \(mirror) trixie main\n")
    try folder.write("apt.conf", AptOracle.configuration(folder.path, sources: folder.appending("sources")))
    let settings = ["APT_CONFIG=\(folder.appending("apt.conf"))"]
    try Tool.check("chmod", ["-R", "a+rX", folder.path.string])
    try Tool.check("apt-get", ["-q", "update"], environment: settings)
    let lists = folder.appending("state/lists").string
    let index = try Tool.check("find", [lists, "-name", "*_Packages"]).text.split(separator: "\n").map(
      String.init)
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
      let result = try Tool.check("apt-get", ["-s", "-y", "install", request], environment: settings)
      let set = result.text.split(separator: "\n").filter { $0.hasPrefix("Inst ") }.map { line in
        let words = line.split(separator: " ")
        return "\(words[1])=\(words[2].drop { $0 == "(" })"
      }
      let line = try #require(own.first { $0.hasPrefix(request + "\t") })
      #expect(set.sorted().joined(separator: " ") == line.dropFirst(request.utf8.count + 1))
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
