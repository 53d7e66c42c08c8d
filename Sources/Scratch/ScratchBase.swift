public import Archive
public import OCI
public import Rootfs
public import SystemPackage

/// An image that programs and extras are put on top of: its tree.
public final class ScratchBase: @unchecked Sendable {
  // Used by one thread at a time.
  private let merge: LayerMerge
  /// How the image is run.
  public var runtime = RuntimeConfig()
  /// What the history calls it.
  public var name = ""

  /// Nothing yet.
  ///
  /// - Parameter temporaryDirectory: where the files of the tree are kept, in one file without a name.
  public init(temporaryDirectory: FilePath) {
    merge = LayerMerge(temporaryDirectory: temporaryDirectory, memory: 16 << 20)
  }

  /// Lays a layer on top of those before.
  ///
  /// - Throws: `LayerError`, `TreeError`, and what the source throws.
  public func apply(_ layer: any EntrySource) throws { try merge.apply(layer, keepsData: true) }

  /// Gives the whole tree, in canonical order.
  public func send(to sink: any EntrySink) throws {
    var whole = merge.difference()
    whole.find()
    try merge.send(whole, to: sink)
  }

  /// All entries of the tree, each as if it had its name alone.
  func forEach(_ body: (Entry, LayerStack.FileID?) throws -> Void) rethrows {
    let stack = merge.stack
    try stack.walk { node in
      let path = stack.path(of: node)
      if path.isRoot { return }
      if let file = stack.file(at: node) {
        try body(merge.entry(file, at: path), file)
      } else if stack.isDirectory(node) {
        try body(Entry(path, .directory, mode: 0o755), nil)
      }
    }
  }

  /// A file's bytes.
  func read(_ file: LayerStack.FileID) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try merge.read(file) { bytes.append(contentsOf: $0) }
    return bytes
  }
}
