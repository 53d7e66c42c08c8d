import Archive
import Codec
import Debian
import Digest
import Posix
import SystemPackage

extension CacheListing {
  /// Finds out what packages and blobs are of, from packages' control files and from the records.
  ///
  /// What can't be read has no label: `CacheCheck` says what is wrong with it.
  public mutating func label() {
    var users: [String: Set<String>] = [:]
    for item in items where item.kind == .record {
      guard item.size <= 1 << 21, let bytes = try? Self.readBytes(item.path) else { continue }
      item.forgetReading()
      for hex in Self.digests(in: bytes) { users[hex, default: []].insert(item.recordKind) }
    }
    for index in items.indices {
      switch items[index].kind {
      case .package: items[index].label = (try? Self.package(items[index])) ?? ""
      case .blob:
        items[index].label = users[items[index].digest?.hex ?? ""]?.sorted().joined(separator: " ") ?? ""
      case .record: items[index].label = items[index].recordKind
      default: break
      }
    }
    let packages = Dictionary(
      items.filter { $0.kind == .package }.map { ($0.digest, $0.label) }, uniquingKeysWith: { one, _ in one })
    for index in items.indices where items[index].kind == .data {
      items[index].label = packages[items[index].digest] ?? ""
    }
  }

  private static func readBytes(_ path: FilePath) throws -> [UInt8] {
    let file = try openFile(path, .read)
    var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    return Array(bytes[..<count])
  }

  /// The digests that a text names.
  private static func digests(in bytes: [UInt8]) -> [String] {
    let start = Array("sha256:".utf8)
    var found: [String] = []
    var index = 0
    while index + start.count + 64 <= bytes.count {
      guard bytes[index] == start[0], bytes[index..<index + start.count].elementsEqual(start) else {
        index += 1
        continue
      }
      index += start.count
      found.append(String(decoding: bytes[index..<index + 64], as: UTF8.self))
    }
    return found
  }

  /// A package's name, version and architecture.
  private static func package(_ item: CacheItem) throws -> String? {
    let file = try openFile(item.path, .read)
    let archive = try DebArchive(file.raw, name: item.path.string)
    let source = RangeSource(file.raw, offset: archive.control.offset, count: archive.control.size)
    let decompressor = try Decompressor(source, threaded: false)
    defer { decompressor.close() }
    let reader = TarReader(decompressor)
    while let entry = try reader.next() {
      guard entry.path.bytes == Array("control".utf8), entry.size <= 1 << 20 else { continue }
      var text = [UInt8](repeating: 0, count: Int(entry.size))
      var count = 0
      while case let got = try text.withUnsafeMutableBytes({ buffer in
        try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
      }), got > 0 { count += got }
      text.removeLast(text.count - count)
      return try text.withUnsafeBytes { bytes -> String? in
        var control = ControlReader(bytes, file: item.path.string)
        var fields = ControlParagraph()
        guard try control.next(&fields) else { return nil }
        let words = [
          fields.bytes(of: "Package"), fields.bytes(of: "Version"), fields.bytes(of: "Architecture"),
        ]
        return words.compactMap { $0.map { displayed($0) } }.joined(separator: " ")
      }
    }
    return nil
  }
}
