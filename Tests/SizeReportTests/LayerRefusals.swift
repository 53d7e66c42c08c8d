import Archive
import Digest
import Image
import OCI
import Posix
import Rootfs
import SizeReport
import SystemPackage
import TestSupport
import Testing

@Suite("Layers that are refused")
struct LayerRefusals {
  private func error(_ layers: [[String]]) -> String? {
    let layers = layers.enumerated().map { ReportedLayer(tar: HandmadeTar($1, layer: $0).finished) }
    do {
      _ = try ImageReport(of: layers)
      return nil
    } catch {
      // The digest in it depends on the bytes of the test's archive.
      let text = "\(error)"
      return text.split(separator: ": ", maxSplits: 1).last.map(String.init) ?? text
    }
  }

  @Test(
    "Whiteouts of nothing that can be named",
    arguments: [".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", "d/.wh..."])
  func badWhiteouts(_ name: String) {
    #expect(error([["d/x", name]]) == "\"\(name)\" is a whiteout that names no file")
  }

  @Test("Entries below a whiteout or a marker")
  func belowWhiteout() {
    #expect(error([[".wh.d/x"]]) == "entry \".wh.d/x\" is below a whiteout")
    #expect(error([["d/.wh..wh..opq/x"]]) == "entry \"d/.wh..wh..opq/x\" is below a whiteout")
  }

  @Test("Entries below a file or a symlink of the same layer")
  func belowFile() {
    #expect(error([["d", "d/x"]]) == "entry \"d\" is below \"d\", which is not a directory")
    #expect(error([["d -> e", "d/.wh.x"]]) == "entry \"d\" is below \"d\", which is not a directory")
  }

  @Test("Hardlinks to nothing, to a directory, and in a circle")
  func hardlinks() {
    #expect(error([["a => b"]]) == "\"a\" is a hardlink to \"b\", which is not in the archive")
    #expect(error([["b"], [".wh.b"], ["a => b"]]) != nil)
    #expect(error([["d/"], ["a => d"]]) == "\"a\" is a hardlink to the directory \"d\"")
    #expect(error([["d/x"], ["a => d"]]) == "\"a\" is a hardlink to the directory \"d\"")
    #expect(error([["d/", "a => d"]]) == "\"a\" is a hardlink to the directory \"d\"")
    #expect(error([["a => b", "b => a"]]) != nil)
    #expect(error([["a => b", "b => c", "c => a"]]) != nil)
  }

  @Test("A hardlink whose target comes later is none of those")
  func laterTarget() throws {
    let tar = HandmadeTar(["c => b", "b => a", "a"]).finished
    let report = try ImageReport(of: [ReportedLayer(tar: tar)])
    #expect(report.totals.bytes == 103)
    #expect(report.largestFiles(9).map(\.names) == [3])
    #expect(report.layers[0].changes.added.paths == 3)
  }

  @Test("A diff ID that is not that of the bytes")
  func diffID() throws {
    let tar = HandmadeTar(["a"]).finished
    let other = SHA256.digest([])
    let error = #expect(throws: LayerReadingError.self) {
      try ImageReport(of: [ReportedLayer(tar: tar), ReportedLayer(tar: tar, diffID: other)])
    }
    #expect(error?.reason == .diffID(expected: other, found: SHA256.digest(tar)))
    #expect(error?.layer == 2)
  }

  @Test("Bytes after the archive's end count for the diff ID and the size")
  func trailing() throws {
    let tar = HandmadeTar(["a"]).finished + [UInt8](repeating: 0, count: 8192)
    let report = try ImageReport(of: [ReportedLayer(tar: tar)])
    #expect(report.layers[0].uncompressedSize == UInt64(tar.count))
  }

  @Test("A layer of no bytes at all is an empty one")
  func noBytes() throws {
    let report = try ImageReport(of: [
      ReportedLayer(tar: []), ReportedLayer(tar: HandmadeTar(["a"]).finished),
    ])
    #expect(report.layers.map(\.changes.entries) == [0, 1])
  }

  @Test("A layer that ends with its last file's data is whole: umoci 0.4.7 writes such")
  func unfilledBlock() throws {
    let tar = HandmadeTar(["aaa"]).finished.prefix(512 + 101)
    let report = try ImageReport(of: [ReportedLayer(tar: Array(tar))])
    #expect(report.layers[0].changes.bytes == 101)
  }

  @Test("Truncated and strange layers are errors that name the layer", arguments: [100, 512, 600, 1030])
  func truncated(_ count: Int) {
    let tar = HandmadeTar(["aaa", "b/c"]).finished
    let error = #expect(throws: LayerReadingError.self) {
      try ImageReport(of: [ReportedLayer(tar: []), ReportedLayer(tar: Array(tar.prefix(count)))])
    }
    #expect(error?.layer == 2)
  }
}
