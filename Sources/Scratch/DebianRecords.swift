import Archive
import Debian
import Posix

/// Says in an image which Debian packages its files are from, as distroless images do, so that scanners see them:
/// a paragraph of each in `var/lib/dpkg/status.d`, the sums of its files beside it, and its copyright.
struct DebianRecords {
  private let root: SourceTree
  private let tree: ImageTree

  private static let listLimit = 1 << 26
  private static let database = "var/lib/dpkg"

  init(_ root: SourceTree, into tree: ImageTree) {
    self.root = root
    self.tree = tree
  }

  /// Writes the records of the packages that have these files of the root. Without dpkg's database there are none.
  func write(_ files: Set<EntryPath>) throws {
    let info = try EntryPath("\(Self.database)/info")
    guard let status = try root.file(Array("\(Self.database)/status".utf8)) else { return }
    let names = try spellings(files)
    // What ca-certificates makes when it is configured is in no list.
    let bundle = try EntryPath("etc/ssl/certs/ca-certificates.crt")
    var wanted: [[UInt8]: Set<[UInt8]>] = [:]
    for file in try root.names(in: info) where file.hasSuffix(".list") {
      let package = Array(file.dropLast(5))
      let list = try root.read(info.appending(file), limit: Self.listLimit)
      for line in list.split(separator: 0x0a) where names.contains(line.dropFirst()) {
        wanted[package, default: []].insert(Array(line.dropFirst()))
      }
    }
    if files.contains(bundle) { wanted[Array("ca-certificates".utf8), default: []].insert(bundle.bytes) }
    if wanted.isEmpty { return }
    let paragraphs = try paragraphs(of: status.path)
    for package in wanted.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      try write(package, files: wanted[package] ?? [], paragraphs: paragraphs, info: info)
    }
  }

  /// The names that lists may have for files: where `/lib` is a link to `usr/lib`, packages name either.
  private func spellings(_ files: Set<EntryPath>) throws -> Set<ArraySlice<UInt8>> {
    var names: Set<ArraySlice<UInt8>> = []
    for file in files {
      names.insert(file.bytes[...])
      let parts = file.parts
      guard parts.count > 2, parts[0].elementsEqual("usr".utf8) else { continue }
      let top = try EntryPath(normalising: parts[1])
      if try root.node(top)?.kind == .symlink {
        names.insert(EntryPath(parts: Array(parts.dropFirst())).bytes[...])
      }
    }
    return names
  }

  private struct Paragraph {
    var text: [UInt8]
    var name: [UInt8]
    var architecture: [UInt8]
  }

  /// The paragraphs of the packages that are installed.
  private func paragraphs(of status: EntryPath) throws -> [Paragraph] {
    let bytes = try root.read(status, limit: Self.listLimit)
    var result: [Paragraph] = []
    var start = 0
    while start < bytes.count {
      var end = start
      while end < bytes.count, !(bytes[end] == 0x0a && (end + 1 == bytes.count || bytes[end + 1] == 0x0a)) {
        end += 1
      }
      let text = Array(bytes[start..<min(end + 1, bytes.count)])
      start = end + 2
      let paragraph: Paragraph? = try text.withUnsafeBytes { buffer in
        var reader = ControlReader(buffer, file: root.shown(status))
        var fields = ControlParagraph()
        guard try reader.next(&fields), let name = fields.bytes(of: "Package"),
          fields.words(of: "Status")?.last == "installed"
        else { return nil }
        return Paragraph(
          text: text, name: Array(name),
          architecture: fields.bytes(of: "Architecture").map { Array($0) } ?? [])
      }
      if let paragraph { result.append(paragraph) }
    }
    return result
  }

  private func write(
    _ package: [UInt8], files: Set<[UInt8]>, paragraphs: [Paragraph], info: EntryPath
  ) throws {
    // Lists of packages that several architectures can have are named NAME:ARCHITECTURE.
    let parts = package.split(separator: 0x3a, maxSplits: 1)
    let name = Array(parts.first ?? [])
    let architecture = parts.count > 1 ? Array(parts[1]) : nil
    let found = paragraphs.filter {
      $0.name == name && (architecture == nil || $0.architecture == architecture)
    }
    guard let paragraph = found.first else { return }
    let isAlone = paragraphs.filter { $0.name == name }.count == 1
    let folder = try EntryPath("\(Self.database)/status.d")
    let own = isAlone || architecture == nil ? name : package
    try put(try folder.appending(own), paragraph.text)
    if let sums = try root.file(info.appending(package + Array(".md5sums".utf8)).bytes) {
      var lines: [UInt8] = []
      for line in try root.read(sums.path, limit: Self.listLimit).split(separator: 0x0a) {
        guard let gap = line.firstIndex(of: 0x20) else { continue }
        let path = line[gap...].drop { $0 == 0x20 || $0 == 0x2a }
        if files.contains(Array(path)), tree.resolve(path) != nil { lines += line + [0x0a] }
      }
      if !lines.isEmpty { try put(try folder.appending(own + Array(".md5sums".utf8)), lines) }
    }
    if let copyright = try root.file(Array("usr/share/doc/".utf8) + name + Array("/copyright".utf8)) {
      try tree.put(copyright, of: root)
    }
  }

  private func put(_ path: EntryPath, _ bytes: [UInt8]) throws {
    try tree.put(Entry(path, .file, mode: 0o644, size: UInt64(bytes.count)), .bytes(bytes))
  }
}

extension [UInt8] {
  fileprivate func hasSuffix(_ text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}
