public import Archive
import Digest
import Posix

extension TreeListing {
  /// Lists what a source of ours gives, in its order, in the form of the listings that Python makes.
  public static func of(_ source: any EntrySource) throws -> TreeListing {
    var lines: [Line] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while let entry = try source.next() {
      var hasher = SHA256()
      var size: UInt64 = 0
      while entry.kind == .file {
        let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
        if count == 0 { break }
        buffer.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        size += UInt64(count)
      }
      let path = entry.path.isRoot ? "." : escaped(entry.path.bytes)
      if let target = entry.hardlinkTarget {
        lines.append(Line(path, [("type", "hardlink"), ("to", escaped(target.bytes))]))
        continue
      }
      var fields: [(name: String, value: String)] = [("type", name(of: entry.kind))]
      fields.append(("mode", padded(String(entry.mode, radix: 8), 4)))
      fields.append(("owner", "\(entry.user):\(entry.group)"))
      let time = entry.modified
      fields.append(("mtime", "\(time.seconds).\(padded(String(time.nanoseconds), 9))"))
      switch entry.kind {
      case .file:
        fields.append(("size", "\(entry.size)"))
        let sum = hasher.finish().hex
        fields.append(("sha256", size == entry.size ? sum : "\(size) bytes given"))
      case .symlink: fields.append(("to", escaped(entry.linkTarget)))
      case .characterDevice, .blockDevice:
        fields.append(("device", "\(entry.deviceMajor):\(entry.deviceMinor)"))
      case .directory, .fifo, .hardlink: break
      }
      for attribute in entry.attributes {
        let value = attribute.value.map { padded(String($0, radix: 16), 2) }.joined()
        fields.append(("xattr:" + escaped(attribute.name), value.isEmpty ? "-" : value))
      }
      lines.append(Line(path, fields))
    }
    return TreeListing(lines: lines)
  }

  private static func name(of kind: EntryKind) -> String {
    switch kind {
    case .file: "file"
    case .directory: "directory"
    case .symlink: "symlink"
    case .hardlink: "hardlink"
    case .characterDevice: "character"
    case .blockDevice: "block"
    case .fifo: "fifo"
    }
  }

  private static func padded(_ digits: String, _ count: Int) -> String {
    String(repeating: "0", count: max(0, count - digits.count)) + digits
  }

  private static func escaped(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
      switch byte {
      case 0x3d, 0x5c: "\\x" + padded(String(byte, radix: 16), 2)
      case 0x21...0x7e: String(Unicode.Scalar(byte))
      default: "\\x" + padded(String(byte, radix: 16), 2)
      }
    }.joined()
  }
}
