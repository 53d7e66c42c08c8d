import Archive
import Codec
import Debian
import Digest
import Glibc
import Posix
import Rootfs
import SystemPackage

/// What unpacking a package found.
struct UnpackedPackage: Sendable {
  let package: NativePackage
  /// The paths for dpkg's list, from `/.` on, in the order of the archive.
  var list: [[UInt8]] = []
  /// The md5 sums of files, by their paths in the package, where the package has no list of them itself.
  var sums: [[UInt8]: String] = [:]
  /// Triggers of changed files.
  var triggers: Set<[UInt8]> = []

  /// Nothing yet of a package.
  init(package: NativePackage) { self.package = package }

  /// Whether the md5 sums of its files are to be found out, as dpkg does for packages without them.
  var isSummed: Bool { package.control.file("md5sums") == nil }
}

/// Puts the files of packages into a root directory, as dpkg does on unpacking.
///
/// Every path is looked up inside the root by the kernel: symlinks on the way lead where they would after a
/// chroot, and never out of it.
final class PackageUnpack {
  /// What decides beside the packages.
  struct Rules: Sendable {
    var paths = PathRules()
    var diversions = Diversions()
    var overrides = StatOverrides()
    /// Paths that triggers watch, from `/`.
    var watched: Set<[UInt8]> = []
    /// The first packages lie as they will be installed; later ones have their configuration files beside
    /// them, as `X.dpkg-new`, until they are configured.
    var isFirstRound = false
  }

  private let root: Int32
  private let claims: TreeClaims
  private let rules: Rules
  private let ahead: DataAhead
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
  private var parent: OpenFolder?

  /// The directory of the last entry.
  private final class OpenFolder {
    let path: [UInt8]
    let descriptor: Descriptor

    init(_ path: [UInt8], _ descriptor: consuming Descriptor) {
      self.path = path
      self.descriptor = descriptor
    }
  }

  init(root: Int32, claims: TreeClaims, rules: Rules, ahead: DataAhead) {
    self.root = root
    self.ahead = ahead
    self.claims = claims
    self.rules = rules
  }

  deinit { buffer.deallocate() }

  /// Unpacks one package.
  func unpack(_ package: NativePackage) throws -> UnpackedPackage {
    var result = UnpackedPackage(package: package)
    let reader = TarReader(try ahead.source(of: package))
    let conffiles = package.control.ownConffiles
    while let entry = try reader.next() {
      do {
        try add(entry, reader, package, conffiles, &result)
      } catch let error as PosixError {
        throw DebError(package.file, .entry("\(entry.path)", error.description))
      }
    }
    try reader.drain()
    parent = nil
    return result
  }

  private func add(
    _ entry: Entry, _ reader: TarReader, _ package: NativePackage, _ conffiles: Set<[UInt8]>,
    _ result: inout UnpackedPackage
  ) throws {
    let path = entry.path.bytes
    let entry = rules.overrides.applied(to: entry, at: path)
    let full = [0x2f] + path
    let mayHold = entry.kind == .directory || entry.kind == .symlink
    if !path.isEmpty, rules.paths.leavesOut(full, mayHoldOthers: mayHold) { return }
    result.list.append(path.isEmpty ? [0x2f, 0x2e] : full)
    watch(full, &result)
    if entry.user == .max || entry.group == .max {
      throw DebError(package.file, .entry("\(entry.path)", "its owner stands for none"))
    }
    if entry.kind == .directory {
      try makeDirectory(path, entry, package)
      return
    }
    let target = place(path, package, conffiles)
    guard claims.claim(target, for: package) == .make else {
      result.list.removeLast()
      return
    }
    switch entry.kind {
    case .file:
      var sum = result.isSummed ? MD5() : nil
      if try writeFile(target, entry, reader, package, &sum), rules.isFirstRound, conffiles.contains(path) {
        try offerConffile(target)
      }
      if let sum = sum.take() { result.sums[path] = sum.finish() }
    case .symlink:
      try make(target, entry, package) { relative, name throws(PosixError) in
        try relative.makeSymlink(name, to: entry.linkTarget, shown: shown(target))
      }
    case .hardlink:
      guard let other = entry.hardlinkTarget else { return }
      result.sums[path] = result.sums[other.bytes]
      let source = place(other.bytes, package, conffiles)
      let sourceParent = try openDirectory(
        inRoot: root, Array(directory(of: source)), shown: shown(source))
      try make(target, entry, package, keepsMetadata: true) { relative, name throws(PosixError) in
        try relative.makeLink(
          name, to: Array(self.name(of: source)), in: Relative(sourceParent.raw), shown: shown(target))
      }
    case .fifo:
      try make(target, entry, package) { relative, name throws(PosixError) in
        try relative.makeNode(name, .fifo, shown: shown(target))
      }
    case .characterDevice, .blockDevice:
      throw DebError(package.file, .entry("\(entry.path)", "devices have no place in a package"))
    case .directory: break
    }
  }

  /// Where a file goes: its diverted name, and beside that for a configuration file.
  private func place(_ path: [UInt8], _ package: NativePackage, _ conffiles: Set<[UInt8]>) -> [UInt8] {
    let target = rules.diversions.target(path, of: package.control.name)
    if rules.isFirstRound || !conffiles.contains(path) { return target }
    return target + Array(".dpkg-new".utf8)
  }

  private func watch(_ path: [UInt8], _ result: inout UnpackedPackage) {
    if rules.watched.isEmpty { return }
    var end = path.count
    while end > 0 {
      let part = Array(path[..<end])
      if rules.watched.contains(part) { result.triggers.insert(part) }
      end = path[..<end].lastIndex(of: 0x2f) ?? 0
    }
  }

