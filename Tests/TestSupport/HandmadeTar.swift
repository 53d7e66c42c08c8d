/// A tar put together block by block, for archives that no tar would write.
public struct HandmadeTar {
  /// The bytes so far.
  public private(set) var bytes: [UInt8] = []

  /// An empty archive.
  public init() {}

  /// Which writer's header is imitated.
  public enum Magic: String, Sendable {
    /// Before POSIX: nothing.
    case v7 = "\0\0\0\0\0\0\0\0"
    /// POSIX.
    case ustar = "ustar\u{0}00"
    /// GNU.
    case gnu = "ustar  \0"
  }

  /// Adds an entry: its header, and its data padded to whole blocks.
  ///
  /// - Parameters:
  ///   - size: what the header says; the data's size when nil.
  ///   - edit: changes the header before its checksum is made.
  public mutating func add(
    _ name: [UInt8], type: Character = "0", link: [UInt8] = [], data: [UInt8] = [], size: UInt64? = nil,
    mode: String = "0000644", magic: Magic = .ustar, edit: (inout [UInt8]) -> Void = { _ in }
  ) {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ value: some Collection<UInt8>, _ offset: Int) {
      block.replaceSubrange(offset..<(offset + value.count), with: value)
    }
    put(name.prefix(100), 0)
    put(mode.utf8, 100)
    put("0000000".utf8, 108)
    put("0000000".utf8, 116)
    let digits = String(size ?? UInt64(data.count), radix: 8)
    put((String(repeating: "0", count: max(0, 11 - digits.count)) + digits).utf8.prefix(11), 124)
    put("00000000001".utf8, 136)
    block[156] = type.asciiValue ?? 0
    put(link.prefix(100), 157)
    put(magic.rawValue.utf8, 257)
    edit(&block)
    put("        ".utf8, 148)
    let sum = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
    put((String(repeating: "0", count: 6 - sum.count) + sum + "\0 ").utf8, 148)
    bytes += block
    bytes += data
    bytes += [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)
  }

  /// Adds an entry whose names are text.
  public mutating func add(
    _ name: String, type: Character = "0", link: String = "", data: String = "", mode: String = "0000644"
  ) {
    add(Array(name.utf8), type: type, link: Array(link.utf8), data: Array(data.utf8), mode: mode)
  }

  /// Adds an extended header with records of the right lengths.
  public mutating func addPax(_ records: [(key: String, value: [UInt8])], type: Character = "x") {
    var body: [UInt8] = []
    for (key, value) in records {
      let rest = key.utf8.count + value.count + 3
      var length = rest
      while length != rest + String(length).count { length = rest + String(length).count }
      body += Array("\(length) \(key)=".utf8) + value + [0x0a]
    }
    add(Array("PaxHeaders/x".utf8), type: type, data: body)
  }

  /// Adds an extended header with a body as it is.
  public mutating func addPax(raw body: String) { add("PaxHeaders/x", type: "x", data: body) }

  /// Adds bytes as they are.
  public mutating func append(_ more: [UInt8]) { bytes += more }

  /// The archive with its end marker.
  public var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }
}
