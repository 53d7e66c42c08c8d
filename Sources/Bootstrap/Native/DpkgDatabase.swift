import Archive
import Debian
import Glibc
import Posix
import SystemPackage

/// dpkg's database in a root directory, as dpkg itself writes it on unpacking; see dpkg's
/// `lib/dpkg/dbmodify.c`, `infodb-*.c` and `triglib.c`.
///
/// dpkg reads it afterwards and writes it anew, so only what it would understand matters, not how it looks.
struct DpkgDatabase {
  private let folder: FilePath

  init(root: FilePath) { folder = root.appending("var/lib/dpkg") }

  /// One of its files; empty when it is missing.
  func read(_ name: String) throws(BootstrapError) -> [UInt8] {
    let path = folder.appending(name)
    return fileExists(path) ? try readHostFile(path, limit: 256 << 20) : []
  }

  /// Adds packages that have just been unpacked.
  func add(_ unpacked: [UnpackedPackage]) throws {
    if unpacked.isEmpty { return }
    let directory = try openFile(folder.appending("info"), .directory)
    let info = Relative(directory.raw)
    try write("info/format", Array("1\n".utf8))
    var stanzas = Self.stanzas(try read("status"))
    for package in unpacked {
      try writeInfo(package, info)
      stanzas.append(Self.stanza(package.package.control) { _ in Self.newConffile })
    }
    // By name, as dpkg writes it: the order in which it configures depends on what it reads first.
    stanzas.sort { $0.lexicographicallyPrecedes($1) }
    try write("status", Array(stanzas.joined()))
    for (name, text) in Self.interests(unpacked) { try append(name, text) }
    try addTriggers(unpacked)
  }

  /// The paragraphs of a status file, which begin with the package's name.
  private static func stanzas(_ text: [UInt8]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var start = 0
    var index = 0
    while index + 1 < text.count {
      if text[index] == 0x0a, text[index + 1] == 0x0a {
        result.append(Array(text[start..<(index + 2)]))
        start = index + 2
        index = start
      } else {
        index += 1
      }
    }
    if start < text.count { result.append(Array(text[start...]) + [0x0a]) }
    return result
  }

  /// What dpkg writes for the sum of a configuration file that it has not put into its place yet.
  private static let newConffile = Array("newconffile".utf8)

