import Archive
import Codec
import Posix
import Rootfs
import SystemPackage

/// Puts what `--add` names into an image: a file, what is in a folder, what is in a tar.
struct Additions {
  let tree: ImageTree
  let root: SourceTree
  let host: SourceTree
  /// Takes each file of the root.
  let taken: (EntryPath) -> Void
  let notice: (String) -> Void

  /// Puts one thing.
  ///
  /// - Returns: the entries that were put, without the folders above them.
  func add(_ addition: FileAndPlace) throws -> [EntryPath] {
    let shown = addition.source.string
    let absolute = try lexicallyNormal(Array(absolutePath(addition.source).string.utf8))
    guard let found = try host.resolve(absolute) else { throw ScratchError.missing(shown) }
    let place = addition.destination ?? "/"
    switch found.node.kind {
    case .directory: return try add(folder: found.path, at: try EntryPath(place))
    case .file:
      if let stored = try tar(found, shown: shown) {
        return try add(stored, at: try EntryPath(place), shown: shown)
      }
      let name = Array(absolute.split(separator: 0x2f).last ?? [])
      let isFolder = addition.destination == nil || place.hasSuffix("/")
      let target = isFolder ? try EntryPath(place).appending(name) : try EntryPath(place)
      note(found.path)
      var entry = ImageTree.entry(target, found.node)
      entry.attributes = try host.capabilities(of: found.path)
      return [try tree.put(entry, .file(host, found.path))]
    default: throw ScratchError.unsuitable(shown, problem: "is neither a file nor a folder")
    }
  }

  /// Tells which file of the root it is, where it is one.
  private func note(_ path: EntryPath) {
    if host === root { return taken(path) }
    let base = Array(root.path.string.utf8.dropFirst())
    if path.bytes.starts(with: base + [0x2f]),
      let inside = try? EntryPath(normalising: path.bytes[base.count...])
    {
      taken(inside)
    }
  }

  // MARK: Folders

  private func add(folder: EntryPath, at place: EntryPath) throws -> [EntryPath] {
    var options = DirectoryScan.Options()
    options.notice = { notice($0.description) }
    let base = folder.isRoot ? host.path : host.path.appending(FilePath(platformPath(folder)).components)
    let scan = try DirectoryScan(base, options: options)
    var put: [EntryPath] = []
    while var entry = try scan.next() {
      let source = EntryPath(parts: folder.parts + entry.path.parts)
      let target = EntryPath(parts: place.parts + entry.path.parts)
      if entry.path.isRoot {
        // The folder that is copied into is the image's own.
        if !place.isRoot { _ = try tree.makeFolder(place) }
        continue
      }
      entry.path = target
      entry.user = 0
      entry.group = 0
      entry.modified.nanoseconds = 0
      entry.attributes = entry.attributes.filter { $0.name.elementsEqual("security.capability".utf8) }
      if entry.kind == .directory || entry.kind == .symlink { entry.modified = Timestamp(seconds: 0) }
      if let first = entry.hardlinkTarget {
        entry.hardlinkTarget = EntryPath(parts: place.parts + first.parts)
      }
      if entry.kind == .file { note(source) }
      put.append(try tree.put(entry, entry.kind == .file ? .file(host, source) : .none))
    }
    return put
  }

  private func platformPath(_ path: EntryPath) -> String { String(decoding: path.bytes, as: UTF8.self) }

  // MARK: Tars

  /// The entries of an archive, or nil when the file is none.
  private func tar(_ found: SourceTree.Found, shown: String) throws -> (any EntrySource)? {
    if found.node.status.size == 0 { return nil }
    var start = [UInt8](repeating: 0, count: 512)
    let source: Decompressor
    do {
      let probe = try Decompressor(DescriptorSource(try host.open(found.path), name: shown))
      defer { probe.close() }
      var count = 0
      while count < start.count {
        let got = try start.withUnsafeMutableBytes { buffer in
          try probe.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
        }
        if got == 0 { break }
        count += got
      }
      if !isTar(start[..<count]) { return nil }
    } catch is CodecError {
      // What only looks compressed is a file as any other.
      return nil
    }
    source = try Decompressor(DescriptorSource(try host.open(found.path), name: shown))
    return TarReader(source, limits: ArchiveLimits(), notice: notice)
  }

  private func add(_ source: any EntrySource, at place: EntryPath, shown: String) throws -> [EntryPath] {
    let spool = try Spool(in: temporaryDirectory())
    var put: [EntryPath] = []
    try withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 4096) { buffer in
      while var entry = try source.next() {
        if entry.path.isRoot { continue }
        guard try LayerName(entry.path) == .ordinary else {
          throw ScratchError.unsuitable(
            shown, problem: "has \"\(entry.path)\", a name that means a whiteout in a layer")
        }
        entry.path = EntryPath(parts: place.parts + entry.path.parts)
        entry.modified.nanoseconds = 0
        if let first = entry.hardlinkTarget {
          entry.hardlinkTarget = EntryPath(parts: place.parts + first.parts)
        }
        let offset = spool.size
        while entry.kind == .file, case let count = try source.read(into: buffer), count > 0 {
          try spool.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        put.append(try tree.put(entry, entry.kind == .file ? .stored(spool, offset: offset) : .none))
      }
    }
    try spool.flush()
    return put
  }
}
