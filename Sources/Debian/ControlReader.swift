/// A place in a file that could not be understood, and why.
public struct SyntaxError: Error, Sendable, Equatable {
  /// What is wrong.
  public enum Reason: Sendable, Equatable {
    /// A line of a paragraph without a colon.
    case missingColon
    /// A continuation line before any field.
    case nothingToContinue
    /// A field name that is empty or has bytes that no name has.
    case badFieldName
    /// The same field twice in one paragraph.
    case duplicateField(String)
    /// A field that must be there is not.
    case missingField(String)
    /// A value that its field does not allow.
    case badValue(field: String, value: String)
    /// A line that starts with something else than `deb` or `deb-src`.
    case notASourceLine(String)
    /// A `[` that no `]` closes, or a quote that is not closed.
    case unclosed(String)
    /// The bytes are not what was once parsed: a cache file that was changed.
    case damaged
  }

  /// The file's name, for messages.
  public var file: String
  /// The line, counted from 1.
  public var line: Int
  /// What is wrong there.
  public var reason: Reason

  /// An error in `line` of `file`.
  public init(file: String, line: Int, _ reason: Reason) {
    self.file = file
    self.line = line
    self.reason = reason
  }
}

extension SyntaxError: CustomStringConvertible {
  /// "FILE:LINE: what is wrong".
  public var description: String {
    let what =
      switch reason {
      case .missingColon: "a line without a field name and colon"
      case .nothingToContinue: "a continuation line with nothing before it"
      case .badFieldName: "a malformed field name"
      case .duplicateField(let name): "the field \(name) is there twice"
      case .missingField(let name): "the field \(name) is missing"
      case .badValue(let field, let value): "\"\(value.prefix(100))\" is no value for \(field)"
      case .notASourceLine(let word): "\"\(word.prefix(100))\" where deb or deb-src was expected"
      case .damaged: "the cached file is damaged: remove it"
      case .unclosed(let mark): "a \(mark) that is not closed"
      }
    return "\(file):\(line): \(what)"
  }
}

/// Reads paragraphs of `Name: value` lines, as deb822(5) has them: control files, `Packages`,
/// `Release`, `status` and `.sources`.
///
/// Fields are ranges of the given bytes: nothing is copied, so that an index of many megabytes is
/// walked at the speed of finding its line ends. The bytes must outlive the reader.
public struct ControlReader {
  private let bytes: UnsafeRawBufferPointer
  private let file: String
  private var offset = 0
  private var line = 1

  /// A reader of `bytes`, called `file` in messages.
  public init(_ bytes: UnsafeRawBufferPointer, file: String) {
    self.bytes = bytes
    self.file = file
  }

  /// Reads the next paragraph into `paragraph`, whose storage is used again.
  ///
  /// - Returns: false at the end.
  /// - Throws: `SyntaxError` for a line that is no field, continuation or comment.
  public mutating func next(_ paragraph: inout ControlParagraph) throws(SyntaxError) -> Bool {
    paragraph.begin(bytes, file: file)
    while offset < bytes.count {
      let start = offset
      let end = lineEnd(from: start)
      offset = end < bytes.count ? end + 1 : end
      let number = line
      line += 1
      let first = start < end ? bytes[start] : 0x0a
      switch first {
      case 0x23:  // '#': a comment, also between the lines of a field
        paragraph.noteComment()
      case 0x20, 0x09:
        if isBlank(start, end) {
          if paragraph.fields.isEmpty { continue }
          return true
        }
        if !paragraph.extendLast(to: end) {
          throw SyntaxError(file: file, line: number, .nothingToContinue)
        }
      case 0x0a, 0x0d:
        if isBlank(start, end) {
          if paragraph.fields.isEmpty { continue }
          return true
        }
        throw SyntaxError(file: file, line: number, .missingColon)
      default:
        try paragraph.add(field(start, end, number), line: number)
      }
    }
    return !paragraph.fields.isEmpty
  }

  private func lineEnd(from start: Int) -> Int {
    var index = start
    // The compiler makes a vector loop of neither this nor `firstIndex`; eight bytes at a time do.
    let newlines: UInt64 = 0x0a0a_0a0a_0a0a_0a0a
    while index + 8 <= bytes.count {
      let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ newlines
      let found = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
      if found != 0 { return index + UInt64(littleEndian: found).trailingZeroBitCount / 8 }
      index += 8
    }
    while index < bytes.count, bytes[index] != 0x0a { index += 1 }
    return index
  }

  private func isBlank(_ start: Int, _ end: Int) -> Bool {
    for index in start..<end where bytes[index] != 0x20 && bytes[index] != 0x09 && bytes[index] != 0x0d {
      return false
    }
    return true
  }

