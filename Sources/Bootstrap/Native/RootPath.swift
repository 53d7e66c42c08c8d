import Archive
import Posix
import SystemPackage

/// Paths in a root.
enum RootPath {
  /// A path without symlinks in it, as chroot(2) would lead to it: without its leading slash. What is missing
  /// is taken as it stands.
  ///
  /// - Parameters:
  ///   - mayDangle: whether a symlink may lead to nothing.
  ///   - follow: is told where each symlink is that is followed, before it is.
  static func resolve(
    _ path: [UInt8], in root: Int32, mayDangle: Bool = true, follow: ([UInt8]) throws -> Void = { _ in }
  ) throws -> [UInt8] {
    var rest = path.split(separator: 0x2f).reversed().map(Array.init)
    // How many of them are of the path itself, and of no symlink.
    var given = rest.count
    var result: [[UInt8]] = []
    var links = 0
    while let part = rest.popLast() {
      let isOfLink = rest.count >= given
      given = min(given, rest.count)
      if part == [0x2e] { continue }
      if part == [0x2e, 0x2e] {
        _ = result.popLast()
        continue
      }
      let folder = Array(result.joined(separator: [0x2f]))
      let place = folder.isEmpty ? part : folder + [0x2f] + part
      switch try status(of: part, in: folder, root, shown: "/" + displayed(place)) {
      case .symlink(let target):
        links += 1
        if links > 40 { throw PosixError("follow", "/" + displayed(place), .tooManySymbolicLinkLevels) }
        try follow(place)
        if target.first == 0x2f { result = [] }
        rest += target.split(separator: 0x2f).reversed().map(Array.init)
      case .missing where isOfLink && !mayDangle:
        throw PosixError("follow a symlink to", "/" + displayed(place), .noSuchFileOrDirectory)
      case .missing, .other: result.append(part)
      }
    }
    return Array(result.joined(separator: [0x2f]))
  }

  private enum Part {
    case missing
    case symlink([UInt8])
    case other
  }

  private static func status(
    of part: [UInt8], in folder: [UInt8], _ root: Int32, shown: @autoclosure () -> String
  ) throws(PosixError) -> Part {
    let parent: Descriptor
    do throws(PosixError) {
      parent = try openDirectory(inRoot: root, folder, shown: shown())
    } catch {
      if error.errno == .noSuchFileOrDirectory { return .missing }
      throw error
    }
    let relative = Relative(parent.raw)
    switch try relative.status(of: part, shown: shown())?.kind {
    case nil: return .missing
    case .symlink: return .symlink(try relative.linkTarget(of: part, shown: shown()))
    default: return .other
    }
  }
}

/// Where in a root the entries of an archive go: into one directory of it, and over the symlinks that the root
/// has there, as chroot(2) would lead; never over those that the archive brings itself.
final class RootPlaces {
  private let root: Int32
  private let directory: EntryPath
  /// Symlinks that have come, by where they are.
  private var links: Set<[UInt8]> = []
  /// The last directory that was asked for. Whatever takes the place of one on the way to it is in another.
  private var last: (given: EntryPath, place: EntryPath)?

  /// - Parameter directory: a path without symlinks in it.
  init(_ root: Int32, _ directory: EntryPath) {
    self.root = root
    self.directory = directory
  }

  /// Moves an entry of the archive to its place.
  func move(_ entry: inout Entry) throws {
    if let target = entry.hardlinkTarget { entry.hardlinkTarget = try place(target) }
    entry.path = try place(entry.path)
    if entry.kind == .symlink { links.insert(entry.path.bytes) }
  }

  private func place(_ path: EntryPath) throws -> EntryPath {
    guard let parent = path.parent else { return directory }
    if let last, last.given == parent { return try last.place.appending(path.name) }
    let links = links
    let resolved = try RootPath.resolve(
      directory.bytes + [0x2f] + parent.bytes, in: root, mayDangle: false
    ) { if links.contains($0) { throw BelowOwnLink(path) } }
    let place = try EntryPath(normalising: resolved)
    last = (parent, place)
    return try place.appending(path.name)
  }
}

/// An entry whose way leads over a symlink of the same archive.
private struct BelowOwnLink: Error, CustomStringConvertible {
  private let path: EntryPath

  init(_ path: EntryPath) { self.path = path }

  var description: String { "\(path) is below a symlink of the same archive, refused" }
}
