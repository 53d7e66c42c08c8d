import Archive
import Digest
public import Rootfs

/// Makes files with the same content further names of the first.
///
/// They must have the same mode, owner and extended attributes; the time is the first one's. Python's sources
/// must have the same time as well, because compiled files name it.
public struct Dedupe: Sendable {
  /// Where: files with a name anywhere else stay as they are.
  public var paths: [Glob]

  /// Where programs are and nothing is written while they run.
  public static let programPaths = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
  ]

  /// Looks in these paths, and in all that is below them.
  public init(in paths: [Glob]) { self.paths = paths }

  private struct Likeness: Hashable {
    var size: UInt64
    var mode: UInt16
    var user: UInt32
    var group: UInt32
    var names: [[UInt8]]
    var attributes: [ExtendedAttribute]
    var time: Timestamp?
    var digest: Digest?
  }

  /// Finds the files of a layer that others can stand for: for each the first one in canonical order.
  ///
  /// - Parameters:
  ///   - shape: what is changed on the way out: what gets another content is left alone.
  func find(
    _ difference: LayerDifference, in merge: LayerMerge, shape: LayerMerge.Shape
  ) throws -> (duplicates: [LayerStack.FileID: LayerStack.FileID], saving: SquashSaving) {
    // The first names of files, in canonical order.
    var order: [(file: LayerStack.FileID, node: LayerStack.Node)] = []
    var seen: [LayerStack.FileID: Bool] = [:]
    difference.walk { step in
      guard case .entry(let node) = step, let file = merge.stack.file(at: node),
        merge.stack[file].kind == .file, merge.stack[file].size > 0
      else { return }
      let path = merge.stack.path(of: node)
      let isInside = paths.contains { $0.covers(path, isDirectory: false) }
      if seen[file] == nil { order.append((file, node)) }
      seen[file] = (seen[file] ?? true) && isInside && shape.contents[file] == nil
    }
    order.removeAll { seen[$0.file] != true }
    let bySize = Dictionary(order.map { (merge.stack[$0.file].size, 1) }, uniquingKeysWith: +)
    order.removeAll { bySize[merge.stack[$0.file].size] == 1 }
    var likenesses: [Likeness] = order.map { file, node in
      likeness(file, merge.stack.path(of: node), merge, shape)
    }
    let alike = Dictionary(likenesses.map { ($0, 1) }, uniquingKeysWith: +)
    let chosen = order.indices.filter { (alike[likenesses[$0]] ?? 0) > 1 }
    // In the order in which they were kept.
    for index in chosen.sorted(by: { order[$0].file < order[$1].file }) {
      likenesses[index].digest = try digest(of: order[index].file, merge)
    }
    var firsts: [Likeness: LayerStack.FileID] = [:]
    var duplicates: [LayerStack.FileID: LayerStack.FileID] = [:]
    var saving = SquashSaving(kind: "dedupe", name: "")
    for index in chosen {
      let file = order[index].file
      guard let first = firsts[likenesses[index]] else {
        firsts[likenesses[index]] = file
        continue
      }
      duplicates[file] = first
      saving.paths += UInt64(merge.stack[file].names)
      saving.bytes = saving.bytes.addingReportingOverflow(merge.stack[file].size).partialValue
    }
    return (duplicates, saving)
  }

  private func likeness(
    _ file: LayerStack.FileID, _ path: EntryPath, _ merge: LayerMerge, _ shape: LayerMerge.Shape
  ) -> Likeness {
    var entry = merge.entry(file, at: path)
    shape.metadata(&entry)
    let isPython = entry.path.name.suffix(3).elementsEqual(".py".utf8)
    return Likeness(
      size: entry.size, mode: entry.mode, user: entry.user, group: entry.group,
      names: [entry.userName, entry.groupName], attributes: entry.attributes,
      time: isPython ? entry.modified : nil)
  }

  private func digest(of file: LayerStack.FileID, _ merge: LayerMerge) throws -> Digest {
    var sum = SHA256()
    try merge.read(file) { sum.update($0) }
    return sum.finish()
  }
}
