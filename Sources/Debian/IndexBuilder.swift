import Glibc

/// Walks the text of `Packages` once and fills the tables of an index.
struct IndexBuilder {
  private let text: UnsafeRawBufferPointer
  private let architecture: [UInt8]
  private let file: String

  private(set) var records: [UInt32] = []
  private(set) var names: [UInt32] = []
  private(set) var providers: [UInt32] = []
  private(set) var table: [UInt32]
  private var nameCount = 0
  /// The last record of each name, and the last provider, to append to their lists.
  private var lastRecords: [UInt32] = []
  private var lastProviders: [UInt32] = []

  /// The fields that name other packages, in the order in which apt reads them.
  private static let namingFields = 9
  private var fields = [Range<Int>](repeating: 0..<0, count: Self.namingFields)

  init(_ text: UnsafeRawBufferPointer, architecture: String, file: String) {
    self.text = text
    self.architecture = Array(architecture.utf8)
    self.file = file
    // Room for the names of an index of this size, so that it seldom grows.
    var slots = 1 << 10
    while slots < text.count / 128 { slots *= 2 }
    table = [UInt32](repeating: 0, count: slots)
    // An index has some 800 bytes a package.
    records.reserveCapacity(text.count / 800 * 8)
    names.reserveCapacity(text.count / 800 * 10)
    lastRecords.reserveCapacity(text.count / 320)
    lastProviders.reserveCapacity(text.count / 320)
  }

  private struct Stanza {
    var start = 0
    var line = 1
    var name = 0..<0
    var version = 0..<0
    var architecture = 0..<0
    var hasFile = false
    var flags: UInt32 = 0
  }

  mutating func build() throws(SyntaxError) {
    guard let base = text.baseAddress else { return }
    var stanza = Stanza()
    var offset = 0
    var line = 1
    var lastField = -1
    while offset < text.count {
      let found = memchr(base + offset, 0x0a, text.count - offset)
      let end = found.map { base.distance(to: UnsafeRawPointer($0)) } ?? text.count
      let first = offset < end ? text[offset] : 0x0a
      switch first {
      case 0x0a, 0x0d:
        if offset > stanza.start { try finish(stanza, end: offset) }
        stanza = Stanza(start: end + 1, line: line + 1)
        for index in 0..<Self.namingFields { fields[index] = 0..<0 }
        lastField = -1
      case 0x20, 0x09:
        if offset == stanza.start { throw SyntaxError(file: file, line: line, .nothingToContinue) }
        if lastField >= 0 { fields[lastField] = fields[lastField].lowerBound..<end }
      default:
        lastField = try readField(offset, end, &stanza, line)
      }
      offset = end + 1
      line += 1
    }
    if stanza.start < text.count { try finish(stanza, end: text.count) }
  }

  /// One line; returns the number of the field that further lines continue, or -1.
  private mutating func readField(
    _ start: Int, _ end: Int, _ stanza: inout Stanza, _ line: Int
  ) throws(SyntaxError) -> Int {
    // Most lines are of fields that say nothing here: they go at their first letter.
    let number: Int
    switch text[start] | 0x20 {
    case 0x61:  // a
      if let value = value(start, end, "architecture:") { stanza.architecture = value }
      number = -1
    case 0x62:  // b
      number = field(3, start, end, "breaks:")
    case 0x63:  // c
      number = field(2, start, end, "conflicts:")
    case 0x64:  // d
      number = field(1, start, end, "depends:")
    case 0x65:  // e
      if isYes(start, end, "essential:") { stanza.flags |= RecordFlags.essential }
      number = field(7, start, end, "enhances:")
    case 0x66:  // f
      if value(start, end, "filename:") != nil { stanza.hasFile = true }
      number = -1
    case 0x69:  // i
      if isYes(start, end, "important:") { stanza.flags |= RecordFlags.protected }
      number = -1
    case 0x6d:  // m
      if let value = value(start, end, "multi-arch:"), let first = text[value].first {
        let kind: UInt32 =
          switch first | 0x20 {
          case 0x73: 1  // same
          case 0x66: 2  // foreign
          case 0x61: 3  // allowed
          default: 0
          }
        stanza.flags |= kind << 8
      }
      number = -1
    case 0x70:  // p
      number = readP(start, end, &stanza)
    case 0x72:  // r
      let found = field(4, start, end, "recommends:")
      number = found >= 0 ? found : field(6, start, end, "replaces:")
    case 0x73:  // s
      number = field(5, start, end, "suggests:")
    case 0x76:  // v
      if let value = value(start, end, "version:") { stanza.version = value }
      number = -1
    default:
      number = -1
    }
    if number < 0, memchr(text.baseAddress! + start, 0x3a, end - start) == nil {
      throw SyntaxError(file: file, line: line, .missingColon)
    }
    return number
  }

  private mutating func readP(_ start: Int, _ end: Int, _ stanza: inout Stanza) -> Int {
    if let value = value(start, end, "package:") {
      stanza.name = value
      return -1
    }
    if let value = value(start, end, "priority:") {
      for priority in PackageRecord.Priority.allCases where text[value].elementsEqual(priority.word.utf8) {
        stanza.flags |= UInt32(priority.rawValue) << 4
      }
      return -1
    }
    if isYes(start, end, "protected:") { stanza.flags |= RecordFlags.protected }
    let found = field(0, start, end, "pre-depends:")
    return found >= 0 ? found : field(8, start, end, "provides:")
  }

