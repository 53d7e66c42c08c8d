import Archive
import Rootfs

/// dpkg's lists of files, kept true to what is left out of a tree.
///
/// Lines of paths that go are taken out of `info/*.list` and `*.md5sums`: dpkg --verify then has nothing to
/// miss, and what reads the lists finds what there is. The status file, and so which packages are installed,
/// stays as it is; and so do lines of configuration files, which dpkg knows to be missing by an owner's wish.
struct DpkgDatabase {
  private enum Kind {
    case list
    case sums
  }

  private struct File {
    var node: LayerStack.Node
    var file: LayerStack.FileID
    var package: [UInt8]
    var kind: Kind
  }

  /// Larger ones are not dpkg's: Debian's largest list has some 5 MB.
  private static let limit: UInt64 = 64 << 20

  private var files: [File] = []
  private var configurationLists: [LayerStack.FileID] = []
  private var diversionList: LayerStack.FileID?
  private let stack: LayerStack

  /// Finds the database's files that stay.
  init(_ stack: LayerStack, _ difference: LayerDifference) {
    self.stack = stack
    func found(_ path: String) -> LayerStack.Node? {
      (try? EntryPath(path)).flatMap { stack.find($0) }.flatMap { difference.isOmitted($0) ? nil : $0 }
    }
    func readable(_ node: LayerStack.Node) -> LayerStack.FileID? {
      guard !difference.isOmitted(node), let file = stack.file(at: node), stack[file].kind == .file,
        stack[file].size <= Self.limit
      else { return nil }
      return file
    }
    for folder in ["info", "status.d"] {
      guard let directory = found("var/lib/dpkg/" + folder) else { continue }
      for node in stack.children(of: directory) {
        guard let file = readable(node) else { continue }
        let name = stack.name(of: node)
        func stem(_ ending: String) -> [UInt8]? {
          guard name.count > ending.utf8.count, name.suffix(ending.utf8.count).elementsEqual(ending.utf8)
          else { return nil }
          return Array(name.dropLast(ending.utf8.count).prefix { $0 != 0x3a })
        }
        if let package = stem(".md5sums") {
          files.append(File(node: node, file: file, package: package, kind: .sums))
        } else if folder == "info", let package = stem(".list") {
          files.append(File(node: node, file: file, package: package, kind: .list))
        } else if folder == "info", stem(".conffiles") != nil {
          configurationLists.append(file)
        }
      }
    }
    diversionList = found("var/lib/dpkg/diversions").flatMap(readable)
  }

  /// The files that must be read, in the order of their records.
  var needed: [LayerStack.FileID] {
    (files.map(\.file) + configurationLists + [diversionList].compactMap { $0 }).sorted()
  }

  /// The files that change, and what they hold then.
  func edited(
    _ difference: LayerDifference, in merge: LayerMerge
  ) throws -> [(node: LayerStack.Node, file: LayerStack.FileID, content: [UInt8])] {
    var directories = DirectoryLookup(stack) { merge.entry($0, at: .root).linkTarget }
    var protected: Set<[UInt8]> = []
    for file in configurationLists {
      for line in try content(of: file, merge).split(separator: 0x0a) {
        // A flag may stand before the path.
        if let start = line.firstIndex(of: 0x2f) { protected.insert(Array(line[start...])) }
      }
    }
    let diversions = try self.diversions(merge)
    var result: [(node: LayerStack.Node, file: LayerStack.FileID, content: [UInt8])] = []
    for file in files {
      let old = try content(of: file.file, merge)
      var new: [UInt8] = []
      new.reserveCapacity(old.count)
      for line in old.split(separator: 0x0a) {
        var path = line
        if file.kind == .sums {
          path = (line.firstIndex(of: 0x20).map { line[$0...] } ?? line[line.endIndex...])
            .drop { $0 == 0x20 || $0 == 0x2a }
        }
        var absolute = path.first == 0x2f ? Array(path) : [0x2f] + path
        let isProtected = protected.contains(absolute)
        if let diversion = diversions[absolute], diversion.package != file.package {
          absolute = diversion.to
        }
        if !isProtected, isGone(absolute, &directories, difference) { continue }
        new += line
        new.append(0x0a)
      }
      if new.count < old.count { result.append((file.node, file.file, new)) }
    }
    return result
  }

  private func isGone(
    _ path: [UInt8], _ directories: inout DirectoryLookup, _ difference: LayerDifference
  ) -> Bool {
    guard let path = try? EntryPath(normalising: path), let parent = path.parent,
      let directory = directories.find(parent), let node = stack.child(of: directory, named: path.name)
    else { return false }
    return difference.isOmitted(node)
  }

  /// Where files of packages are that another package has put aside; see deb-old(5), dpkg-divert(1).
  private func diversions(_ merge: LayerMerge) throws -> [[UInt8]: (to: [UInt8], package: [UInt8])] {
    guard let diversionList else { return [:] }
    var lines = try content(of: diversionList, merge)
      .split(separator: 0x0a, omittingEmptySubsequences: false).map(Array.init)[...]
    var result: [[UInt8]: (to: [UInt8], package: [UInt8])] = [:]
    while lines.count >= 3 {
      let start = lines.startIndex
      result[lines[start]] = (lines[start + 1], lines[start + 2])
      lines = lines.dropFirst(3)
    }
    return result
  }

  private func content(of file: LayerStack.FileID, _ merge: LayerMerge) throws -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(stack[file].size))
    try merge.read(file) { bytes += $0 }
    return bytes
  }
}
