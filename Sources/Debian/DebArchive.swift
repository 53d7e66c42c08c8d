import Posix

/// Where the parts of a binary package are in its file; see deb(5).
///
/// The file is an `ar` archive of `debian-binary`, `control.tar` and `data.tar`, in this order. Members
/// whose names start with `_` may stand between; what follows the data is nobody's business.
public struct DebArchive: Sendable {
  /// A member that is a tar, perhaps compressed.
  public struct Member: Sendable, Equatable {
    /// Its name, as `data.tar.xz`.
    public let name: String
    /// Where its bytes start.
    public let offset: UInt64
    /// How many there are.
    public let size: UInt64
  }

  /// The package's own description and scripts.
  public let control: Member
  /// The files.
  public let data: Member

  /// The endings of tars that dpkg knows and that can be read here.
  private static let endings = ["", ".gz", ".xz", ".zst", ".bz2"]

  /// Finds the members.
  ///
  /// - Parameters:
  ///   - raw: a descriptor of the file, read by position.
  ///   - name: the file's name, for messages.
  /// - Throws: `DebError`, `PosixError`.
  public init(_ raw: Int32, name: String) throws {
    var reader = ArReader(raw, name: name)
    try reader.start()
    guard let version = try reader.next(), version.name == "debian-binary" else {
      throw DebError(name, .member("debian-binary"))
    }
    let text = try reader.bytes(of: version, limit: 64)
    // Formats 2.x differ in ways that readers of 2.0 may ignore.
    guard text.starts(with: Array("2.".utf8)), text.contains(0x0a) else { throw DebError(name, .version) }
    control = try Self.find("control.tar", in: &reader, name)
    data = try Self.find("data.tar", in: &reader, name)
  }

  private static func find(_ base: String, in reader: inout ArReader, _ name: String) throws -> Member {
    while let member = try reader.next() {
      if member.name.hasPrefix("_") { continue }
      if endings.contains(where: { member.name == base + $0 }) { return member }
      if member.name.hasPrefix(base) { throw DebError(name, .compression(member.name)) }
      throw DebError(name, .unexpected(member.name))
    }
    throw DebError(name, .member(base))
  }
}

/// A file that is no binary package.
public struct DebError: Error, Sendable, Equatable {
  /// What is wrong.
  public enum Reason: Sendable, Equatable {
    /// It doesn't start as an `ar` archive does.
    case format
    /// A header that contradicts itself, at this byte.
    case header(UInt64)
    /// A member goes on past the end of the file.
    case truncated
    /// It has not this member, or not here.
    case member(String)
    /// A member that has no place here.
    case unexpected(String)
    /// A member is compressed in a way that is not known.
    case compression(String)
    /// `debian-binary` says another format than 2.
    case version
    /// The package's own files are wrong: what of them.
    case control(String)
    /// An entry of its files can't be unpacked: which, and why.
    case entry(String, String)
  }

  /// The file.
  public var file: String
  /// What is wrong with it.
  public var reason: Reason

  /// An error in `file`.
  public init(_ file: String, _ reason: Reason) {
    self.file = file
    self.reason = reason
  }
}

extension DebError: CustomStringConvertible {
  /// What is wrong with which file, in one line.
  public var description: String {
    let what =
      switch reason {
      case .format: "it is no ar archive"
      case .header(let offset): "a broken ar header at byte \(offset)"
      case .truncated: "it is cut short"
      case .member(let name): "it has no \(name) where one belongs"
      case .unexpected(let name): "a member \"\(displayed(name.utf8))\" where none belongs"
      case .compression(let name): "\"\(displayed(name.utf8))\" is compressed in an unknown way"
      case .version: "its format is not 2"
      case .control(let what): what
      case .entry(let path, let what): "\(path): \(what)"
      }
    return "\(file) is no package that can be unpacked: \(what)"
  }
}

/// Walks the headers of an `ar` archive; see deb(5) and ar(5).
private struct ArReader {
  private static let headerSize = 60
  private let raw: Int32
  private let name: String
  private var offset: UInt64 = 0
  private var end: UInt64 = 0

  init(_ raw: Int32, name: String) {
    self.raw = raw
    self.name = name
  }

  mutating func start() throws {
    end = try fileSize(raw)
    guard try read(8, at: 0) == Array("!<arch>\n".utf8) else { throw DebError(name, .format) }
    offset = 8
  }

  mutating func next() throws -> DebArchive.Member? {
    if offset == end { return nil }
    let header = try read(Self.headerSize, at: offset)
    let place = offset
    guard header.count == Self.headerSize, header[58] == 0x60, header[59] == 0x0a else {
      throw DebError(name, header.count < Self.headerSize ? .truncated : .header(place))
    }
    var title = header[0..<16]
    while title.last == 0x20 { title.removeLast() }
    if title.last == 0x2f { title.removeLast() }
    var digits = header[48..<58]
    while digits.last == 0x20 { digits.removeLast() }
    guard !digits.isEmpty, digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), !title.isEmpty,
      title.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
    else { throw DebError(name, .header(place)) }
    let size = digits.reduce(0 as UInt64) { $0 * 10 + UInt64($1 - 0x30) }
    let start = place + UInt64(Self.headerSize)
    guard size <= end - start else { throw DebError(name, .truncated) }
    // A missing last byte of padding is no harm.
    offset = min(start + size + size % 2, end)
    return DebArchive.Member(name: String(decoding: title, as: UTF8.self), offset: start, size: size)
  }

  func bytes(of member: DebArchive.Member, limit: UInt64) throws -> [UInt8] {
    guard member.size <= limit else { throw DebError(name, .version) }
    return try read(Int(member.size), at: member.offset)
  }

  private func read(_ count: Int, at offset: UInt64) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try bytes.withUnsafeMutableBytes { try readFull(raw, into: $0, at: offset) }
    bytes.removeLast(count - got)
    return bytes
  }
}