  /// The paragraph of a package that is unpacked and not configured.
  ///
  /// - Parameter sum: what stands for the md5 sum of a configuration file.
  static func stanza(_ control: PackageControl, sum: ([UInt8]) -> [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    // After the first line, which names the package.
    let end = control.control.firstIndex(of: 0x0a) ?? control.control.endIndex
    text += control.control[..<end]
    text += Array("\nStatus: install ok unpacked".utf8)
    text += control.control[end...]
    if !control.conffiles.isEmpty { text += Array("\nConffiles:".utf8) }
    for file in control.conffiles {
      text += [0x0a, 0x20] + file.path + [0x20]
      text += file.isFormer ? newConffile + Array(" remove-on-upgrade".utf8) : sum(file.path)
    }
    return text + Array("\n\n".utf8)
  }

  /// The whole database of packages that lie in their places and are not configured, as files of a root.
  static func parts(_ unpacked: [UnpackedPackage]) -> [RootPart] {
    let base = "var/lib/dpkg/"
    var parts = [RootPart(base + "info/format", mode: 0o644, content: .file(Array("1\n".utf8)))]
    var status: [UInt8] = []
    for package in unpacked.sorted(by: { $0.package.control.infoName < $1.package.control.infoName }) {
      let control = package.package.control
      status += stanza(control) { path in
        package.sums[Array(path.dropFirst())].map { Array($0.utf8) } ?? newConffile
      }
      let name = base + "info/" + control.infoName + "."
      for file in control.files {
        var part = RootPart(
          name + String(decoding: file.name, as: UTF8.self), mode: UInt32(file.mode),
          content: .file(file.bytes))
        part.seconds = file.modified.seconds
        parts.append(part)
      }
      parts.append(RootPart(name + "list", mode: 0o644, content: .file(list(package))))
      if package.isSummed {
        parts.append(RootPart(name + "md5sums", mode: 0o644, content: .file(sums(package))))
      }
    }
    parts.append(RootPart(base + "status", mode: 0o644, content: .file(status)))
    for (name, text) in interests(unpacked) {
      parts.append(RootPart(base + name, mode: 0o644, content: .file(text)))
    }
    return parts
  }

  private static func list(_ unpacked: UnpackedPackage) -> [UInt8] {
    var list: [UInt8] = []
    for path in unpacked.list { list += path + [0x0a] }
    return list
  }

  /// What a package without md5 sums gets for them.
  static func sums(_ unpacked: UnpackedPackage) -> [UInt8] {
    var text: [UInt8] = []
    for path in unpacked.list {
      guard let sum = unpacked.sums[Array(path.dropFirst())] else { continue }
      text += Array((sum + "  ").utf8) + path.dropFirst() + [0x0a]
    }
    return text
  }

  private func writeInfo(_ unpacked: UnpackedPackage, _ info: Relative) throws {
    let control = unpacked.package.control
    func add(_ suffix: [UInt8], _ bytes: [UInt8], _ mode: UInt16, _ time: Timestamp?) throws {
      let name = Array(control.infoName.utf8) + [0x2e] + suffix
      guard let file = try info.createFile(name, mode: mode, shown: displayed(name)) else {
        throw DebError(unpacked.package.file, .control("\(displayed(name)) is there already"))
      }
      let raw = file.raw
      try bytes.withUnsafeBytes { try writeAll(raw, $0) }
      if let time {
        try file.setModified(seconds: time.seconds, nanoseconds: time.nanoseconds, shown: displayed(name))
      }
    }
    for file in control.files { try add(file.name, file.bytes, file.mode, file.modified) }
    try add(Array("list".utf8), Self.list(unpacked), 0o644, nil)
    if unpacked.isSummed { try add(Array("md5sums".utf8), Self.sums(unpacked), 0o644, nil) }
  }

  // MARK: Triggers

  /// What packages want to be woken by: paths in `triggers/File`, names in files of their own.
  private static func interests(_ unpacked: [UnpackedPackage]) -> [(name: String, text: [UInt8])] {
    var files: [UInt8] = []
    var named: [String: [UInt8]] = [:]
    for package in unpacked {
      let control = package.package.control
      guard let text = control.file("triggers")?.bytes else { continue }
      for words in words(text) where words.count == 2 {
        let noawait: [UInt8]
        switch String(decoding: words[0], as: UTF8.self) {
        case "interest", "interest-await": noawait = []
        case "interest-noawait": noawait = Array("/noawait".utf8)
        default: continue
        }
        let who = Array(control.infoName.utf8) + noawait + [0x0a]
        if words[1].first == 0x2f {
          files += words[1]
          files.append(0x20)
          files += who
        } else if words[1].allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2f }), words[1].first != 0x2e {
          named["triggers/" + String(decoding: words[1], as: UTF8.self), default: []] += who
        }
      }
    }
    let others = named.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    return (files.isEmpty ? [] : [("triggers/File", files)]) + others
  }

  private static func words(_ text: [UInt8]) -> [[ArraySlice<UInt8>]] {
    text.split(separator: 0x0a).map { line in
      line.prefix { $0 != 0x23 }.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
    }
  }

  /// The paths that triggers watch.
  func watchedPaths() throws(BootstrapError) -> Set<[UInt8]> {
    Set(Self.words(try read("triggers/File")).compactMap { $0.first.map(Array.init) })
  }

  /// Triggers that unpacking has activated, for dpkg to take up at its next start.
  private func addTriggers(_ unpacked: [UnpackedPackage]) throws {
    let all = unpacked.reduce(into: Set<[UInt8]>()) { $0.formUnion($1.triggers) }
    if all.isEmpty { return }
    var text: [UInt8] = []
    for trigger in all.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      text += trigger + Array(" -\n".utf8)
    }
    try append("triggers/Unincorp", text)
  }

  // MARK: Files

  /// Takes paths out of the list of a package whose files another has replaced.
  func remove(fromListOf control: PackageControl, _ isGone: ([UInt8]) -> Bool) throws(BootstrapError) {
    let name = "info/\(control.infoName).list"
    var kept: [UInt8] = []
    for line in try read(name).split(separator: 0x0a) {
      if isGone(Array(line)) { continue }
      kept += line + [0x0a]
    }
    try write(name, kept)
  }

  func write(_ name: String, _ bytes: [UInt8]) throws(BootstrapError) {
    let path = folder.appending(name)
    _ = path.withPlatformString { unlink($0) }
    try writeHostFile(path, bytes)
  }

  private func append(_ name: String, _ bytes: [UInt8]) throws(BootstrapError) {
    try write(name, try read(name) + bytes)
  }
}
