@testable import Bootstrap

import Posix
import SystemPackage
import TestSupport
import Testing

/// In which order packages are unpacked and configured, against apt.
@Suite("The order of installation is apt's")
struct InstallationOrderTests {
  /// Numbers by a seed.
  private struct Dice {
    var state: UInt64

    mutating func roll(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
  }

  /// What we would do, in apt's words.
  private func steps(_ paragraphs: [String]) throws -> [String] {
    let packages = try paragraphs.map { try PackageControl(Array($0.utf8), files: [], file: "test") }
    let steps = ConfigureRounds.rounds(of: packages, after: []).flatMap { round in
      round.unpacked.map { "Inst " + packages[$0].name }
        + round.configured.map { "Conf " + packages[$0].name }
    }
    let end = steps.lastIndex { $0.hasPrefix("Inst ") }.map { $0 + 1 } ?? 0
    return Array(steps[..<end])
  }

  private func name(_ number: Int) -> String { number < 10 ? "p0\(number)" : "p\(number)" }

  /// Packages that need each other by alternatives and by what others provide, here and there in circles.
  private func universe(_ seed: UInt64) -> [String] {
    var dice = Dice(state: seed)
    let count = 40
    func need(_ dice: inout Dice, below limit: Int, provided: Bool) -> String {
      let alternatives = (0...(dice.roll(3) / 2)).map { _ in
        let number = limit == count ? 30 + dice.roll(10) : dice.roll(limit)
        switch dice.roll(6) {
        case 0 where provided: return "v\(number % 6)"
        case 1: return "\(name(number)) (>= 1)"
        case 2: return "\(name(number)):any"
        default: return name(number)
        }
      }
      return alternatives.joined(separator: " | ")
    }
    return (0..<count).map { index in
      var text = "Package: \(name(index))\nVersion: 1\nArchitecture: amd64\nMulti-Arch: allowed\n"
      text += "Priority: \(["required", "important", "standard", "optional", "extra"][dice.roll(5)])\n"
      if index < 6 || dice.roll(3) == 0 { text += "Provides: v\(index % 6)\n" }
      text += "Filename: p\(index).deb\nSize: 1\nSHA256: \(digest)\n"
      if dice.roll(20) == 0 { text += "Essential: yes\n" }
      if index > 0, dice.roll(4) == 0 {
        text += "Pre-Depends: \(need(&dice, below: index, provided: false))\n"
      }
      let depends = (0..<(index == 0 ? 0 : dice.roll(4))).map { _ in
        need(&dice, below: dice.roll(12) == 0 && index < 30 ? count : index, provided: index > 8)
      }
      if !depends.isEmpty { text += "Depends: \(depends.joined(separator: ", "))\n" }
      return text + "Description: one\n"
    }
  }

  /// Where two lists begin to differ.
  private func difference(_ ours: [String], _ theirs: [String]) -> String {
    let place = zip(ours, theirs).enumerated().first { $1.0 != $1.1 }?.offset ?? min(ours.count, theirs.count)
    return
      "at \(place): \(ours.dropFirst(place - 3).prefix(12)), by apt \(theirs.dropFirst(place - 3).prefix(12))"
  }

  private var digest: String { String(repeating: "0", count: 64) }

  @Test("In universes made by a seed")
  func universes() throws {
    var compared = 0
    var rounds = 0
    for seed in 0..<24 as Range<UInt64> {
      let paragraphs = universe(seed)
      let oracle = try AptOracle(packages: paragraphs.joined(separator: "\n"))
      guard let theirs = try oracle.steps((0..<40).map(name)) else { continue }
      let ours = try steps(paragraphs)
      #expect(ours == theirs, "seed \(seed), \(difference(ours, theirs))")
      compared += 1
      if theirs.contains(where: { $0.hasPrefix("Conf ") }) { rounds += 1 }
    }
    #expect(compared >= 12)
    #expect(rounds >= 6)
  }

  @Test("Of packages of trixie, with all they need")
  func trixie() throws {
    let uris = try Tool.check(
      "sh", ["-c", "apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | sort -u"]
    ).text.split(separator: "\n")
    let mirror = try #require(uris.first { $0.hasSuffix("/debian") || $0.hasSuffix("/debian/") })
    let signed = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    let oracle = try AptOracle(sources: ["deb \(signed) \(mirror) trixie main"])
    for request in [
      ["systemd-sysv", "openssh-server"], ["texlive-base"], ["mariadb-server", "php-cli", "apache2"],
      ["build-essential", "git", "man-db", "udev", "procps"],
      ["xserver-xorg-core", "network-manager", "samba"],
      ["openjdk-21-jre-headless", "postfix", "cron", "rsyslog"], ["?essential", "bash-completion"],
    ] {
      let theirs = try #require(try oracle.steps(request))
      let names = theirs.filter { $0.hasPrefix("Inst ") }.map { String($0.dropFirst(5)) }
      #expect(names.count > 10)
      let ours = try steps(try oracle.paragraphs(names))
      #expect(ours == theirs, "\(request), \(difference(ours, theirs))")
    }
  }
}
