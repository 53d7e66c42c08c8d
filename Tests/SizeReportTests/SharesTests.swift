import Archive
import SizeReport
import TestSupport
import Testing

@Suite("Shares")
struct SharesTests {
  private func report(_ layers: [[String]]) throws -> ImageReport {
    try ImageReport(of: layers.enumerated().map { ReportedLayer(tar: HandmadeTar($1, layer: $0).finished) })
  }

  private func text(_ shares: [Share]) -> [String] { shares.map { "\($0.name) \($0.files) \($0.bytes)" } }

  @Test("By directory to a depth, each byte once")
  func directories() throws {
    let report = try report([["top", "a/x", "a/b/y", "a/b/c/z", "a/b/c/d/w", "a/b/h => top"]])
    #expect(text(report.shares(by: .directory, depth: 0)) == [". 5 515"])
    #expect(text(report.shares(by: .directory, depth: 1)) == ["a 5 515"])
    // The hardlink's first name in tree order has the bytes.
    #expect(text(report.shares(by: .directory, depth: 2)) == ["a/b 4 413", "a 1 102"])
    #expect(report.bytes(inDirectory: try EntryPath("a/b")) == 413)
    #expect(report.bytes(inDirectory: try EntryPath("a/b/c")) == 209)
    #expect(report.bytes(inDirectory: try EntryPath("top")) == nil)
    #expect(report.bytes(ofFile: try EntryPath("/a/b/h")) == 101)
    #expect(report.bytes(ofFile: try EntryPath("a")) == nil)
  }

  @Test("By extension: versions are none, case doesn't matter")
  func extensions() throws {
    let names = [
      "libc.so.6", "libm.so", "a.PY", "b.py", ".hidden", "none", "end.", "perl5.36.0", "x.tar.gz", "v1.2",
      "a.b c", "name.much-too-long-for-an-ending",
    ]
    let shares = try report([names]).shares(by: .extension)
    #expect(
      text(shares).sorted() == [
        "(none) 7 759", ".gz 1 109", ".py 2 207", ".so 2 203",
      ])
  }

  @Test("By layer, those that have nothing left included")
  func layers() throws {
    let report = try report([["a", "b"], [".wh.a", ".wh.b"], ["c"]])
    #expect(text(report.shares(by: .layer)) == ["1 0 0", "2 0 0", "3 1 301"])
    #expect(text(report.shares(by: .file, layer: 3)) == ["c 1 301"])
    #expect(text(report.shares(by: .file, layer: 1)) == [])
    #expect(report.layers.map(\.wasted) == [203, 0, 0])
  }

  @Test("The largest and the most wasted, with ties in tree order")
  func rows() throws {
    let report = try report([["a", "b", "a"], ["a", "a", "c"], ["z"]])
    #expect(report.largestFiles(2).map { "\($0.path) \($0.size) \($0.layer)" } == ["z 301 3", "c 203 2"])
    #expect(report.mostWasted(5).map { "\($0.path) \($0.bytes) \($0.layers)" } == ["a 405 [1, 1, 2]"])
    #expect(report.mostWasted(5, layer: 2).map(\.bytes) == [201])
    var tie = HandmadeTar()
    for name in ["ab", "a/b", "a.b"] { tie.add(name, data: "xy") }
    let tied = try ImageReport(of: [ReportedLayer(tar: tie.finished)])
    #expect(tied.largestFiles(3).map(\.path.description) == ["a/b", "a.b", "ab"])
  }

  @Test("Names that are no text are escaped")
  func bytes() throws {
    var tar = HandmadeTar()
    tar.add([0x61, 0xff], data: [1])
    let report = try ImageReport(of: [ReportedLayer(tar: tar.finished)])
    #expect(report.shares(by: .file).map(\.name) == ["a\\377"])
  }
}
