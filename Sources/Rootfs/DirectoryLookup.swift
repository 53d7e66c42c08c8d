public import Archive

/// Finds directories of a tree of layers as a program in it would: symlinks followed, within the tree.
///
/// In a merged-/usr system `/bin` is `usr/bin`. What was found is remembered.
public struct DirectoryLookup {
  private let stack: LayerStack
  private let target: (LayerStack.FileID) -> [UInt8]?
  private var known: [[UInt8]: LayerStack.Node?] = [:]

  /// - Parameter target: where a symlink leads.
  public init(_ stack: LayerStack, target: @escaping (LayerStack.FileID) -> [UInt8]?) {
    self.stack = stack
    self.target = target
  }

  /// The directory that a path leads to; nil where there is none.
  public mutating func find(_ path: EntryPath) -> LayerStack.Node? {
    if let known = known[path.bytes] { return known }
    let found = follow(path)
    known[path.bytes] = .some(found)
    return found
  }

  private func follow(_ path: EntryPath) -> LayerStack.Node? {
    var node = stack.root
    var rest = Array(path.parts.reversed())
    var links = 0
    while let part = rest.popLast() {
      if part.elementsEqual([0x2e]) { continue }
      if part.elementsEqual([0x2e, 0x2e]) {
        node = stack.parent(of: node) ?? stack.root
        continue
      }
      guard let next = stack.child(of: node, named: part) else { return nil }
      if let file = stack.file(at: next), stack[file].kind == .symlink, let target = target(file) {
        links += 1
        // What the kernel allows.
        if links > 40 { return nil }
        if target.first == 0x2f { node = stack.root }
        rest += target.split(separator: 0x2f).reversed()
        continue
      }
      node = next
    }
    return stack.isDirectory(node) ? node : nil
  }
}
