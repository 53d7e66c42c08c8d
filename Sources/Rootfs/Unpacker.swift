public import Archive
import Posix
public import SystemPackage

/// Puts entries into a directory of the host, and nothing anywhere else.
///
/// Every name is looked up from the descriptor of the directory, part by part, and no symlink is followed:
/// not on the way to an entry, not on the way to a hardlink's target, not at the end. What an archive may
/// have made of a path before doesn't matter, so it can't lead outside.
///
/// An entry replaces what has its name, but a directory on a directory, which keeps its contents and takes
/// the entry's metadata. Missing parents are made: 0755, owned by root, with the time of their first child.
/// The order of the steps is the one that the kernel leaves intact: data, owner (it clears setuid and
/// capabilities), mode, attributes, time; of directories in `finish`, deepest first.
public final class Unpacker {
  /// How much of an entry's metadata is wanted, and what happens when that isn't permitted.
  public struct Options {
    /// Whether entries get their owners; otherwise all belong to this process.
    public var keepsOwners = true
    /// Whether devices and attributes that this process may not make, or the file system can't hold, are
    /// left out with a notice, and not an error.
    public var skipsForbidden = false
    /// Hears about what was left out.
    public var notice: (UnpackNotice) -> Void = { _ in }

    /// Everything must be kept.
    public init() {}

    /// As much as somebody who isn't root can have.
    public static var unprivileged: Options {
      var options = Options()
      options.keepsOwners = false
      options.skipsForbidden = true
      return options
    }
  }

  let options: Options
  /// The directory as the user named it, for messages.
  private let shown: String
  let root: Descriptor
  /// The directory of the last entry, and that of the last hardlink's target.
  private var parent: OpenParent?
  private var linkParent: OpenParent?
  /// Directories that have been made or named, whose metadata comes last.
  private var directories: [EntryPath: DirectoryRecord] = [:]
  private var writer = SparseWriter()

  /// Opens a directory of the host, and makes it when it is missing.
  public init(into directory: FilePath, options: Options = Options()) throws {
    self.options = options
    shown = directory.string
    try makeDirectories(directory)
    root = try openFile(directory, .directory)
  }

  /// Makes an entry.
  ///
  /// - Parameter data: gives a file's data, `entry.size` bytes in all; called until they are there.
  /// - Throws: `UnpackError` for entries that can't be in a tree, `PosixError`, and what `data` throws.
  public func add(_ entry: Entry, data: (UnsafeMutableRawBufferPointer) throws -> Int) throws {
    if options.keepsOwners, entry.user == .max || entry.group == .max {
      // To chown(2) that means "leave it as it is".
      throw UnpackError(.owner, entry.path)
    }
    guard let parentPath = entry.path.parent else {
      guard entry.kind == .directory else { throw UnpackError(.rootIsNoDirectory, entry.path) }
      directories[.root] = DirectoryRecord(entry, existed: true)
      return
    }
    let place = Place(
      parent: try open(parentPath, child: entry), name: Array(entry.path.name), path: entry.path)
    switch entry.kind {
    case .directory: try addDirectory(entry, place)
    case .file: try addFile(entry, place, data)
    case .symlink: try addSymlink(entry, place)
    case .hardlink: try addHardlink(entry, place)
    case .fifo: try addNode(entry, place, .fifo)
    case .characterDevice: try addNode(entry, place, .characterDevice)
    case .blockDevice: try addNode(entry, place, .blockDevice)
    }
  }

  /// Gives the directories their metadata, deepest first. Nothing may be added after.
  public func finish() throws {
    parent = nil
    linkParent = nil
    for (path, record) in directories.sorted(by: { $0.key > $1.key }) {
      let directory = try openDirectory(beneath: root.raw, path.bytes, shown: display(path))
      try apply(record.entry, to: directory, existed: record.existed)
    }
    directories = [:]
  }

  // MARK: Places

  /// Where an entry goes: a name in an open directory.
  struct Place {
    let parent: OpenParent
    let name: [UInt8]
    let path: EntryPath

    var relative: Relative { Relative(parent.descriptor.raw) }
  }

  final class OpenParent {
    let path: EntryPath
    let descriptor: Descriptor
    /// Whether new files get an ACL from it, which the archive knows nothing of.
    let givesACL: Bool

    init(_ path: EntryPath, _ descriptor: consuming Descriptor) {
      givesACL = descriptor.hasAttribute(Unpacker.defaultACL)
      self.path = path
      self.descriptor = consume descriptor
    }
  }

  func display(_ path: EntryPath) -> String { path.isRoot ? shown : "\(shown)/\(path)" }

  /// The directory that `child` goes into, made when missing.
  private func open(_ path: EntryPath, child: Entry) throws -> OpenParent {
    if let parent, parent.path == path { return parent }
    let opened = OpenParent(path, try openOrMake(path, child))
    parent = opened
    return opened
  }

  private func openOrMake(_ path: EntryPath, _ child: Entry) throws -> Descriptor {
    do {
      return try openDirectory(beneath: root.raw, path.bytes, shown: display(path))
    } catch {
      switch error.errno {
      case .noSuchFileOrDirectory: break
      case .notDirectory: throw UnpackError(.belowFile(path), child.path)
      case .tooManySymbolicLinkLevels: throw UnpackError(.belowSymlink(path), child.path)
      default: throw error
      }
    }
    // One part after the other, from the first that is missing.
    var current = try openDirectory(beneath: root.raw, [], shown: shown)
    var reached = EntryPath.root
    for part in path.parts {
      reached = try reached.appending(part)
      let name = Array(part)
      let relative = Relative(current.raw)
      switch try relative.status(of: name, shown: display(reached))?.kind {
      case .directory: break
      case .symlink: throw UnpackError(.belowSymlink(reached), child.path)
      case .some: throw UnpackError(.belowFile(reached), child.path)
      case nil:
        try relative.makeDirectory(name, shown: display(reached))
        var implied = Entry(reached, .directory, mode: 0o755)
        implied.modified = child.modified
        directories[reached] = DirectoryRecord(implied, existed: false)
      }
      current = try relative.open(name, for: .directory, shown: display(reached))
    }
    return current
  }