  // MARK: Places

  private func shown(_ path: [UInt8]) -> String { "/" + displayed(path) }

  private func directory(of path: [UInt8]) -> ArraySlice<UInt8> {
    path[..<(path.lastIndex(of: 0x2f) ?? 0)]
  }

  private func name(of path: [UInt8]) -> ArraySlice<UInt8> {
    path[(path.lastIndex(of: 0x2f).map { $0 + 1 } ?? 0)...]
  }

  /// Lends the directory that a path is in, made when it is missing.
  private func withParent<Result>(
    of path: [UInt8], _ body: (Relative, [UInt8]) throws -> Result
  ) throws -> Result {
    let folder = directory(of: path)
    if let parent, parent.path.elementsEqual(folder) {
      return try body(Relative(parent.descriptor.raw), Array(name(of: path)))
    }
    parent = nil
    let opened = try open(Array(folder))
    let raw = opened.raw
    parent = OpenFolder(Array(folder), opened)
    return try body(Relative(raw), Array(name(of: path)))
  }

  private func open(_ folder: [UInt8]) throws -> Descriptor {
    do throws(PosixError) {
      return try openDirectory(inRoot: root, folder, shown: shown(folder))
    } catch {
      if error.errno != .noSuchFileOrDirectory || folder.isEmpty { throw error }
    }
    let above = try open(Array(directory(of: folder)))
    let raw = above.raw
    try claims.makeWay {
      let name = Array(self.name(of: folder))
      if try Relative(raw).status(of: name, shown: shown(folder)) != nil { return }
      try Relative(raw).makeDirectory(name, shown: shown(folder))
      try Relative(raw).setMode(of: name, 0o755, shown: shown(folder))
    }
    return try openDirectory(inRoot: root, folder, shown: shown(folder))
  }

  // MARK: Entries

  private func makeDirectory(_ path: [UInt8], _ entry: Entry, _ package: NativePackage) throws {
    if path.isEmpty {
      claims.note(path, entry, package, lastWins: rules.isFirstRound) { false }
      return
    }
    try withParent(of: path) { relative, name in
      try claims.note(path, entry, package, lastWins: rules.isFirstRound) {
        if let status = try relative.status(of: name, shown: shown(path)) {
          if status.kind == .directory || status.kind == .symlink { return false }
          try relative.remove(name, shown: shown(path))
        }
        try relative.makeDirectory(name, shown: shown(path))
        try relative.setMode(of: name, 0o755, shown: shown(path))
        return true
      }
    }
  }

  private func writeFile(
    _ path: [UInt8], _ entry: Entry, _ reader: TarReader, _ package: NativePackage,
    _ sum: inout MD5?
  ) throws -> Bool {
    try withParent(of: path) { relative, name in
      // Setuid bits go with a change of owner, so they come after it.
      let mode = entry.mode & 0o777
      var made = try relative.createFile(name, mode: mode, shown: shown(path))
      if made == nil {
        let isMine = try claims.ifOwner(path, package) {
          try relative.remove(name, shown: shown(path))
          made = try relative.createFile(name, mode: mode, shown: shown(path))
        }
        if !isMine { return false }
      }
      guard let file = made.take() else { throw PosixError("create", shown(path), .fileExists) }
      while true {
        let count = try reader.read(into: buffer)
        if count == 0 { break }
        let part = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        sum?.update(part)
        do throws(PosixError) { try file.write(part) } catch {
          throw PosixError("write", shown(path), error.errno)
        }
      }
      if entry.user != 0 || entry.group != 0 {
        try file.setOwner(user: entry.user, group: entry.group, shown: shown(path))
      }
      if entry.mode & 0o7000 != 0 { try file.setMode(entry.mode, shown: shown(path)) }
      for attribute in entry.attributes {
        try file.setAttribute(attribute.name, to: attribute.value, shown: shown(path))
      }
      try file.setModified(
        seconds: entry.modified.seconds, nanoseconds: entry.modified.nanoseconds, shown: shown(path))
      return true
    }
  }

  /// A first package's configuration file is in its place, for the scripts of others, and beside it for
  /// dpkg, which finds on configuring that both are the same.
  private func offerConffile(_ path: [UInt8]) throws {
    try withParent(of: path) { relative, name in
      try relative.makeLink(
        name + Array(".dpkg-new".utf8), to: name, in: relative, shown: shown(path) + ".dpkg-new")
    }
  }

  private func make(
    _ path: [UInt8], _ entry: Entry, _ package: NativePackage, keepsMetadata: Bool = false,
    _ body: (Relative, [UInt8]) throws(PosixError) -> Void
  ) throws {
    try withParent(of: path) { relative, name in
      do throws(PosixError) {
        try body(relative, name)
      } catch {
        if error.errno != .fileExists { throw error }
        // A real directory stays where a symlink to it would be: what it holds has a place so.
        if try relative.status(of: name, shown: shown(path))?.kind == .directory { return }
        let isMine = try claims.ifOwner(path, package) {
          try relative.remove(name, shown: shown(path))
          try body(relative, name)
        }
        if !isMine { return }
      }
      if keepsMetadata { return }
      if entry.user != 0 || entry.group != 0 {
        try relative.setOwner(of: name, user: entry.user, group: entry.group, shown: shown(path))
      }
      if entry.kind != .symlink { try relative.setMode(of: name, entry.mode, shown: shown(path)) }
      try relative.setModified(
        of: name, seconds: entry.modified.seconds, nanoseconds: entry.modified.nanoseconds,
        shown: shown(path))
    }
  }
}