  /// The value after a field's name, which is given in small letters with its colon.
  private func value(_ start: Int, _ end: Int, _ name: StaticString) -> Range<Int>? {
    let count = name.utf8CodeUnitCount
    if end - start < count { return nil }
    for index in 0..<count - 1 where text[start + index] != name.utf8Start[index] {
      if text[start + index] | 0x20 != name.utf8Start[index] { return nil }
    }
    if text[start + count - 1] != 0x3a { return nil }
    var first = start + count
    var last = end
    while first < last, text[first] <= 0x20 { first += 1 }
    while last > first, text[last - 1] <= 0x20 { last -= 1 }
    return first..<last
  }

  private func isYes(_ start: Int, _ end: Int, _ name: StaticString) -> Bool {
    value(start, end, name).map { text[$0].elementsEqual("yes".utf8) } ?? false
  }

  private mutating func field(_ number: Int, _ start: Int, _ end: Int, _ name: StaticString) -> Int {
    guard let value = value(start, end, name) else { return -1 }
    fields[number] = value
    return number
  }

  private mutating func finish(_ stanza: Stanza, end: Int) throws(SyntaxError) {
    if stanza.name.isEmpty { throw SyntaxError(file: file, line: stanza.line, .missingField("Package")) }
    if stanza.version.isEmpty { throw SyntaxError(file: file, line: stanza.line, .missingField("Version")) }
    var flags = stanza.flags
    if text[stanza.architecture].elementsEqual("all".utf8) {
      flags |= RecordFlags.all
    } else if !text[stanza.architecture].elementsEqual(architecture) {
      // Archives without `dists` hold several architectures in one index.
      return
    }
    if !stanza.hasFile { throw SyntaxError(file: file, line: stanza.line, .missingField("Filename")) }
    if stanza.name.count > 0xfff || stanza.version.count > 0xffff || end - stanza.start > 1 << 24 {
      throw SyntaxError(
        file: file, line: stanza.line, .badValue(field: "Version", value: "a paragraph too long"))
    }
    let name = intern(stanza.name)
    let record = UInt32(records.count / 8)
    let stanzaBytes = UnsafeRawBufferPointer(rebasing: text[stanza.start..<end])
    records.append(UInt32(stanza.start))
    records.append(UInt32(end - stanza.start))
    records.append(UInt32(name))
    records.append(UInt32(stanza.version.lowerBound))
    records.append(UInt32(stanza.version.count))
    records.append(flags)
    records.append(0)
    records.append(quickHash(stanzaBytes))
    if lastRecords[name] == 0 {
      names[name * 4 + 2] = record + 1
    } else {
      records[Int(lastRecords[name] - 1) * 8 + 6] = record + 1
    }
    lastRecords[name] = record + 1
    for number in 0..<Self.namingFields where !fields[number].isEmpty {
      readNames(fields[number], providedBy: number == 8 ? record : nil)
    }
  }

  /// Notes the names of a field of dependencies. `name:any` is another name for apt, and no mention of
  /// `name`; Provides with a qualifier counts all the same.
  private mutating func readNames(_ range: Range<Int>, providedBy record: UInt32?) {
    var index = range.lowerBound
    let end = range.upperBound
    let isNameByte = isNameByte
    while index < end {
      let byte = text[index]
      if byte <= 0x20 || byte == 0x2c || byte == 0x7c {
        index += 1
        continue
      }
      let start = index
      while index < end, isNameByte[Int(text[index])] { index += 1 }
      if index > start, index - start <= 0xfff, record != nil || index == end || text[index] != 0x3a {
        let name = intern(start..<index)
        if let record { addProvider(record, name) }
      }
      while index < end, text[index] != 0x2c, text[index] != 0x7c { index += 1 }
    }
  }

  private let isNameByte: [Bool] = (0...255).map { (byte: Int) -> Bool in
    switch byte {
    case 0x00...0x20, 0x28, 0x2c, 0x3a, 0x3c, 0x5b, 0x7c: false
    default: true
    }
  }

  private mutating func addProvider(_ record: UInt32, _ name: Int) {
    let entry = UInt32(providers.count / 2) + 1
    providers.append(record)
    providers.append(0)
    if lastProviders[name] == 0 {
      names[name * 4 + 3] = entry
    } else {
      providers[Int(lastProviders[name] - 1) * 2 + 1] = entry
    }
    lastProviders[name] = entry
  }

  private mutating func intern(_ range: Range<Int>) -> Int {
    if nameCount * 2 >= table.count { grow() }
    let bytes = UnsafeRawBufferPointer(rebasing: text[range])
    let mask = table.count - 1
    let hash = quickHash(bytes)
    // The length and half of the hash in one word: what differs is seen without a look at the text.
    let mark = UInt32(bytes.count) | hash & 0xffff_0000
    var slot = Int(hash) & mask
    while table[slot] != 0 {
      let name = Int(table[slot] - 1)
      if names[name * 4 + 1] == mark,
        memcmp(bytes.baseAddress!, text.baseAddress! + Int(names[name * 4]), bytes.count) == 0
      {
        return name
      }
      slot = (slot + 1) & mask
    }
    let name = nameCount
    nameCount += 1
    table[slot] = UInt32(name) + 1
    names.append(UInt32(range.lowerBound))
    names.append(mark)
    names.append(0)
    names.append(0)
    lastRecords.append(0)
    lastProviders.append(0)
    return name
  }

  private mutating func grow() {
    table = [UInt32](repeating: 0, count: table.count * 2)
    let mask = table.count - 1
    for name in 0..<nameCount {
      let start = Int(names[name * 4])
      let count = Int(names[name * 4 + 1] & 0xffff)
      var slot = Int(quickHash(UnsafeRawBufferPointer(rebasing: text[start..<start + count]))) & mask
      while table[slot] != 0 { slot = (slot + 1) & mask }
      table[slot] = UInt32(name) + 1
    }
  }
}
