import Archive
import Rootfs

/// The folders that `ld.so.conf` names: ldconfig(8).
struct LoaderConfiguration {
  /// The folders with a leading slash, in the order in which they are searched.
  private(set) var folders: [[UInt8]] = []
  private let tree: SourceTree
  private var seen: Set<EntryPath> = []

  private static let fileLimit = 1 << 20
  private static let depthLimit = 16

  /// Reads the configuration of a tree; without one there are no folders.
  init(_ tree: SourceTree) throws {
    self.tree = tree
    if let file = try tree.file(Array("etc/ld.so.conf".utf8)) { try read(file.path, depth: 0) }
  }

  private mutating func read(_ file: EntryPath, depth: Int) throws {
    // A file that includes itself is read once.
    if depth > Self.depthLimit || !seen.insert(file).inserted { return }
    let bytes = try tree.read(file, limit: Self.fileLimit)
    for line in bytes.split(separator: 0x0a) {
      let text = line.prefix { $0 != UInt8(ascii: "#") }
      let words = text.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
      guard let first = words.first else { continue }
      if first.elementsEqual("include".utf8) {
        for pattern in words.dropFirst() { try include(Array(pattern), from: file, depth: depth) }
      } else if first.elementsEqual("hwcap".utf8) {
        continue
      } else {
        // Folders may also be divided by colons and commas.
        for part in text.split(whereSeparator: { [0x3a, 0x2c, 0x20, 0x09, 0x0d].contains($0) }) {
          // DIR=TYPE, as old versions had it.
          let path = part.prefix { $0 != UInt8(ascii: "=") }
          if path.first != 0x2f { continue }
          let folder = lexicallyNormal(path)
          if !folders.contains(folder) { folders.append(folder) }
        }
      }
    }
  }

  private mutating func include(_ pattern: [UInt8], from file: EntryPath, depth: Int) throws {
    let whole = pattern.first == 0x2f ? pattern : [0x2f] + (file.parent ?? .root).bytes + [0x2f] + pattern
    for match in try tree.matches(whole) {
      if let found = try tree.file(match.bytes) { try read(found.path, depth: depth + 1) }
    }
  }
}

extension SourceTree {
  /// The paths that a shell's pattern finds, in bytewise order.
  func matches(_ pattern: [UInt8]) throws -> [EntryPath] {
    var found = [EntryPath.root]
    for part in pattern.split(separator: 0x2f) {
      var next: [EntryPath] = []
      let special: Set<UInt8> = [UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "[")]
      for folder in found {
        guard part.contains(where: { special.contains($0) }) else {
          next.append(try folder.appending(Array(part)))
          continue
        }
        guard let place = try resolve(folder.bytes), let glob = try? Glob([0x2f] + Array(part)) else {
          continue
        }
        for name in try names(in: place.path) where name.first != 0x2e {
          if glob.matches(try EntryPath(normalising: name), isDirectory: false) {
            next.append(try folder.appending(name))
          }
        }
      }
      found = next
    }
    return found
  }
}
