/// The map of a sparse file in GNU's four forms, checked against the file it describes.
///
/// GNU tar manual, "Storing Sparse Files".
struct SparseMap {
  struct Malformed: Error {
    var what: String
  }

  private let limit: Int
  private var extents: [DataExtent] = []

  init(limit: Int) { self.limit = limit }

  private mutating func append(offset: UInt64, count: UInt64) throws {
    if extents.count >= limit { throw Malformed(what: "more than \(limit) runs of data (the limit)") }
    extents.append(DataExtent(offset: offset, count: count))
  }

  /// Old GNU format, in the header: four pairs; says whether extension blocks follow.
  mutating func append(oldHeader block: UnsafeRawBufferPointer) throws -> Bool {
    try append(old: block, at: 386, pairs: 4)
    return block[482] != 0
  }

  /// Old GNU format, an extension block: 21 pairs; says whether more follow.
  mutating func append(oldExtension block: UnsafeRawBufferPointer) throws -> Bool {
    try append(old: block, at: 0, pairs: 21)
    return block[504] != 0
  }

  private mutating func append(old block: UnsafeRawBufferPointer, at start: Int, pairs: Int) throws {
    for index in 0..<pairs {
      let place = start + index * 24
      if block[place] == 0, block[place + 12] == 0 { return }
      let offset = try TarHeader.number(block, place..<(place + 12), named: "sparse offset")
      let count = try TarHeader.number(block, (place + 12)..<(place + 24), named: "sparse size")
      guard offset >= 0, count >= 0 else { throw Malformed(what: "a negative number") }
      try append(offset: UInt64(offset), count: UInt64(count))
    }
  }

  /// Offsets and sizes in turn.
  mutating func append(pairs: [UInt64]) throws {
    guard pairs.count % 2 == 0 else { throw Malformed(what: "an offset without a size") }
    for index in stride(from: 0, to: pairs.count, by: 2) {
      try append(offset: pairs[index], count: pairs[index + 1])
    }
  }

  /// The extents without empty ones.
  ///
  /// - Throws: when they overlap, go back or past the end, or are not as many bytes as are stored.
  func finish(size: UInt64, stored: UInt64) throws -> [DataExtent] {
    var end: UInt64 = 0
    var sum: UInt64 = 0
    for extent in extents {
      let (next, overflow) = extent.offset.addingReportingOverflow(extent.count)
      guard !overflow, next <= size else { throw Malformed(what: "a run of data past the end of the file") }
      guard extent.offset >= end else { throw Malformed(what: "runs of data that overlap or go back") }
      end = next
      sum += extent.count
    }
    guard sum == stored else {
      throw Malformed(what: "it describes \(sum) bytes of data, but \(stored) are stored")
    }
    return extents.filter { $0.count > 0 }
  }

  /// The decimal lines of format 1.0: their number, then offsets and sizes.
  struct Lines {
    private(set) var numbers: [UInt64] = []
    private var expected: UInt64?
    private var current: UInt64 = 0
    private var digits = 0

    var isComplete: Bool { expected.map { UInt64(numbers.count) == $0 } ?? false }

    mutating func append(_ block: UnsafeRawBufferPointer, limit: Int) throws {
      for byte in block {
        if isComplete { return }
        if byte == 0x0a {
          guard digits > 0 else { throw Malformed(what: "an empty line") }
          if expected == nil {
            guard current <= UInt64(limit) else {
              throw Malformed(what: "\(current) runs of data are over the limit of \(limit)")
            }
            expected = current * 2
          } else {
            numbers.append(current)
          }
          current = 0
          digits = 0
          continue
        }
        guard byte >= 0x30, byte <= 0x39, digits < 19 else { throw Malformed(what: "a line is not a number") }
        current = current * 10 + UInt64(byte - 0x30)
        digits += 1
      }
    }
  }
}
