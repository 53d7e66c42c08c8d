import Archive
import Digest
import Dockerfile
import Posix
import Rootfs
import SystemPackage

/// A directory of the host that files are copied from, without what its `.dockerignore` leaves out.
///
/// Only names below it are opened, by descriptor and never through a symlink: nothing outside is ever read.
final class ContextTree: SourceTree {
  private let root: Descriptor
  private let shown: String
  private let ignored: IgnorePatterns
  private var visible: [EntryPath: Bool] = [:]
  private var digests: [EntryPath: [UInt8]] = [:]

  init(_ directory: FilePath, ignoring ignored: IgnorePatterns) throws {
    root = try openFile(directory, .directory)
    shown = directory.string
    self.ignored = ignored
  }

  private func display(_ path: EntryPath) -> String { "\(shown)/\(path)" }

  /// The directory that a path is in; nil where there is none.
  private func parent(of path: EntryPath) throws -> Descriptor? {
    do throws(PosixError) {
      return try openDirectory(
        beneath: root.raw, (path.parent ?? .root).bytes, shown: display(path))
    } catch {
      if [.noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels].contains(error.errno) {
        return nil
      }
      throw error
    }
  }

  func entry(at path: EntryPath) throws -> SourceEntry? {
    if path.isRoot {
      let status = try root.status(shown: shown)
      return SourceEntry(entry: Self.entry(path, .directory, status), origin: .none)
    }
    guard let parent = try parent(of: path) else { return nil }
    let (relative, name) = (Relative(parent.raw), Array(path.name))
    guard let status = try relative.status(of: name, shown: display(path)) else { return nil }
    let kind: EntryKind
    switch status.kind {
    case .file: kind = .file
    case .directory: kind = .directory
    case .symlink: kind = .symlink
    case .fifo: kind = .fifo
    case .characterDevice: kind = .characterDevice
    case .blockDevice: kind = .blockDevice
    // Sockets are nothing without the program that listens.
    default: return nil
    }
    if try isHidden(path, isDirectory: kind == .directory) { return nil }
    var entry = Self.entry(path, kind, status)
    if kind == .symlink {
      entry.linkTarget = try relative.linkTarget(of: name, shown: display(path))
    }
    for attribute in try relative.attributes(of: name, shown: display(path))
    where !EntryFilter.isMachines(attribute.name) {
      entry.attributes.append(ExtendedAttribute(name: attribute.name, value: attribute.value))
    }
    let isShared = kind != .directory && status.links > 1
    return SourceEntry(entry: entry, origin: .none, link: isShared ? .context(status.identity) : nil)
  }

  private static func entry(_ path: EntryPath, _ kind: EntryKind, _ status: FileStatus) -> Entry {
    var entry = Entry(path, kind, mode: status.mode, size: kind == .file ? status.size : 0)
    if kind == .symlink { entry.mode = 0o777 }
    entry.user = status.user
    entry.group = status.group
    // Whole seconds, as everywhere in layers made of directories: docs/layers.md.
    entry.modified = Timestamp(seconds: status.modifiedSeconds)
    if kind == .characterDevice || kind == .blockDevice {
      entry.deviceMajor = status.deviceMajor
      entry.deviceMinor = status.deviceMinor
    }
    return entry
  }

  func names(in path: EntryPath) throws -> [[UInt8]] {
    let directory = try openDirectory(beneath: root.raw, path.bytes, shown: display(path))
    return try listDirectory(directory.raw, shown: display(path)).filter {
      try entry(at: try path.appending($0)) != nil
    }
  }

  /// Whether `.dockerignore` leaves a path out. A directory stays for the sake of what is taken in below it.
  private func isHidden(_ path: EntryPath, isDirectory: Bool) throws -> Bool {
    if !ignored.ignores(path.bytes) { return false }
    if !isDirectory || !ignored.hasExceptions { return true }
    if let known = visible[path] { return !known }
    // Entered before the names are asked for, so that nothing is asked twice.
    let found = try !names(in: path).isEmpty
    visible[path] = found
    return !found
  }

  /// The digest of a file's data, read once.
  func digest(of entry: Entry) throws -> [UInt8] {
    if let known = digests[entry.path] { return known }
    var hash = SHA256()
    try readFile(entry) { hash.update($0) }
    let digest = hash.finish().bytes
    digests[entry.path] = digest
    return digest
  }

  /// Gives the data of a file, which must be as many bytes as its entry says.
  private func readFile(_ entry: Entry, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let path = entry.path
    let changed = StepProblem("\(display(path)) changed while it was read")
    guard let parent = try parent(of: path) else { throw changed }
    let file = try Relative(parent.raw).open(Array(path.name), for: .read, shown: display(path))
    var offset: UInt64 = 0
    try withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 4096) { buffer in
      while case let count = try file.read(into: buffer, at: offset), count > 0 {
        offset += UInt64(count)
        if offset > entry.size { throw changed }
        try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
    if offset != entry.size { throw changed }
  }

  /// Gives the data of a file, which must have the digest that was found before.
  func read(
    _ entry: Entry, digest: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var hash = SHA256()
    try readFile(entry) { bytes in
      hash.update(bytes)
      try body(bytes)
    }
    if hash.finish().bytes != digest {
      throw StepProblem("\(display(entry.path)) changed while it was read")
    }
  }

  /// A file's data as a source.
  func open(_ entry: Entry) throws -> any ByteSource {
    guard let parent = try parent(of: entry.path) else {
      throw StepProblem("\(display(entry.path)) was removed while it was read")
    }
    let file = try Relative(parent.raw).open(Array(entry.path.name), for: .read, shown: display(entry.path))
    return DescriptorSource(file, name: display(entry.path))
  }
}
