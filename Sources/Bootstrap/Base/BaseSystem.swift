public import Archive
import Debian
import Posix
public import Rootfs
public import SystemPackage

/// An image that packages are added to: the tree that its layers make, and the packages in it.
public final class BaseSystem: @unchecked Sendable {
  // Used by one thread at a time.
  private let merge: LayerMerge
  /// What dpkg's database in it says; after `finish`.
  public private(set) var packages = BasePackages()

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

  /// Reads the database of packages, when all layers are there.
  ///
  /// - Throws: `BootstrapError.unsuitableBase` for a tree without one.
  public func finish() throws {
    let stack = merge.stack
    func exists(_ path: String) throws -> Bool { try stack.find(EntryPath(path)) != nil }
    var packages = BasePackages()
    if let status = try read("var/lib/dpkg/status"), !status.isEmpty {
      try packages.add(status: status, file: "var/lib/dpkg/status of the base")
      let hasProgram = try exists("usr/bin/dpkg")
      packages.kind = hasProgram && packages.hasConfigured ? .configured : .extracted
      if packages.kind == .extracted, packages.hasConfigured {
        throw BootstrapError.unsuitableBase("its packages are configured, but it has no dpkg")
      }
      if let states = try read("var/lib/apt/extended_states") { try packages.add(states: states) }
    } else if let folder = try stack.find(EntryPath("var/lib/dpkg/status.d")), stack.isDirectory(folder) {
      packages.kind = .recorded
      for node in stack.children(of: folder) {
        let path = stack.path(of: node)
        if path.bytes.suffix(8).elementsEqual(".md5sums".utf8) { continue }
        guard let bytes = try read(node) else { continue }
        try packages.add(record: bytes, file: "\(path) of the base")
      }
    } else {
      throw BootstrapError.unsuitableBase("it is no Debian system: it has no database of packages of dpkg")
    }
    packages.installedSize = stack.files(below: stack.root)
    self.packages = packages
  }

  /// Gives the whole tree, in canonical order.
  public func send(to sink: any EntrySink) throws {
    var whole = merge.difference()
    whole.find()
    try merge.send(whole, to: sink)
  }

  // MARK: Looking up

  /// The largest file that is read as a whole.
  private static let limit: UInt64 = 256 << 20

  /// A file's bytes; nil when there is no such file.
  func read(_ path: String) throws -> [UInt8]? { try merge.stack.find(EntryPath(path)).flatMap(read) }

  private func read(_ node: LayerStack.Node) throws -> [UInt8]? {
    guard let file = merge.stack.file(at: node), merge.stack[file].kind == .file else { return nil }
    if merge.stack[file].size > Self.limit {
      throw BootstrapError.unsuitableBase("/\(merge.stack.path(of: node)) is too large to be of dpkg")
    }
    var bytes: [UInt8] = []
    try merge.read(file) { bytes.append(contentsOf: $0) }
    return bytes
  }

  /// The entry of a path, as the layers have it; nil when there is none.
  func entry(_ path: EntryPath) -> Entry? {
    guard let node = merge.stack.find(path) else { return nil }
    guard let file = merge.stack.file(at: node) else {
      return merge.stack.isDirectory(node) ? Entry(path, .directory, mode: 0o755) : nil
    }
    return merge.entry(file, at: path)
  }

  /// Where a path leads to through the tree's symlinks; its last part is not followed.
  func place(_ path: EntryPath) throws -> EntryPath {
    guard let folder = path.parent else { return path }
    return try resolve(folder).appending(path.name)
  }

  /// Where a path leads to through the tree's symlinks.
  func resolve(_ path: EntryPath) throws -> EntryPath {
    var current = EntryPath.root
    var rest = Array(path.parts.map { Array($0) }.reversed())
    var links = 0
    while let part = rest.popLast() {
      if part.isEmpty || part == [0x2e] { continue }
      if part == [0x2e, 0x2e] {
        current = current.parent ?? .root
        continue
      }
      let child = try current.appending(part)
      guard let found = entry(child), found.kind == .symlink else {
        current = child
        continue
      }
      links += 1
      if links > 40 {
        throw BootstrapError.unsuitableBase("its symlinks lead round in a circle at /\(child)")
      }
      if found.linkTarget.first == 0x2f { current = .root }
      rest += found.linkTarget.split(separator: 0x2f).map { Array($0) }.reversed()
    }
    return current
  }
}

extension LayerStack {
  /// What the files below a directory take, in KiB.
  fileprivate func files(below top: Node) -> UInt64 {
    var total: UInt64 = 0
    walk { node in
      // A page at least, as in a file system.
      if let file = file(at: node) { total += (self[file].size + 4095) / 4096 * 4 }
    }
    return total
  }
}
