import Testing

@testable import CommandSupport

@Suite("Tables")
struct TableTests {
  @Test("Columns are as wide as their widest cell, and no line ends in a space")
  func alignment() {
    var table = Table([.left("name"), .right("size"), .left("note")])
    table.add(["a", "1 B"])
    table.add(["longer", "123.4 MB", "x"])
    #expect(
      table.lines() == [
        "name        size  note",
        "a            1 B",
        "longer  123.4 MB  x",
      ])
  }

  @Test("Wide and combining characters count as the terminal shows them")
  func cells() {
    var table = Table([.left("n"), .left("x")])
    table.add(["日本", "1"])
    table.add(["e\u{301}e", "2"])
    table.add(["🙂", "3"])
    #expect(table.lines() == ["n     x", "日本  1", "e\u{301}e    2", "🙂    3"])
  }

  @Test("The last column is cut to the terminal, the others are not")
  func limit() {
    var table = Table([.right("#"), .left("created by")])
    table.add(["1", "garboard-bootstrap trixie --variant minbase"])
    #expect(table.lines(indent: 1, limit: 24) == [" #  created by", " 1  garboard-bootstrap …"])
    #expect(table.lines(limit: 1) == ["#  created…", "1  garboar…"])
  }

  @Test("Rows with too few and too many cells")
  func cellCounts() {
    var table = Table([.left("a"), .left("b")])
    #expect(table.isEmpty)
    table.add([])
    table.add(["1", "2", "3"])
    #expect(table.lines() == ["a  b", "", "1  2"])
  }
}
