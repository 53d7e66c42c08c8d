import Glibc

/// A parsed `Packages` index: its text, and tables that find packages by name and by what they provide.
///
/// Nothing is made of a paragraph before it is asked for. Names and paragraphs have numbers, which count
/// from 0 in the order of the text; a name's is that of its first mention anywhere in it.
///
/// The bytes are a cache file's (`init(serialized:owner:)`) or new ones, in one allocation.
public final class PackageIndex: @unchecked Sendable {
  // Immutable after init, so it may be shared.
  private let tables: UnsafeRawBufferPointer
  private let contents: UnsafeRawBufferPointer
  private let layout: IndexLayout
  private let owner: AnyObject?
  private let isAllocated: Bool

  /// Parses the text of `Packages` (or `status`-like paragraphs with a Filename).
  ///
  /// - Parameters:
  ///   - text: the bytes.
  ///   - owner: what keeps them alive; nil when they outlive the index anyway.
  ///   - architecture: paragraphs of other architectures, but for `all`, are left out.
  ///   - file: its name, for messages.
  /// - Throws: `SyntaxError` for what is no paragraph of a package.
  public init(
    parsing text: UnsafeRawBufferPointer, owner: AnyObject?, architecture: String, file: String
  ) throws(SyntaxError) {
    if text.count >= Int(UInt32.max) {
      throw SyntaxError(file: file, line: 1, .badValue(field: "Packages", value: "4 GiB of text"))
    }
    var builder = IndexBuilder(text, architecture: architecture, file: file)
    try builder.build()
    layout = IndexLayout(
      records: builder.records.count / 8, names: builder.names.count / 4,
      providers: builder.providers.count / 2, slots: builder.table.count, text: text.count)
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: layout.textStart, alignment: 64)
    var offset = IndexLayout.headerSize
    for part in [builder.records, builder.names, builder.providers, builder.table] {
      part.withUnsafeBytes { part in
        UnsafeMutableRawBufferPointer(rebasing: memory[offset..<offset + part.count]).copyMemory(from: part)
        offset += part.count
      }
    }
    let filled = UnsafeRawBufferPointer(rebasing: memory[IndexLayout.headerSize...])
    layout.header(tables: filled).withUnsafeBytes { memory.copyMemory(from: $0) }
    tables = UnsafeRawBufferPointer(memory)
    contents = text
    self.owner = owner
    isAllocated = true
  }

  /// The index that `serialized` gave once; nil when the bytes are none, or damaged.
  ///
  /// - Parameter owner: what keeps the bytes alive.
  public init?(serialized bytes: UnsafeRawBufferPointer, owner: AnyObject) {
    guard let layout = IndexLayout.read(bytes) else { return nil }
    self.layout = layout
    tables = UnsafeRawBufferPointer(rebasing: bytes[..<layout.textStart])
    contents = UnsafeRawBufferPointer(rebasing: bytes[layout.textStart...])
    self.owner = owner
    isAllocated = false
  }

  deinit { if isAllocated { tables.deallocate() } }

  /// The bytes of a cache file, in two parts; valid while this object lives.
  public var serialized: [UnsafeRawBufferPointer] { [tables, contents] }

  /// How many packages there are.
  public var count: Int { layout.records }

  private func word(_ start: Int, _ index: Int) -> UInt32 {
    UInt32(littleEndian: tables.loadUnaligned(fromByteOffset: start + index * 4, as: UInt32.self))
  }

  private func text(_ start: Int, _ count: Int) -> UnsafeRawBufferPointer {
    precondition(start >= 0 && count >= 0 && start + count <= layout.text, "a range outside the index")
    return UnsafeRawBufferPointer(rebasing: contents[start..<(start + count)])
  }

  private func record(_ index: Int, _ field: Int) -> Int {
    precondition(index >= 0 && index < layout.records, "a record outside the index")
    return Int(word(layout.recordsStart, index * 8 + field))
  }

  private func name(_ index: Int, _ field: Int) -> Int {
    precondition(index >= 0 && index < layout.names, "a name outside the index")
    return Int(word(layout.namesStart, index * 4 + field))
  }

  private func nameText(_ index: Int) -> UnsafeRawBufferPointer {
    text(name(index, 0), name(index, 1) & 0xffff)
  }

  /// The number of a name; nil when nothing in the index mentions it.
  public func number(of name: String) -> Int? {
    var name = name
    return name.withUTF8 { name in
      let wanted = UnsafeRawBufferPointer(name)
      let mask = layout.slots - 1
      var slot = Int(quickHash(wanted)) & mask
      while true {
        let found = Int(word(layout.slotsStart, slot))
        if found == 0 { return nil }
        let other = nameText(found - 1)
        if other.count == wanted.count, memcmp(other.baseAddress!, wanted.baseAddress!, wanted.count) == 0 {
          return found - 1
        }
        slot = (slot + 1) & mask
      }
    }
  }

  /// The packages of a name, in the order of the text.
  public func packages(named number: Int) -> [Int] {
    var list: [Int] = []
    var next = name(number, 2)
    while next != 0 {
      list.append(next - 1)
      next = record(next - 1, 6)
    }
    return list
  }

  /// The packages whose Provides names it, in the order of the text.
  public func providers(of number: Int) -> [Int] {
    var list: [Int] = []
    var next = name(number, 3)
    while next != 0 {
      precondition(next <= layout.providers, "a provider outside the index")
      let package = Int(word(layout.providersStart, (next - 1) * 2))
      if list.last != package { list.append(package) }
      next = Int(word(layout.providersStart, (next - 1) * 2 + 1))
    }
    return list
  }

  /// A package's name.
  public func name(of package: Int) -> String {
    String(decoding: nameText(record(package, 2)), as: UTF8.self)
  }

  /// A package's version.
  public func version(of package: Int) -> PackageVersion {
    PackageVersion(String(decoding: text(record(package, 3), record(package, 4)), as: UTF8.self))
  }

  private func flags(of package: Int) -> RecordFlags { RecordFlags(bits: UInt32(record(package, 5))) }
  /// Whether a package is `Essential: yes`.
  public func isEssential(_ package: Int) -> Bool { flags(of: package).isEssential }
  /// Whether a package is `Important: yes` or `Protected: yes`.
  public func isProtected(_ package: Int) -> Bool { flags(of: package).isProtected }
  /// Whether a package's architecture is `all`.
  public func isForAll(_ package: Int) -> Bool { flags(of: package).isAll }
  /// A package's priority.
  public func priority(of package: Int) -> PackageRecord.Priority? {
    PackageRecord.Priority(rawValue: flags(of: package).priority)
  }
  /// A package's Multi-Arch field.
  public func multiArch(of package: Int) -> PackageRecord.MultiArch {
    PackageRecord.MultiArch(rawValue: flags(of: package).multiArch) ?? .no
  }

  /// A package's paragraph with the line end of its last line; nil when the bytes are not those that were
  /// parsed (a damaged cache file).
  public func stanza(of package: Int) -> UnsafeRawBufferPointer? {
    let stanza = text(record(package, 0), record(package, 1))
    return quickHash(stanza) == UInt32(record(package, 7)) ? stanza : nil
  }
}
