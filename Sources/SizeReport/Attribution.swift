public import Archive
import Posix
import Rootfs

/// By what the bytes of a tree are told apart.
public enum Grouping: String, Sendable, CaseIterable {
  /// The layer that stores them.
  case layer
  /// The package that owns the file.
  case package
  /// The directory that the file is in.
  case directory
  /// The file itself.
  case file
  /// The ending of its name.
  case `extension`
}

/// A part of the bytes of a tree.
public struct Share: Sendable, Hashable {
  /// What it is: a layer's number, a package, a path, `.ext`; `(none)` for files that no package owns and
  /// for names without an ending. Bytes that are no text are escaped.
  public var name: String
  /// Its files, however many names they have.
  public var files: UInt64
  /// Their bytes.
  public var bytes: UInt64
}

/// A file of the tree, for people.
public struct FileRow: Sendable, Hashable {
  /// The first of its names in tree order.
  public var path: EntryPath
  /// Its bytes.
  public var size: UInt64
  /// How many names it has.
  public var names: UInt32
  /// The layer that stores it, from 1.
  public var layer: Int
  /// The package that owns it.
  public var package: String?
}

/// A path with bytes that layers store for nothing.
public struct WastedRow: Sendable, Hashable {
  /// The path that they were stored with.
  public var path: EntryPath
  /// The bytes.
  public var bytes: UInt64
  /// The layers that store them, from 1, in order; one for each time.
  public var layers: [Int]
}

extension ImageReport {
  /// The bytes of the tree in parts, each byte in one of them; the largest first, then by name. Layers come
  /// in their own order.
  ///
  /// - Parameters:
  ///   - depth: how many parts of a path name a directory, for `directory`: what is deeper counts there.
  ///   - layer: the layer, from 1, whose bytes alone are looked at; nil for all.
  public func shares(by grouping: Grouping, depth: Int = 2, layer: Int? = nil) -> [Share] {
    var sums: [[UInt8]: (files: UInt64, bytes: UInt64)] = [:]
    if grouping == .layer {
      for number in layers.indices where layer == nil || layer == number + 1 {
        sums[Array(String(number + 1).utf8)] = (0, 0)
      }
    }
    for living in files {
      let file = stack[living.file]
      if let layer, Int(file.layer) != layer - 1 { continue }
      let key: [UInt8] =
        switch grouping {
        case .layer: Array(String(file.layer + 1).utf8)
        case .package: living.package.map { Array(packages[$0].name.utf8) } ?? noneKey
        case .directory: directory(of: living.node, depth: depth)
        case .file: stack.path(of: living.node).bytes
        case .extension: fileEnding(stack.name(of: living.node)).map { [0x2e] + $0 } ?? noneKey
        }
      sums[key, default: (0, 0)].files += 1
      sums[key, default: (0, 0)].bytes = sum(sums[key]?.bytes ?? 0, file.size)
    }
    let ordered = sums.sorted { one, other in
      if grouping == .layer {
        return (one.key.count, String(decoding: one.key, as: UTF8.self))
          < (other.key.count, String(decoding: other.key, as: UTF8.self))
      }
      if one.value.bytes != other.value.bytes { return one.value.bytes > other.value.bytes }
      return one.key.lexicographicallyPrecedes(other.key)
    }
    return ordered.map { Share(name: displayed($0.key), files: $0.value.files, bytes: $0.value.bytes) }
  }

  private var noneKey: [UInt8] { Array("(none)".utf8) }

  /// The first parts of the path of the directory that a path is in; "." for the root.
  private func directory(of node: LayerStack.Node, depth: Int) -> [UInt8] {
    let parts = stack.path(of: node).parts.dropLast().prefix(max(0, depth))
    return parts.isEmpty ? [0x2e] : Array(parts.joined(separator: [0x2f]))
  }

  /// The largest files of the tree, the largest first, then in tree order.
  public func largestFiles(_ count: Int, layer: Int? = nil) -> [FileRow] {
    let chosen = files.filter { layer == nil || Int(stack[$0.file].layer) + 1 == layer }
    let order = chosen.indices.sorted { one, other in
      let left = stack[chosen[one].file].size
      let right = stack[chosen[other].file].size
      return left != right ? left > right : one < other
    }
    return order.prefix(max(0, count)).map { row(chosen[$0]) }
  }

  private func row(_ living: LivingFile) -> FileRow {
    let file = stack[living.file]
    return FileRow(
      path: stack.path(of: living.node), size: file.size, names: file.names, layer: Int(file.layer) + 1,
      package: living.package.map { packages[$0].name })
  }

  /// The paths with the most bytes that are stored for nothing, the most first, then in tree order.
  public func mostWasted(_ count: Int, layer: Int? = nil) -> [WastedRow] {
    var rows: [EntryPath: WastedRow] = [:]
    for number in 0..<stack.fileCount {
      let file = stack[number]
      guard file.names == 0, file.size > 0, layer == nil || Int(file.layer) + 1 == layer else { continue }
      let path = stack.path(of: number)
      var row = rows[path] ?? WastedRow(path: path, bytes: 0, layers: [])
      row.bytes = sum(row.bytes, file.size)
      row.layers.append(Int(file.layer) + 1)
      rows[path] = row
    }
    let ordered = rows.values.sorted { one, other in
      one.bytes != other.bytes ? one.bytes > other.bytes : one.path < other.path
    }
    return Array(ordered.prefix(max(0, count)))
  }

  /// The bytes of the files that a package owns; nil when there is no such package.
  public func bytes(ofPackage name: String) -> UInt64? {
    guard let index = packages.firstIndex(where: { $0.name == name }) else { return nil }
    return files.reduce(0) { $1.package == index ? sum($0, stack[$1.file].size) : $0 }
  }

  /// The bytes of a file, whichever of its names is given; nil when there is no such file.
  public func bytes(ofFile path: EntryPath) -> UInt64? {
    guard let node = stack.find(path), let file = stack.file(at: node), stack[file].kind == .file else {
      return nil
    }
    return stack[file].size
  }

  /// The bytes of all files in a directory and below, each once; nil when there is no such directory.
  public func bytes(inDirectory path: EntryPath) -> UInt64? {
    guard let directory = stack.find(path), stack.isDirectory(directory) else { return nil }
    var seen: Set<LayerStack.FileID> = []
    var bytes: UInt64 = 0
    var waiting = [directory]
    while let node = waiting.popLast() {
      if stack.isDirectory(node) {
        waiting += stack.children(of: node)
      } else if let file = stack.file(at: node), seen.insert(file).inserted {
        bytes = sum(bytes, stack[file].size)
      }
    }
    return bytes
  }
}

/// The ending of a file's name in lower case, without the dot; nil for none.
///
/// Numbers at the end are versions and no endings: `libc.so.6` ends in `so`.
func fileEnding(_ name: ArraySlice<UInt8>) -> [UInt8]? {
  var rest = name
  while let dot = rest.lastIndex(of: 0x2e), dot > rest.startIndex {
    let ending = rest[(dot + 1)...]
    if ending.isEmpty { return nil }
    if ending.contains(where: { !(0x30...0x39).contains($0) }) {
      // What is long or has blanks is a name with a dot in it.
      guard ending.count <= 16, !ending.contains(0x20) else { return nil }
      return ending.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
    }
    rest = rest[..<dot]
  }
  return nil
}
