import Archive
import Codec
import Debian
import Posix

/// What a binary package says about itself: the files of its `control.tar`, and the fields of `control`.
struct PackageControl: Sendable {
  /// One of its own files, as `postinst`.
  struct File: Sendable {
    var name: [UInt8]
    var bytes: [UInt8]
    var mode: UInt16
    var modified: Timestamp
  }

  /// No package comes near it; larger ones are refused.
  private static let limit: UInt64 = 64 << 20

  /// Its files but `control`, in the order in which they came.
  let files: [File]
  /// The text of `control`, without blank lines at its ends.
  let control: [UInt8]
  let name: String
  let version: String
  let architecture: String
  let isMultiArchSame: Bool
  let isEssential: Bool
  /// How much it belongs to a system: by itself, unless who opened it knows what the archive says.
  var priority: PackageRecord.Priority?
  let preDepends: [Dependency]
  let depends: [Dependency]
  let replaces: [String]
  /// What it stands for too.
  let provided: [PackageRelation]
  /// The names of that.
  var provides: [String] { provided.map(\.name) }
  /// A line of `conffiles`; see deb-conffiles(5).
  struct Conffile: Sendable, Equatable {
    /// The path, with its leading slash.
    var path: [UInt8]
    /// Whether an earlier version had it, and an upgrade takes it away (`remove-on-upgrade`).
    var isFormer = false
  }

  /// Its configuration files, in the order of its list.
  let conffiles: [Conffile]

  /// Reads `control.tar` of a package.
  init(_ raw: Int32, _ archive: DebArchive, file: String) throws {
    var files: [File] = []
    var control: [UInt8]?
    var total: UInt64 = 0
    let member = archive.control
    let source = RangeSource(raw, offset: member.offset, count: member.size)
    let reader = TarReader(try Decompressor(source, limits: debLimits, threaded: false))
    while let entry = try reader.next() {
      if entry.path.isRoot || entry.kind == .directory { continue }
      guard entry.kind == .file, entry.path.depth == 1, Self.isPlain(entry.path.bytes) else {
        throw DebError(file, .control("its control.tar holds \"\(entry.path)\""))
      }
      total += entry.size
      guard total <= Self.limit else { throw DebError(file, .control("its control.tar is too large")) }
      let bytes = try reader.all(entry)
      if entry.path.bytes == Array("control".utf8) {
        control = bytes
      } else {
        files.append(
          File(name: entry.path.bytes, bytes: bytes, mode: entry.mode & 0o777, modified: entry.modified))
      }
    }
    try reader.drain()
    guard let text = control else { throw DebError(file, .control("it has no control file")) }
    try self.init(text, files: files, file: file)
  }

  /// An installed package by its paragraph of dpkg's `status`, without its files.
  init(installed paragraph: [UInt8]) throws { try self.init(paragraph, files: [], file: "status") }

  /// Reads the text of `control`.
  init(_ text: [UInt8], files: [File], file: String) throws {
    self.files = files
    self.control = Self.trimmed(text)
    var fields = ControlParagraph()
    func value(_ field: StaticString) -> String? {
      fields.bytes(of: field).map { String(decoding: $0, as: UTF8.self) }
    }
    (
      name, version, architecture, isMultiArchSame, isEssential, priority, preDepends, depends, replaces,
      provided
    ) =
      try text.withUnsafeBytes { bytes in
        var reader = ControlReader(bytes, file: file)
        guard try reader.next(&fields), let name = value("Package"), let version = value("Version"),
          let architecture = value("Architecture"), Self.isName(name), Self.isWord(version),
          Self.isWord(architecture)
        else { throw DebError(file, .control("its control file names no package, version or architecture")) }
        func relations(_ field: StaticString) throws -> [Dependency] {
          do throws(DependencyError) {
            return try Dependency.parse(value(field) ?? "")
          } catch {
            throw DebError(file, .control("its field \(field): \(error)"))
          }
        }
        let priority = value("Priority")
        return (
          name, version, architecture, value("Multi-Arch") == "same", value("Essential") == "yes",
          PackageRecord.Priority.allCases.first { $0.word == priority },
          try relations("Pre-Depends"), try relations("Depends"),
          try relations("Replaces").compactMap(\.alternatives.first?.name),
          try relations("Provides").flatMap(\.alternatives)
        )
      }
    conffiles = Self.conffiles(files.first { $0.name == Array("conffiles".utf8) }?.bytes ?? [])
  }

  private static func conffiles(_ text: [UInt8]) -> [Conffile] {
    let flag = Array("remove-on-upgrade".utf8)
    return text.split(separator: 0x0a).compactMap { line in
      var path = line
      while let last = path.last, last <= 0x20 { path.removeLast() }
      let isFormer = path.starts(with: flag)
      if isFormer { path = path.dropFirst(flag.count).drop { $0 <= 0x20 } }
      return path.first == 0x2f ? Conffile(path: Array(path), isFormer: isFormer) : nil
    }
  }

  /// The paths of the configuration files that it holds, without their leading slash.
  var ownConffiles: Set<[UInt8]> {
    Set(conffiles.filter { !$0.isFormer }.map { Array($0.path.dropFirst()) })
  }

  /// How dpkg names its files in `info`: with the architecture where several can be installed at once.
  var infoName: String { isMultiArchSame ? "\(name):\(architecture)" : name }

  /// One of its files, or nil.
  func file(_ name: String) -> File? { files.first { $0.name == Array(name.utf8) } }

  private static func isPlain(_ name: [UInt8]) -> Bool {
    !name.isEmpty && name[0] != 0x2e && name.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x2f }
  }

  private static func isName(_ text: String) -> Bool {
    text.utf8.count > 1
      && text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2b || byte == 0x2d
          || byte == 0x2e
      }
  }

  private static func isWord(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x2f }
  }

  private static func trimmed(_ text: [UInt8]) -> [UInt8] {
    var slice = text[...]
    while let last = slice.last, last <= 0x20 { slice.removeLast() }
    while let first = slice.first, first <= 0x20 { slice.removeFirst() }
    return Array(slice)
  }
}

/// How far the parts of a package may expand.
let debLimits = ExpansionLimits(maximumSize: 64 << 30)

extension TarReader {
  /// All data of the current file.
  func all(_ entry: Entry) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(entry.size))
    try bytes.withUnsafeMutableBytes { buffer in
      var done = 0
      while done < buffer.count {
        let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
        if count == 0 { break }
        done += count
      }
    }
    return bytes
  }
}
