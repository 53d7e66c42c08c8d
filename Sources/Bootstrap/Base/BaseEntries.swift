import Archive
import Debian
import Posix
import Rootfs

/// Entries of packages that are only unpacked, as they lie over the tree of an image: its symlinks lead on, its
/// directories stay as they are.
final class BaseEntries: EntrySource {
  private let base: BaseSystem
  private let source: ExtractedEntries
  /// Directories that have been given, or are a package's own.
  private var given: Set<EntryPath> = []
  private var waiting: [Entry] = []
  /// The entry that comes after what waits; its data are the source's.
  private var following: Entry?
  private var hasData = false

  init(_ base: BaseSystem, _ source: ExtractedEntries) {
    self.base = base
    self.source = source
  }

  func next() throws -> Entry? {
    hasData = false
    while true {
      if let entry = waiting.popLast() { return entry }
      if let entry = following {
        following = nil
        hasData = true
        return entry
      }
      guard let entry = try source.next() else { return nil }
      try take(entry)
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    hasData ? try source.read(into: buffer) : 0
  }

  private func take(_ entry: Entry) throws {
    if entry.path.isRoot { return }
    var entry = entry
    entry.path = try base.place(entry.path)
    if let target = entry.hardlinkTarget { entry.hardlinkTarget = try base.place(target) }
    if let below = base.entry(entry.path) {
      let end = below.kind == .symlink ? try base.resolve(entry.path) : entry.path
      let leadsToDirectory = base.entry(end)?.kind == .directory
      if below.kind == .directory || leadsToDirectory {
        // As with dpkg, a directory stays as it is, and also where a symlink to one would be.
        if entry.kind == .directory || (entry.kind == .symlink && below.kind == .directory) { return }
        if below.kind == .directory {
          throw BootstrapError.unsuitableBase("/\(entry.path) is a directory there, and a file in a package")
        }
      }
    }
    if entry.kind == .directory { given.insert(entry.path) }
    var parent = entry.path.parent
    while let path = parent, !given.contains(path) {
      // A directory that the layer names has to look as it did.
      if let below = base.entry(path), below.kind == .directory {
        given.insert(path)
        waiting.insert(below, at: 0)
      }
      parent = path.parent
    }
    following = entry
  }
}

extension DpkgDatabase {
  /// The records of packages that were added to an image, as files of its tree.
  static func parts(_ unpacked: [UnpackedPackage], onto base: BaseSystem) throws -> [RootPart] {
    if base.packages.kind == .recorded { return records(unpacked) }
    var parts: [RootPart] = []
    for part in self.parts(unpacked) {
      var part = part
      guard case .file(let bytes) = part.content, let before = try base.read(part.path) else {
        parts.append(part)
        continue
      }
      if part.path.hasSuffix("/info/format") { continue }
      if part.path == "var/lib/dpkg/status" {
        part.content = .file(try joined(before, bytes))
      } else if part.path.hasPrefix("var/lib/dpkg/triggers/") {
        part.content = .file(before + bytes)
      }
      parts.append(part)
    }
    return parts
  }

  /// Two status files as one, in the order of the names that `info` has for packages.
  private static func joined(_ before: [UInt8], _ added: [UInt8]) throws -> [UInt8] {
    var stanzas: [(name: String, text: [UInt8])] = []
    for paragraph in BasePackages.paragraphs(before) + BasePackages.paragraphs(added) {
      try BasePackages.fields(paragraph, ["Package", "Multi-Arch", "Architecture"], "status") { values in
        let name = values[1] == "same" ? "\(values[0]):\(values[2])" : values[0]
        stanzas.append((name, Array(paragraph)))
      }
    }
    stanzas.sort { $0.name < $1.name }
    return stanzas.flatMap { $0.text + ($0.text.last == 0x0a ? [] : [0x0a]) + [0x0a] }
  }

  /// What images without dpkg have of their packages.
  private static func records(_ unpacked: [UnpackedPackage]) -> [RootPart] {
    let folder = "var/lib/dpkg/status.d/"
    var parts: [RootPart] = []
    for package in unpacked.sorted(by: { $0.package.control.name < $1.package.control.name }) {
      let control = package.package.control
      parts.append(
        RootPart(folder + control.name, mode: 0o644, content: .file(control.control + [0x0a])))
      let sums = control.file("md5sums")?.bytes ?? sums(package)
      if !sums.isEmpty {
        parts.append(RootPart(folder + control.name + ".md5sums", mode: 0o644, content: .file(sums)))
      }
    }
    return parts
  }
}
