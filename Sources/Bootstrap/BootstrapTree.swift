public import Archive
public import Posix
import Rootfs
public import SystemPackage

/// A base system as an engine made it, lent while it lasts.
public struct BootstrapTree {
  /// How the engine gives it.
  public enum Content {
    /// A tar stream without compression. Its end is the engine's end: reading it throws when the engine
    /// failed.
    case tar(any ByteSource)
    /// A directory, which is removed afterwards.
    case directory(FilePath)
    /// Entries in any order; a later one replaces an earlier one of the same name.
    case entries(any EntrySource)
  }

  /// What the engine gives, as it is.
  public let content: Content
  /// What makes it clean.
  public let normaliser: Normaliser

  /// The newest time that an entry has, in seconds since 1970.
  public var epoch: Int64 { normaliser.epoch }

  /// The clean tree. In tree order, but for `entries`. To be taken once.
  ///
  /// - Parameter notice: takes remarks about what is odd or left out.
  /// - Throws: what opening the directory throws; the source throws what reading does, and
  ///   `BootstrapError.engineFailed` when the engine failed.
  public func entries(notice: @escaping (String) -> Void = { _ in }) throws -> any EntrySource {
    switch content {
    case .tar(let source):
      return NormalisedEntries(DevicesInOrder(TarReader(source, notice: notice)), normaliser)
    case .entries(let source): return NormalisedEntries(source, normaliser)
    case .directory(let path):
      var options = DirectoryScan.Options()
      options.oneFileSystem = true
      options.notice = { notice($0.description) }
      return NormalisedEntries(try DirectoryScan(path, options: options), normaliser)
    }
  }
}

/// Entries as the normaliser leaves them.
final class NormalisedEntries: PlacedSource {
  private let source: any EntrySource
  private let normaliser: Normaliser
  /// The directory that was dropped last: what is below it follows it.
  private var dropped: EntryPath?
  private var isEmptied = false

  init(_ source: any EntrySource, _ normaliser: Normaliser) {
    self.source = source
    self.normaliser = normaliser
  }

  func next() throws -> Entry? {
    while var entry = try source.next() {
      if let dropped, dropped.contains(entry.path) { continue }
      let action = normaliser.normalise(&entry)
      isEmptied = action == .emptyContent
      if action != .drop { return entry }
      dropped = entry.path
    }
    return nil
  }

  var isPlaced: Bool { (source as? any PlacedSource)?.isPlaced ?? false }

  var place: DataPlace? { isEmptied ? nil : (source as? any PlacedSource)?.place }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    isEmptied ? 0 : try source.read(into: buffer)
  }
}

/// mmdebstrap's tar is sorted but for `dev`, which it writes first and by itself. Held back to its place,
/// it lets the rest stream through whoever needs tree order.
final class DevicesInOrder: EntrySource {
  private let source: any EntrySource
  private var held: [Entry] = []
  /// What came after the held ones; the source's data are its.
  private var following: Entry?
  private var hasStarted = false

  init(_ source: any EntrySource) { self.source = source }

  func next() throws -> Entry? {
    if !hasStarted {
      hasStarted = true
      while let entry = try source.next() {
        if entry.kind != .file, entry.path.bytes.starts(with: Array("dev".utf8)) {
          held.append(entry)
        } else {
          following = entry
          break
        }
      }
      held.sort { $0.path > $1.path }
    } else if following == nil {
      following = try source.next()
    }
    if let last = held.last, following.map({ last.path < $0.path }) ?? true { return held.removeLast() }
    defer { following = nil }
    return following
  }

  /// Held entries have no data, so whatever is read is the source's current entry's.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    following == nil ? try source.read(into: buffer) : 0
  }
}
