public import Archive
import Posix
public import SystemPackage

/// Walks a host directory into entries in tree order, by descriptors and never by path strings.
///
/// Memory grows with the names of the directories on the way down and with the files that have several
/// names, not with the tree. Extended attributes of every namespace that may be read are taken, POSIX ACLs
/// in the kernel's form among them; what belongs to the machine rather than to the tree, as
/// `security.selinux`, is left to `EntryFilter`. Owners are numbers: the names that this machine has for
/// them say nothing about the tree. A file with several names is a file where it comes first and a
/// hardlink after. Sockets have no place in an image: they are skipped, and reported.
///
/// A file that changes its size while it is read, or is replaced by another, is an error: the result
/// would be neither the old tree nor the new.
public final class DirectoryScan: EntrySource {
  /// What is scanned, and who hears about the rest.
  public struct Options {
    /// Whether directories on which another file system is mounted stay empty. As with tar, the default
    /// is to cross.
    public var oneFileSystem = false
    /// Whether a directory is gone into; asked once for each but the root. The directory itself is an
    /// entry in any case. With a filter, what it drops needn't be read:
    /// `{ filter.verdict($0, .directory) != .drop }`.
    public var enters: (_ directory: EntryPath) -> Bool = { _ in true }
    /// The one name in the directory that is looked at, with all that is below it; every name when nil.
    public var only: [UInt8]?
    /// Hears about what was left out.
    public var notice: (ScanNotice) -> Void = { _ in }

    /// Everything, and nobody hears.
    public init() {}
  }

  /// A directory on the way down.
  private final class Level {
    /// nil when it was closed because of too many; opened again on the way up.
    var descriptor: Descriptor?
    let identity: FileIdentity
    let path: EntryPath
    /// The names that are still to come, the last first; nil before the directory was listed.
    var names: [[UInt8]]?

    init(_ descriptor: consuming Descriptor, _ identity: FileIdentity, _ path: EntryPath) {
      self.descriptor = consume descriptor
      self.identity = identity
      self.path = path
    }

    /// Calls relative to it; the deepest directory is always open.
    var relative: Relative { Relative(descriptor?.raw ?? -1) }
  }

  /// How many directories are open at a time: less than any limit on descriptors that is in use.
  private static let openLevels = 128
  private static let thisDirectory: [UInt8] = [0x2e]
  private static let directoryAbove: [UInt8] = [0x2e, 0x2e]

  private let options: Options
  /// The directory as the user named it, for messages.
  private let shown: String
  private var levels: [Level] = []
  private let rootDevice: UInt64
  private var started = false
  private var links = LinkTable()
  private var data: ScannedFile?

  /// Opens a directory of the host; a symlink to one is followed here, and nowhere below.
  public init(_ directory: FilePath, options: Options = Options()) throws {
    self.options = options
    shown = directory.string
    let root = try openFile(directory, .directory)
    let identity = try root.status(shown: shown).identity
    rootDevice = identity.device
    levels = [Level(root, identity, .root)]
  }

  /// The next entry in tree order; first the root itself.
  public func next() throws -> Entry? {
    data = nil
    if !started, let root = levels.last {
      started = true
      return try rootEntry(root)
    }
    while let level = levels.last {
      if level.names == nil {
        level.names =
          if let only = options.only, level.path.isRoot { [only] } else {
            try listDirectory(level.relative.directory, shown: display(level.path)).reversed()
          }
      }
      if let name = level.names?.popLast() {
        if let entry = try entry(name, in: level) { return entry }
      } else {
        try leave(level)
      }
    }
    return nil
  }

