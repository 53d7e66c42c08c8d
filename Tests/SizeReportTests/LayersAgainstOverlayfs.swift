import Archive
import Posix
import Rootfs
import SizeReport
import SystemPackage
import TestSupport
import Testing

/// Our view of layers, in the words of `OverlayOracle`.
private func view(of folder: FilePath) throws -> OverlayOracle.Truth {
  var layers: [ReportedLayer] = []
  while case let path = folder.appending("\(layers.count).tar"), let bytes = try? readBytes(path) {
    layers.append(ReportedLayer(tar: bytes))
  }
  let report = try ImageReport(of: layers)
  var truth = OverlayOracle.Truth()
  for layer in report.layers {
    let changes = layer.changes
    func amount(_ amount: LayerChanges.Amount) -> String { "\(amount.paths) \(amount.bytes)" }
    truth.lines.append(
      "layer entries \(changes.entries) whiteouts \(changes.whiteouts) files \(changes.files) "
        + "bytes \(changes.bytes) added \(amount(changes.added)) changed \(amount(changes.changed)) "
        + "removed \(amount(changes.removed)) wasted \(layer.wasted)")
  }
  truth.lines.append("bytes \(report.totals.bytes)")
  var paths: UInt64 = 0
  let stack = report.stack
  stack.walk { node in
    if node == stack.root { return }
    paths += 1
    let file = stack.file(at: node).map { stack[$0] }
    let kind =
      switch file?.kind {
      case .file: "f"
      case .symlink: "l"
      case .fifo: "p"
      default: "d"
      }
    truth.lines.append("\(stack.path(of: node)) \(kind) \(file?.size ?? 0)")
  }
  // What must hold besides.
  #expect(report.totals.paths == paths)
  #expect(report.totals.bytes + report.totals.wasted == report.totals.storedBytes)
  for grouping in Grouping.allCases {
    #expect(report.shares(by: grouping).reduce(0) { $0 + $1.bytes } == report.totals.bytes)
  }
  #expect(report.mostWasted(.max).reduce(0) { $0 + $1.bytes } == report.totals.wasted)
  #expect(report.bytes(inDirectory: .root) == report.totals.bytes)
  return truth
}

@Suite("Layers on layers, against the kernel's overlayfs (needs root)")
struct LayersAgainstOverlayfs {
  @Test("Random layers", arguments: 0..<5)
  func random(part: Int) throws {
    let folder = try TemporaryDirectory()
    let seeds = (part * 30)..<(part * 30 + 30)
    let truths = try OverlayOracle.random(seeds: seeds, in: folder.path)
    #expect(truths.count == seeds.count)
    for (seed, truth) in zip(seeds, truths) {
      let ours = try view(of: folder.appending("\(seed)"))
      #expect(ours.lines == truth.lines, "seed \(seed)")
    }
  }

  @Test("What other tools get wrong", arguments: layerCases)
  func known(_ item: LayerCase) throws {
    let folder = try TemporaryDirectory()
    for (index, layer) in item.layers.enumerated() {
      var tar = HandmadeTar()
      for (number, entry) in layer.enumerated() { tar.add(entry, size: 100 * (index + 1) + number + 1) }
      try folder.write("\(index).tar", tar.finished)
    }
    let truth = try #require(try OverlayOracle.truths(of: [folder.path]).first)
    #expect(try view(of: folder.path).lines == truth.lines)
    if let tree = item.tree {
      let tail = truth.lines.drop { !$0.hasPrefix("bytes ") }.dropFirst()
      #expect(tail.map { $0 } == tree)
    }
  }
}
