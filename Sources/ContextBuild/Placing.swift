import Archive
import Codec
import Dockerfile
import Posix
import Rootfs

/// Puts what was gathered where an instruction says, as docker does.
struct Placing {
  let plan: LayerPlan
  /// The destination's text: absolute, and with a slash at its end where one was written.
  let destination: String
  let isLinked: Bool
  let keepsParents: Bool
  var user: UInt32 = 0
  var group: UInt32 = 0
  var mode: ModeChange?

  private var parts: [ArraySlice<UInt8>] { Array(destination.utf8).split(separator: 0x2f) }

  private func resolve(_ parts: [ArraySlice<UInt8>], followsLast: Bool) throws -> EntryPath {
    if isLinked { return try StageTree().resolve(parts, followsLast: false) }
    return try plan.resolve(parts, followsLast: followsLast)
  }

  /// Whether what is no directory goes into the destination and not in its place.
  func destinationIsDirectory() throws -> Bool {
    if destination.hasSuffix("/") { return true }
    return try plan.entry(at: try resolve(parts, followsLast: true))?.entry.kind == .directory
  }

  /// Puts one source.
  func place(_ source: GatheredSource) throws {
    if keepsParents {
      let top = try resolve(parts, followsLast: true)
      try plan.makeDirectory(top)
      for parent in source.parents {
        try put(parent, at: try joined(top, parent.entry.path))
      }
      let above = source.parents.last.map { $0.entry.path } ?? .root
      let target = try joined(top, above).appending(source.name)
      for (path, entry) in source.entries { try put(entry, at: try joined(target, path)) }
      return
    }
    if source.isDirectory {
      let target = try resolve(parts, followsLast: true)
      // The directory itself is not copied, only what is in it.
      try plan.makeDirectory(target)
      for (path, entry) in source.entries.dropFirst() { try put(entry, at: try joined(target, path)) }
      return
    }
    guard let entry = source.entries.first?.source else { return }
    if try destinationIsDirectory() {
      let directory = try resolve(parts, followsLast: true)
      try plan.makeDirectory(directory)
      try put(entry, at: try directory.appending(source.name))
    } else {
      let target = try resolve(parts, followsLast: true)
      if target.isRoot { throw StepProblem("/ is a directory, and can't become a file") }
      try put(entry, at: target)
    }
  }

  private func joined(_ directory: EntryPath, _ path: EntryPath) throws -> EntryPath {
    EntryPath(parts: directory.parts + path.parts)
  }

  private func put(_ source: SourceEntry, at path: EntryPath) throws {
    var source = source
    source.entry.user = user
    source.entry.group = group
    source.entry.userName = []
    source.entry.groupName = []
    if let mode, source.entry.kind != .symlink {
      source.entry.mode = mode.applied(to: source.entry.mode, isDirectory: source.entry.kind == .directory)
    }
    try plan.put(source, at: path)
  }

  // MARK: Archives

  /// Unpacks an archive into the destination, as `ADD` does: owners, modes and times are the archive's.
  func unpack(_ archive: any EntrySource, into spool: Spool) throws {
    let top = try resolve(parts, followsLast: true)
    try plan.makeDirectory(top)
    var number = 0
    try withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 4096) { buffer in
      while let entry = try archive.next() {
        number += 1
        if entry.path.isRoot {
          if entry.kind == .directory {
            try plan.put(SourceEntry(entry: entry, origin: .none), at: top, replacesDirectories: true)
          }
          continue
        }
        let target = try inside(top, entry.path)
        if let linked = entry.hardlinkTarget {
          guard var file = plan.ownEntry(at: try inside(top, linked)), file.entry.kind != .directory else {
            throw StepProblem("\"\(entry.path)\" is a hardlink to \"\(linked)\", which is not in the archive")
          }
          file.entry.path = target
          try plan.put(file, at: target, replacesDirectories: true)
          continue
        }
        var source = SourceEntry(entry: entry, origin: .none)
        if entry.kind != .directory { source.link = .archive(number) }
        if entry.kind == .file {
          source.origin = .spool(spool, offset: spool.size)
          while case let count = try archive.read(into: buffer), count > 0 {
            try spool.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
          }
        }
        try plan.put(source, at: target, replacesDirectories: true)
      }
    }
  }

  /// Where an entry goes: symlinks above it lead inside the tree, it itself is not followed.
  private func inside(_ top: EntryPath, _ path: EntryPath) throws -> EntryPath {
    try plan.resolve(top.parts + path.parts, followsLast: false)
  }
}

/// A tar in any of the compressions that `ADD` unpacks; nil for every other file.
func openAddedArchive(_ source: any ByteSource) throws -> (any EntrySource)? {
  do {
    let decompressor = try Decompressor(source)
    var start = [UInt8](repeating: 0, count: 512)
    var count = 0
    while count < start.count {
      let got = try start.withUnsafeMutableBytes { buffer in
        try decompressor.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
      }
      if got == 0 { break }
      count += got
    }
    // An archive without a single entry is copied as a file.
    if count < start.count || !isTar(start) || start.allSatisfy({ $0 == 0 }) { return nil }
    return TarReader(ResumedSource(start, decompressor))
  } catch is CodecError {
    // It only looked like something compressed.
    return nil
  }
}

/// Bytes that were read already, and what follows them.
private final class ResumedSource: ByteSource {
  private var start: ArraySlice<UInt8>
  private let rest: Decompressor

  init(_ start: [UInt8], _ rest: Decompressor) {
    self.start = start[...]
    self.rest = rest
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if start.isEmpty { return try rest.read(into: buffer) }
    let count = min(buffer.count, start.count)
    buffer.copyBytes(from: start.prefix(count))
    start = start.dropFirst(count)
    return count
  }
}
