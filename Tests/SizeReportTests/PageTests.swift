import Digest
import OCI
import Posix
import SizeReport
import SystemPackage
import TestSupport
import Testing

/// The page of HTML and its map of the tree.
@Suite("garboard-report --html")
struct PageTests {
  private static let odd = "<b x='\"'>&amp;"

  private func tar() -> HandmadeTar {
    var tar = HandmadeTar()
    for number in 1...40 {
      tar.add(
        "usr/d\(number % 5)/f\(number)", data: String(repeating: "x", count: number * number * 37))
    }
    tar.add("etc/\(Self.odd)", data: String(repeating: "y", count: 30_000))
    tar.add("empty")
    for number in 1...400 { tar.add("small/\(number)", data: "z") }
    return tar
  }

  @Test("Tiles have their bytes' part of the area, add up to the tree, and don't lie on each other")
  func treemap() throws {
    let report = try ImageReport(of: [ReportedLayer(tar: tar().finished)])
    let tiles = Treemap(report).tiles
    let total = Double(report.totals.bytes)
    #expect(tiles.reduce(0) { $0 + $1.bytes } == report.totals.bytes)
    #expect(tiles.reduce(0) { $0 + $1.files } == Int(report.totals.files) - 1)
    // What is too small to be seen is together.
    #expect(tiles.contains { "\($0.path)" == "small" && $0.files == 400 && $0.bytes == 400 })
    for (index, tile) in tiles.enumerated() {
      let place = tile.place
      #expect(abs(place.width * place.height - Double(tile.bytes) / total) < 1e-9)
      #expect(place.x > -1e-9 && place.y > -1e-9)
      #expect(place.x + place.width < 1 + 1e-9 && place.y + place.height < 1 + 1e-9)
      for other in tiles[..<index].map(\.place) {
        let wide = min(place.x + place.width, other.x + other.width) - max(place.x, other.x)
        let high = min(place.y + place.height, other.y + other.height) - max(place.y, other.y)
        #expect(min(wide, high) < 1e-9)
      }
    }
  }

  /// Reads a page: no tag is left open, nothing comes from elsewhere or runs; prints the areas' sum and the texts.
  private let reading = """
    import html.parser, re, sys
    class Page(html.parser.HTMLParser):
        open, texts, area, titles = [], [], 0.0, []
        def handle_starttag(self, tag, attributes):
            assert tag in ('html', 'head', 'meta', 'title', 'style', 'body', 'h1', 'h2', 'p', 'table', 'tr', 'th', 'td',
                'div'), tag
            names = dict(attributes)
            assert set(names) <= {'lang', 'charset', 'http-equiv', 'content', 'class', 'style', 'title'}, names
            assert 'url(' not in names.get('style', '')
            sides = re.findall(r'(?:width|height):([0-9.]+)%', names.get('style', ''))
            if len(sides) == 2:
                self.area += float(sides[0]) * float(sides[1]) / 10000
                self.titles.append(names['title'])
            if tag != 'meta': self.open.append(tag)
        def handle_endtag(self, tag): assert self.open.pop() == tag, tag
        def handle_data(self, data): self.texts.append(data)
    page = Page(convert_charrefs=True)
    page.feed(open(sys.argv[1], encoding='utf-8').read())
    page.close()
    assert page.open == []
    assert abs(page.area - 1) < 0.01, page.area
    print(sys.argv[2] in ''.join(page.texts), any(sys.argv[2] in title for title in page.titles))
    """

  @Test("One page that needs nothing from elsewhere, and shows the strangest name as it is")
  func page() throws {
    let folder = try TemporaryDirectory()
    try folder.write("root.tar", tar().finished)
    let made = try garboard(
      "garboard-import", "-q", "root.tar", "-t", "x:1", "-o", "x.oci.tar", in: folder.path)
    #expect(made.status.isSuccess, "\(made.errorText)")
    let result = try garboard("garboard-report", "-q", "--html", "page.html", "x.oci.tar", in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
    #expect(
      try Tool.python(reading, [folder.appending("page.html").string, Self.odd]).text == "True True\n")
    // The same again is the same page.
    let first = try readBytes(folder.appending("page.html"))
    try garboard("garboard-report", "-q", "--html", "page.html", "x.oci.tar", in: folder.path)
    #expect(try readBytes(folder.appending("page.html")) == first)
  }
}
