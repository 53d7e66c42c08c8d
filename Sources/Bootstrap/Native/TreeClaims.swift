import Archive
import Posix

/// Who owns which path of the tree: what decides, whatever thread comes first, where packages disagree.
///
/// A path that two packages have belongs to the one that replaces the other (`Replaces`), else to the
/// later in the plan's order, as dpkg would unpack them. Directories belong to all.
final class TreeClaims: Sendable {
  /// What a package may do with a path.
  enum Verdict {
    /// Make it.
    case make
    /// Leave it: it is another package's.
    case leave
  }

  /// A directory as packages describe it.
  struct Directory {
    var order: Int
    var mode: UInt16
    var user: UInt32
    var group: UInt32
    var modified: Timestamp
    var hasContent = false
  }

  private struct State {
    var isMerged = false
    var owners: [[UInt8]: NativePackage] = [:]
    var known: Set<[UInt8]> = []
    /// Directories whose owner and mode are this round's to say.
    var isOurs: Set<[UInt8]> = []
    var directories: [[UInt8]: Directory] = [:]
    var lost: [(package: NativePackage, path: [UInt8])] = []

    var places: [ObjectIdentifier: Int] = [:]

    func place(_ package: NativePackage) -> Int { places[ObjectIdentifier(package)] ?? 0 }
    func key(_ path: [UInt8]) -> [UInt8] { isMerged ? TreeClaims.canonical(path) : path }
  }

  private let state = Monitor(State())

  /// Says whether top-level directories lead into `/usr`, so that files there have two paths.
  func setMerged(_ isMerged: Bool) {
    state.change { state in
      if !isMerged || state.isMerged { return }
      state.isMerged = true
      state.owners = Dictionary(
        state.owners.map { (Self.canonical($0.key), $0.value) }, uniquingKeysWith: { one, _ in one })
      state.known = Set(state.known.map(Self.canonical))
    }
  }

  /// Top-level symlinks of a merged `/usr`, which give files two paths.
  private static let aliases: [[UInt8]] = [
    "bin", "lib", "lib32", "lib64", "libo32", "libx32", "sbin",
  ].map { Array($0.utf8) }

  /// One path for each file, whichever way leads to it.
  static func canonical(_ path: [UInt8]) -> [UInt8] {
    let first = path.prefix { $0 != 0x2f }
    if first.count < path.count, aliases.contains(where: { $0.elementsEqual(first) }) {
      return Array("usr/".utf8) + path
    }
    return path
  }

  /// Says in which order packages are installed.
  func setOrder(_ packages: [NativePackage]) {
    state.change { state in
      for (place, package) in packages.enumerated() { state.places[ObjectIdentifier(package)] = place }
    }
  }

  /// Claims a path that is no directory.
  func claim(_ path: [UInt8], for package: NativePackage) -> Verdict {
    state.change { state in
      let path = state.key(path)
      Self.noteContent(path, &state)
      guard let other = state.owners[path], other !== package else {
        state.owners[path] = package
        return .make
      }
      let isMine: Bool
      switch (package.replaces(other), other.replaces(package)) {
      case (true, false): isMine = true
      case (false, true): isMine = false
      default: isMine = state.place(package) > state.place(other)
      }
      state.lost.append((isMine ? other : package, path))
      if isMine { state.owners[path] = package }
      return isMine ? .make : .leave
    }
  }

  /// Runs `body` alone, if the path is still the package's.
  func ifOwner(
    _ path: [UInt8], _ package: NativePackage, _ body: () throws -> Void
  ) rethrows -> Bool {
    try state.change { state in
      guard state.owners[state.key(path)] === package else { return false }
      try body()
      return true
    }
  }

  /// Notes a directory that a package has, and makes it when nobody has noted it before.
  ///
  /// - Parameters:
  ///   - lastWins: whether the last package in order says how it is, and what was there before obeys; else
  ///     the first that is unpacked in this round, and what was there before stays as it is.
  ///   - make: makes the directory; false when something has that name.
  func note(
    _ path: [UInt8], _ entry: Entry, _ package: NativePackage, lastWins: Bool, make: () throws -> Bool
  ) rethrows {
    try state.change { state in
      let path = state.key(path)
      Self.noteContent(path, &state)
      if !state.known.contains(path) {
        let isNew = try make()
        state.known.insert(path)
        if isNew || lastWins { state.isOurs.insert(path) }
      }
      guard lastWins || state.isOurs.contains(path) else { return }
      let known = state.directories[path]
      let place = state.place(package)
      if known.map({ lastWins ? place > $0.order : place < $0.order }) ?? true {
        state.directories[path] = Directory(
          order: place, mode: entry.mode, user: entry.user, group: entry.group,
          modified: entry.modified, hasContent: known?.hasContent ?? false)
      }
    }
  }

  /// Makes directories that a package goes through without having them.
  func makeWay(_ body: () throws -> Void) rethrows { try state.change { _ in try body() } }

  private static func noteContent(_ path: [UInt8], _ state: inout State) {
    guard let slash = path.lastIndex(of: 0x2f) else { return }
    state.directories[Array(path[..<slash])]?.hasContent = true
  }

  /// The directories of this round in order of their paths, deepest last; the next round starts without.
  func takeDirectories() -> [(path: [UInt8], directory: Directory)] {
    state.change { state in
      let all = state.directories.sorted { $0.key.lexicographicallyPrecedes($1.key) }
      state.directories = [:]
      state.isOurs = []
      return all.map { ($0.key, $0.value) }
    }
  }

  /// The path by which a file is known.
  func key(_ path: [UInt8]) -> [UInt8] { state.change { $0.key(path) } }

  /// The paths that packages have lost to others since the last call, by their keys.
  func takeLost() -> [(package: NativePackage, path: [UInt8])] {
    state.change { state in
      defer { state.lost = [] }
      return state.lost
    }
  }
}

extension NativePackage {
  fileprivate func replaces(_ other: NativePackage) -> Bool {
    control.replaces.contains(other.control.name)
      || control.replaces.contains { other.control.provides.contains($0) }
  }
}
