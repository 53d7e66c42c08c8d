/// An array that grows in pieces of a fixed size: it never holds its contents twice, as an array does that
/// moves to a larger place.
struct ChunkedArray<Element> {
  private static var shift: Int { 12 }
  private static var mask: Int { (1 << shift) - 1 }

  private var chunks: [[Element]] = []
  private(set) var count = 0

  var indices: Range<Int> { 0..<count }

  subscript(index: Int) -> Element {
    get { chunks[index >> Self.shift][index & Self.mask] }
    _modify { yield &chunks[index >> Self.shift][index & Self.mask] }
  }

  mutating func append(_ element: Element) {
    if count & Self.mask == 0 {
      var chunk: [Element] = []
      // The first chunk stays small: most trees are.
      if !chunks.isEmpty { chunk.reserveCapacity(1 << Self.shift) }
      chunks.append(chunk)
    }
    chunks[chunks.count - 1].append(element)
    count += 1
  }
}
