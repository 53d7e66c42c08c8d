import Archive
import Debian
import Rootfs

/// A package that dpkg knows of.
public struct InstalledPackage: Sendable, Hashable {
  /// Its name, without an architecture.
  public var name: String
  /// Its version; nil where only its list of files is there.
  public var version: String?
}

/// Which package each file of a tree belongs to, by dpkg's own lists.
///
/// Lists name paths as the packages have them; in a merged-/usr system `/bin/x` is `usr/bin/x`, so their
/// directories are followed through symlinks. A file that several packages list is the first one's in the
/// order of names. Packages of one name for several architectures count as one. Diversions are not looked at.
struct PackageOwnership {
  private(set) var packages: [InstalledPackage] = []
  private(set) var owner: [LayerStack.FileID: Int] = [:]
  private(set) var notices: [String] = []

  private let stack: LayerStack
  private var directories: DirectoryLookup

  init(_ stack: LayerStack, _ notes: TreeNotes) {
    self.stack = stack
    let targets = notes.targets
    directories = DirectoryLookup(stack) { targets[$0] }
    var versions: [String: String] = [:]
    var lists: [String: [[UInt8]]] = [:]
    // In distroless images the file's name stands for the package's.
    var realNames: [[UInt8]: String] = [:]
    var sums: [(name: [UInt8], content: [UInt8])] = []
    for file in notes.contents.keys.sorted() {
      guard let content = notes.contents[file], let path = DpkgPath(stack.path(of: file)),
        let node = stack.find(stack.path(of: file)), stack.file(at: node) == file
      else { continue }
      switch path {
      case .status:
        for paragraph in paragraphs(content, stack.path(of: file)) where paragraph.isInstalled {
          versions[paragraph.name] = paragraph.version
          lists[paragraph.name, default: []] += []
        }
      case .list(let name):
        lists[Self.text(name.prefix { $0 != 0x3a }), default: []].append(content)
      case .paragraph(let name):
        guard let paragraph = paragraphs(content, stack.path(of: file)).first else { continue }
        realNames[Array(name)] = paragraph.name
        versions[paragraph.name] = paragraph.version
        lists[paragraph.name, default: []] += []
      case .sums(let name):
        sums.append((Array(name), content))
      }
    }
    for (name, content) in sums {
      lists[realNames[name] ?? Self.text(name[...]), default: []].append(Self.paths(inSums: content))
    }
    for name in lists.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      packages.append(InstalledPackage(name: name, version: versions[name]))
      for list in lists[name] ?? [] { own(list, packages.count - 1) }
    }
  }

  private mutating func own(_ list: [UInt8], _ package: Int) {
    for line in list.split(separator: 0x0a) {
      guard let path = try? EntryPath(normalising: line), let parent = path.parent,
        let directory = directories.find(parent), let node = stack.child(of: directory, named: path.name),
        let file = stack.file(at: node), stack[file].kind == .file, owner[file] == nil
      else { continue }
      owner[file] = package
    }
  }

  /// The paths of an md5sums file, one a line.
  private static func paths(inSums content: [UInt8]) -> [UInt8] {
    var paths: [UInt8] = []
    for line in content.split(separator: 0x0a) {
      guard let gap = line.firstIndex(of: 0x20) else { continue }
      paths += line[gap...].drop { $0 == 0x20 || $0 == 0x2a } + [0x0a]
    }
    return paths
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}

extension PackageOwnership {
  /// The fields of a paragraph that matter here.
  private struct Paragraph {
    var name: String
    var version: String?
    var isInstalled: Bool
  }

  /// The paragraphs of a status file. What comes after a malformed one is lost, which is said: versions are
  /// missing then, while the lists of files still tell what belongs to whom.
  private mutating func paragraphs(_ content: [UInt8], _ path: EntryPath) -> [Paragraph] {
    var result: [Paragraph] = []
    do {
      try content.withUnsafeBytes { bytes in
        var reader = ControlReader(bytes, file: path.description)
        var paragraph = ControlParagraph()
        while try reader.next(&paragraph) {
          func text(_ name: StaticString) -> String? {
            paragraph.bytes(of: name).map { String(decoding: $0, as: UTF8.self) }
          }
          guard let name = text("Package") else { continue }
          let state = paragraph.words(of: "Status")?.last
          result.append(
            Paragraph(
              name: name, version: text("Version"),
              isInstalled: state != "not-installed" && state != "config-files"))
        }
      }
    } catch { notices.append("\(error)") }
    return result
  }
}