  private func field(
    _ start: Int, _ end: Int, _ number: Int
  ) throws(SyntaxError) -> ControlParagraph.Field {
    var colon = start
    while colon < end, bytes[colon] != 0x3a {
      if bytes[colon] <= 0x20 || bytes[colon] >= 0x7f {
        throw SyntaxError(file: file, line: number, .badFieldName)
      }
      colon += 1
    }
    if colon == end { throw SyntaxError(file: file, line: number, .missingColon) }
    if colon == start { throw SyntaxError(file: file, line: number, .badFieldName) }
    return ControlParagraph.Field(name: start..<colon, value: (colon + 1)..<end, line: number)
  }
}

/// One paragraph, as ranges of the reader's bytes.
public struct ControlParagraph {
  /// A field's place in the bytes.
  struct Field {
    var name: Range<Int>
    var value: Range<Int>
    var line: Int
    var hasComments = false
  }

  private var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
  private var file = ""
  private var commentPending = false
  private(set) var fields: [Field] = []

  /// An empty paragraph, to be filled by a reader.
  public init() {}

  mutating func begin(_ bytes: UnsafeRawBufferPointer, file: String) {
    self.bytes = bytes
    self.file = file
    commentPending = false
    fields.removeAll(keepingCapacity: true)
  }

  mutating func noteComment() { commentPending = true }

  mutating func extendLast(to end: Int) -> Bool {
    guard let last = fields.indices.last else { return false }
    fields[last].value = fields[last].value.lowerBound..<end
    if commentPending { fields[last].hasComments = true }
    commentPending = false
    return true
  }

  mutating func add(_ field: Field, line: Int) throws(SyntaxError) {
    commentPending = false
    for other in fields where Self.equal(bytes, other.name, bytes, field.name) {
      throw SyntaxError(
        file: file, line: line, .duplicateField(String(decoding: bytes[field.name], as: UTF8.self)))
    }
    fields.append(field)
  }

  /// The line of the first field, counted from 1.
  public var line: Int { fields.first?.line ?? 0 }

  /// The names of the fields, in order.
  public var names: [String] { fields.map { String(decoding: bytes[$0.name], as: UTF8.self) } }

  /// The line that a field starts in, or nil.
  public func line(of name: StaticString) -> Int? { find(name).map { fields[$0].line } }

  /// A value as it is, continuation lines included, without the white space around it; nil when the
  /// field is missing. Valid as long as the reader's bytes.
  public func bytes(of name: StaticString) -> UnsafeRawBufferPointer? {
    guard let index = find(name) else { return nil }
    return trimmed(fields[index].value)
  }

  /// A value's lines: the first as it is, the others without the one blank that makes them
  /// continuations, a lone `.` as an empty line (as in descriptions and embedded keys).
  public func lines(of name: StaticString) -> [String]? {
    guard let index = find(name) else { return nil }
    var lines: [String] = []
    for line in bytes[fields[index].value].split(separator: 0x0a, omittingEmptySubsequences: false) {
      if !lines.isEmpty, line.first == 0x23 { continue }
      var text = line
      if !lines.isEmpty { text = text.dropFirst() }
      while let last = text.last, last <= 0x20 { text = text.dropLast() }
      if lines.isEmpty { while let first = text.first, first <= 0x20 { text = text.dropFirst() } }
      let isDot = !lines.isEmpty && text.count == 1 && text.first == 0x2e
      lines.append(isDot ? "" : String(decoding: text, as: UTF8.self))
    }
    return lines
  }

  /// A value's words, divided by any white space, comments left out.
  public func words(of name: StaticString) -> [String]? {
    lines(of: name)?.flatMap { line in
      line.split { $0 == " " || $0 == "\t" }.map(String.init)
    }
  }

  private func find(_ name: StaticString) -> Int? {
    let wanted = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    return fields.firstIndex { Self.equal(bytes, $0.name, wanted, 0..<wanted.count) }
  }

  /// Field names differ not by case: deb822(5).
  private static func equal(
    _ one: UnsafeRawBufferPointer, _ range: Range<Int>, _ other: UnsafeRawBufferPointer,
    _ otherRange: Range<Int>
  ) -> Bool {
    if range.count != otherRange.count { return false }
    for index in 0..<range.count {
      let left = one[range.lowerBound + index]
      let right = other[otherRange.lowerBound + index]
      if left != right && lowered(left) != lowered(right) { return false }
    }
    return true
  }

  private static func lowered(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte }

  private func trimmed(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    var start = range.lowerBound
    var end = range.upperBound
    while start < end, bytes[start] <= 0x20 { start += 1 }
    while end > start, bytes[end - 1] <= 0x20 { end -= 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
  }
}