  /// Reads the data of the last file, `size` bytes in all and then 0. Holes are not read but made.
  ///
  /// - Throws: `ScanError` when the file is not what it was any more.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard let data, buffer.count > 0 else { return 0 }
    return try data.read(into: buffer)
  }

  private func display(_ path: EntryPath) -> String { path.isRoot ? shown : "\(shown)/\(path)" }

  // MARK: Down and up

  private func enter(_ name: [UInt8], of level: Level, _ path: EntryPath, _ status: FileStatus) throws {
    if options.oneFileSystem, status.identity.device != rootDevice {
      options.notice(ScanNotice(.otherFileSystem, path))
      return
    }
    if !options.enters(path) { return }
    let directory = try level.relative.open(name, for: .directory, shown: display(path))
    if try directory.status(shown: display(path)).identity != status.identity {
      throw ScanError(.replaced, display(path))
    }
    levels.append(Level(directory, status.identity, path))
    if levels.count > Self.openLevels { levels[levels.count - 1 - Self.openLevels].descriptor = nil }
  }

  private func leave(_ level: Level) throws {
    levels.removeLast()
    guard let parent = levels.last, parent.descriptor == nil else { return }
    // Up from a directory that was moved meanwhile is somewhere else, and is seen.
    let above = try level.relative.open(
      Self.directoryAbove, for: .directory, shown: display(parent.path))
    if try above.status(shown: display(parent.path)).identity != parent.identity {
      throw ScanError(.replaced, display(parent.path))
    }
    parent.descriptor = consume above
  }

  // MARK: Entries

  private func rootEntry(_ root: Level) throws -> Entry {
    var entry = Entry(.root, .directory)
    guard let status = try root.relative.status(of: Self.thisDirectory, shown: shown) else {
      throw ScanError(.vanished, shown)
    }
    entry.take(status)
    entry.attributes = try attributes(of: Self.thisDirectory, in: root, .root)
    return entry
  }

  private func entry(_ name: [UInt8], in level: Level) throws -> Entry? {
    let path = try level.path.appending(name)
    guard let status = try level.relative.status(of: name, shown: display(path)) else {
      throw ScanError(.vanished, display(path))
    }
    guard let kind = EntryKind(status.kind) else {
      options.notice(ScanNotice(status.kind == .socket ? .socket : .unknownKind, path))
      return nil
    }
    var entry = Entry(path, kind)
    entry.take(status)
    if kind != .directory, status.links > 1, let first = links.first(status, at: path) {
      entry.kind = .hardlink
      entry.hardlinkTarget = first
      return entry
    }
    entry.attributes = try attributes(of: name, in: level, path)
    switch kind {
    case .directory:
      try enter(name, of: level, path, status)
    case .file:
      entry.size = status.size
      if status.size > 0 {
        data = ScannedFile(name, in: level.relative, status, shown: { [shown] in "\(shown)/\(path)" })
      }
    case .symlink:
      entry.linkTarget = try level.relative.linkTarget(of: name, shown: display(path))
    case .characterDevice, .blockDevice:
      entry.deviceMajor = status.deviceMajor
      entry.deviceMinor = status.deviceMinor
    case .fifo, .hardlink:
      break
    }
    return entry
  }

  private func attributes(
    of name: [UInt8], in level: Level, _ path: EntryPath
  ) throws -> [ExtendedAttribute] {
    let found = try level.relative.attributes(of: name, shown: display(path)) { attribute in
      options.notice(ScanNotice(.unreadableAttribute(attribute), path))
    }
    return found.map { ExtendedAttribute(name: $0.name, value: $0.value) }
  }
}

extension Entry {
  /// What a status says of entries of every kind.
  fileprivate mutating func take(_ status: FileStatus) {
    mode = status.mode
    user = status.user
    group = status.group
    modified = Timestamp(seconds: status.modifiedSeconds, nanoseconds: status.modifiedNanoseconds)
  }
}

extension EntryKind {
  /// nil for what has no place in an archive.
  fileprivate init?(_ kind: FileKind?) {
    switch kind {
    case .file: self = .file
    case .directory: self = .directory
    case .symlink: self = .symlink
    case .characterDevice: self = .characterDevice
    case .blockDevice: self = .blockDevice
    case .fifo: self = .fifo
    case .socket, nil: return nil
    }
  }
}