  /// Makes something under a name; what has the name already goes first.
  private func replacing(_ place: Place, _ make: () throws(PosixError) -> Void) throws {
    do {
      try make()
    } catch {
      guard error.errno == .fileExists else { throw error }
      try remove(place)
      try make()
    }
  }

  private func remove(_ place: Place) throws {
    let base = place.path.parent ?? .root
    var removedDirectory = false
    try place.relative.remove(place.name, shown: display(place.path)) { below in
      removedDirectory = true
      if let path = try? EntryPath(normalising: base.bytes + [0x2f] + below) { directories[path] = nil }
    }
    if removedDirectory {
      parent = nil
      linkParent = nil
    }
  }

  // MARK: Kinds

  private func addDirectory(_ entry: Entry, _ place: Place) throws {
    var existed = false
    do {
      try place.relative.makeDirectory(place.name, shown: display(entry.path))
    } catch {
      guard error.errno == .fileExists else { throw error }
      existed = try place.relative.status(of: place.name, shown: display(entry.path))?.kind == .directory
      if !existed {
        try remove(place)
        try place.relative.makeDirectory(place.name, shown: display(entry.path))
      }
    }
    // What this unpacker made itself has nothing that the entry must take away, but by the parent's ACL.
    let known = directories[entry.path]?.existed
    directories[entry.path] = DirectoryRecord(
      entry, existed: known ?? (existed || place.parent.givesACL))
  }

  private func addFile(
    _ entry: Entry, _ place: Place, _ data: (UnsafeMutableRawBufferPointer) throws -> Int
  ) throws {
    var raw: Int32 = -1
    try replacing(place) { () throws(PosixError) in
      raw = try place.relative.open(place.name, for: .create, shown: display(entry.path)).release()
    }
    let file = Descriptor(owning: raw)
    let given = try writer.write(to: file, size: entry.size, shown: display(entry.path), data)
    if given < entry.size { throw UnpackError(.dataEndsEarly(given: given, size: entry.size), entry.path) }
    if place.parent.givesACL { try file.removeAttribute(Self.accessACL, shown: display(entry.path)) }
    try apply(entry, to: file, existed: false)
  }

  private func addSymlink(_ entry: Entry, _ place: Place) throws {
    if entry.linkTarget.isEmpty || entry.linkTarget.contains(0) {
      throw UnpackError(.linkTarget, entry.path)
    }
    try replacing(place) { () throws(PosixError) in
      try place.relative.makeSymlink(place.name, to: entry.linkTarget, shown: display(entry.path))
    }
    try apply(entry, at: place)
  }

  private func addNode(_ entry: Entry, _ place: Place, _ kind: FileKind) throws {
    do {
      try replacing(place) { () throws(PosixError) in
        try place.relative.makeNode(
          place.name, kind, major: entry.deviceMajor, minor: entry.deviceMinor, shown: display(entry.path))
      }
    } catch let error as PosixError where error.errno == .notPermitted && options.skipsForbidden {
      options.notice(UnpackNotice(.device, entry.path))
      return
    }
    try apply(entry, at: place)
  }

  private func addHardlink(_ entry: Entry, _ place: Place) throws {
    guard let target = entry.hardlinkTarget, let targetParent = target.parent else {
      throw UnpackError(.linkTarget, entry.path)
    }
    let source = try openLinkParent(targetParent, entry)
    let name = Array(target.name)
    guard let status = try Relative(source.descriptor.raw).status(of: name, shown: display(target)) else {
      throw UnpackError(.hardlinkTarget(target, .missing), entry.path)
    }
    if status.kind == .directory { throw UnpackError(.hardlinkTarget(target, .directory), entry.path) }
    let existing = try place.relative.status(of: place.name, shown: display(entry.path))
    if existing?.identity == status.identity { return }
    // What is replaced must not take the target with it.
    if existing?.kind == .directory, entry.path.contains(target) {
      throw UnpackError(.hardlinkTarget(target, .inside), entry.path)
    }
    try replacing(place) { () throws(PosixError) in
      try place.relative.makeLink(
        place.name, to: name, in: Relative(source.descriptor.raw), shown: display(entry.path))
    }
  }

  private func openLinkParent(_ path: EntryPath, _ entry: Entry) throws -> OpenParent {
    if let linkParent, linkParent.path == path { return linkParent }
    if let parent, parent.path == path { return parent }
    do {
      let opened = OpenParent(
        path, try openDirectory(beneath: root.raw, path.bytes, shown: display(path)))
      linkParent = opened
      return opened
    } catch {
      guard let target = entry.hardlinkTarget else { throw error }
      switch error.errno {
      case .noSuchFileOrDirectory, .notDirectory:
        throw UnpackError(.hardlinkTarget(target, .missing), entry.path)
      case .tooManySymbolicLinkLevels:
        throw UnpackError(.hardlinkTarget(target, .belowSymlink), entry.path)
      default: throw error
      }
    }
  }
}

/// What `finish` gives a directory.
struct DirectoryRecord {
  let entry: Entry
  /// Whether it may have attributes that the entry doesn't name.
  let existed: Bool

  init(_ entry: Entry, existed: Bool) {
    self.entry = entry
    self.existed = existed
  }
}
