import Posix
import SystemPackage
import TestSupport
import Testing

@Suite("Squashed layers, against the kernel's overlayfs (needs root)")
struct SquashAgainstOverlayfs {
  /// The seeds of `make test`, or `FIRST-LAST` of `$GARBOARD_FUZZ_SEEDS`, which `make fuzz` sets.
  static let seeds: [Range<Int>] = {
    var first = 0
    var end = 60
    if let given = FuzzSeeds.given { (first, end) = given }
    return stride(from: first, to: end, by: 20).map { $0..<min($0 + 20, end) }
  }()

  @Test("Random layers", arguments: seeds)
  func random(_ seeds: Range<Int>) throws {
    let isFuzzing = FuzzSeeds.given != nil
    let truth = try SquashTruth.random(seeds, isFuzzing ? .every : .some)
    #expect(truth.differences == [])
    #expect(try truth.names().count == seeds.count)
    #expect(truth.compared > seeds.count)
    // Other tools take their time.
    if isFuzzing {
      try ForeignTools.expect(truth, podman: truth.names())
    } else if seeds.lowerBound == 0 {
      try ForeignTools.expect(truth, podman: ["seed-3", "seed-7"])
    }
  }

  @Test("What other tools get wrong, and hard metadata; umoci sees the same, and podman in a part of them")
  func known() throws {
    let truth = try SquashTruth.known(FuzzSeeds.given == nil ? .some : .every)
    #expect(truth.differences == [])
    let names = try truth.names()
    #expect(names.count >= layerCases.count + 37)
    #expect(truth.compared > names.count)
    for (number, item) in layerCases.enumerated() {
      guard let expected = item.tree else { continue }
      let lines = try truth.tree(of: "shape-\(number)").lines.filter { $0.path != "." }
      #expect(lines.map(\.path) == expected.map { String($0.split(separator: " ")[0]) }, "\(item)")
    }
    // podman gives what it makes in a directory with a default ACL that ACL, whatever the layer says.
    let part = names.filter { $0 != "ACLs" }.enumerated().filter {
      FuzzSeeds.given != nil || $0.offset % 5 == 0
    }.map(\.element)
    try ForeignTools.expect(truth, podman: part)
  }
}
