import Posix
import SystemPackage
import TestSupport
import Testing

@Suite("garboard-squash: damaged images, full disks, signals (needs root)")
struct SquashDamage {
  private func run(_ script: String, _ arguments: [String]) throws -> [String] {
    for tool in ["python3", "skopeo", "zstd", "tar", "strace"] { _ = try Tool.find(tool) }
    let folder = try TemporaryDirectory()
    let text = try Tool.check(
      "unshare",
      [
        "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "python3", "-I", "-c",
        layerTruthScript + imageLayoutScript + script, try productsDirectory().string, folder.path.string,
      ] + arguments
    ).text
    return text.split(separator: "\n").map(String.init)
  }

  @Test("No flipped bit and no cut passes unnoticed")
  func damage() throws {
    let count = FuzzSeeds.given.map { _ in 2000 } ?? 60
    let seed = FuzzSeeds.given?.first ?? 1
    let lines = try run(damageScript, ["\(seed)", "\(count)"])
    #expect(lines.dropLast() == [])
    let words = try #require(lines.last).split(separator: " ")
    #expect(try #require(Int(words[1])) > 3 * count, "too little was refused: \(lines)")
  }

  @Test("Full disks, and signals at many places, leave everything whole")
  func interruptions() throws {
    let lines = try run(interruptionScript, [])
    #expect(lines.dropLast() == [])
    let words = try #require(lines.last).split(separator: " ").map(String.init)
    let counts = Dictionary(
      uniqueKeysWithValues: stride(from: 0, to: words.count - 1, by: 2).map {
        (words[$0], Int(words[$0 + 1]))
      })
    #expect(try #require(counts["KILL"] ?? nil) >= 20, "\(lines)")
    #expect(try #require(counts["TERM"] ?? nil) >= 10, "\(lines)")
    #expect(counts["full"] == 18)
  }
}
