import Archive
import ELF
import Posix
import SystemPackage

/// A tree on the host that files are taken from, as if it were the root: no link in it leads out of it.
final class SourceTree {
  /// A name in the tree.
  struct Node {
    var kind: FileKind?
    var status: FileStatus
    /// A symlink's target.
    var target: [UInt8] = []
  }

  /// Where a path leads to.
  struct Found {
    /// The place itself, without symlinks on the way.
    var path: EntryPath
    var node: Node
    /// The symlinks that led there, each at its own place, in the order of the way.
    var links: [EntryPath]
  }

  /// The folder on the host.
  let path: FilePath
  private let root: Descriptor
  private var nodes: [EntryPath: Node?] = [:]
  private var files: [EntryPath: ELFFile] = [:]

  /// What the kernel allows.
  private static let linkLimit = 40

  init(_ path: FilePath) throws {
    self.path = path
    root = try openFile(path, .directory)
  }

  /// A path as the host shows it.
  func shown(_ inside: EntryPath) -> String {
    path == "/" ? "/\(inside)" : "\(path.string)/\(inside)"
  }

  /// What is at a place that is reached without symlinks; nil when there is nothing.
  func node(_ place: EntryPath) throws -> Node? {
    if let known = nodes[place] { return known }
    let node = try look(place)
    nodes[place] = .some(node)
    return node
  }

  private func look(_ place: EntryPath) throws -> Node? {
    guard let parent = place.parent else {
      let status = try root.status(shown: path.string)
      return Node(kind: status.kind, status: status)
    }
    let folder: Descriptor
    do throws(PosixError) {
      folder = try openDirectory(beneath: root.raw, parent.bytes, shown: shown(parent))
    } catch {
      if error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory { return nil }
      throw error
    }
    let relative = Relative(folder.raw)
    let name = Array(place.name)
    guard let status = try relative.status(of: name, shown: shown(place)) else { return nil }
    var node = Node(kind: status.kind, status: status)
    if node.kind == .symlink { node.target = try relative.linkTarget(of: name, shown: shown(place)) }
    return node
  }

  /// Follows a path from the root through symlinks, which never leave the tree; nil when it leads to nothing.
  func resolve(_ path: some Collection<UInt8>) throws -> Found? {
    var current = EntryPath.root
    var links: [EntryPath] = []
    var rest = Array(path.split(separator: 0x2f).map { Array($0) }.reversed())
    guard var node = try node(current) else { return nil }
    while let part = rest.popLast() {
      if part == [0x2e] { continue }
      if node.kind != .directory { return nil }
      if part == [0x2e, 0x2e] {
        current = current.parent ?? .root
        guard let above = try self.node(current) else { return nil }
        node = above
        continue
      }
      if part.count > 255 { return nil }
      let child = try current.appending(part)
      guard let next = try self.node(child) else { return nil }
      if next.kind == .symlink {
        links.append(child)
        if links.count > Self.linkLimit { throw ScratchError.linkLoop(shown(child)) }
        if next.target.first == 0x2f {
          current = .root
          guard let top = try self.node(current) else { return nil }
          node = top
        }
        rest += next.target.split(separator: 0x2f).map { Array($0) }.reversed()
        continue
      }
      current = child
      node = next
    }
    return Found(path: current, node: node, links: links)
  }

  /// Follows a path to a regular file; nil when there is none.
  func file(_ path: some Collection<UInt8>) throws -> Found? {
    guard let found = try resolve(path), found.node.kind == .file else { return nil }
    return found
  }

  /// Opens a regular file at a place that is reached without symlinks.
  func open(_ place: EntryPath) throws -> Descriptor {
    let folder = try openDirectory(beneath: root.raw, (place.parent ?? .root).bytes, shown: shown(place))
    return try Relative(folder.raw).open(Array(place.name), for: .read, shown: shown(place))
  }

  /// The capabilities that a program gets from its file: of all attributes the one that it doesn't work without.
  func capabilities(of place: EntryPath) throws -> [ExtendedAttribute] {
    try open(place).attributes(shown: shown(place))
      .filter { $0.name.elementsEqual("security.capability".utf8) }
      .map { ExtendedAttribute(name: $0.name, value: $0.value) }
  }

  /// The bytes of a file, which may have at most `limit`.
  func read(_ place: EntryPath, limit: Int) throws -> [UInt8] {
    let file = try open(place)
    let size = try file.size()
    if size > UInt64(limit) {
      throw ScratchError.unsuitable(shown(place), problem: "has \(size) bytes, more than \(limit)")
    }
    var bytes = [UInt8](repeating: 0, count: Int(size))
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  /// The names in a directory, in bytewise order; none where there is no directory.
  func names(in place: EntryPath) throws -> [[UInt8]] {
    guard try node(place)?.kind == .directory else { return [] }
    let folder = try openDirectory(beneath: root.raw, place.bytes, shown: shown(place))
    return try listDirectory(folder.raw, shown: shown(place))
  }

  /// What the loader wants to know of a file.
  ///
  /// - Throws: `ScratchError.broken` for what is no ELF file, or a malformed one.
  func elf(_ place: EntryPath) throws -> ELFFile {
    if let known = files[place] { return known }
    let descriptor = try open(place)
    let file: ELFFile
    do {
      file = try ELFFile(size: try descriptor.size()) { offset, count in
        var bytes = [UInt8](repeating: 0, count: count)
        let got = try bytes.withUnsafeMutableBytes { try descriptor.read(into: $0, at: offset) }
        bytes.removeLast(count - got)
        return bytes
      }
    } catch let error as ELFError {
      throw ScratchError.broken(shown(place), error)
    }
    files[place] = file
    return file
  }
}
