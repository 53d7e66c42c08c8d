import Archive
import Cache
import Posix
import Rootfs

/// Where the data of a file are.
enum DataOrigin {
  /// It has none.
  case none
  /// In a file of a context, whose entry there this is; `digest` is of what was read to look the step up.
  case context(ContextTree, Entry, digest: [UInt8])
  /// In a layer of a stage.
  case layer(StageTree, LayerStack.FileID)
  /// In the Dockerfile.
  case bytes([UInt8])
  /// In the cache.
  case blob(CachedBlob)
  /// Kept aside.
  case spool(Spool, offset: UInt64)
}

/// Several names of one file have the same.
enum LinkKey: Hashable {
  case context(FileIdentity)
  case layer(ObjectIdentifier, LayerStack.FileID)
  case archive(Int)
}

/// What is at a path of a tree that files are copied from.
struct SourceEntry {
  /// The entry there; never a hardlink.
  var entry: Entry
  /// Where its data are.
  var origin: DataOrigin
  /// Which file it is, where that has several names.
  var link: LinkKey?
}

/// A tree that files are copied from or to: a context, a stage.
protocol SourceTree: AnyObject {
  /// What is at a path itself, symlinks not followed; nil where there is nothing.
  func entry(at path: EntryPath) throws -> SourceEntry?
  /// The names in a directory, in bytewise order.
  func names(in path: EntryPath) throws -> [[UInt8]]
}

extension SourceTree {
  /// Where a path leads to when symlinks are followed inside the tree, as in a chroot. What doesn't exist
  /// counts as a directory.
  ///
  /// - Parameter followsLast: whether a symlink at the very path is followed too.
  func resolve(_ path: [ArraySlice<UInt8>], followsLast: Bool) throws -> EntryPath {
    var waiting = Array(path.reversed())
    var current: [ArraySlice<UInt8>] = []
    var links = 0
    while let part = waiting.popLast() {
      if part.isEmpty || part == [0x2e] { continue }
      if part == [0x2e, 0x2e] {
        _ = current.popLast()
        continue
      }
      let child = EntryPath(parts: current + [part])
      if followsLast || !waiting.isEmpty, let found = try entry(at: child), found.entry.kind == .symlink {
        links += 1
        if links > 255 { throw StepProblem("\"\(child)\": too many symbolic links") }
        let target = found.entry.linkTarget
        if target.first == 0x2f { current = [] }
        waiting += target.split(separator: 0x2f).reversed()
      } else {
        current.append(part)
      }
    }
    return EntryPath(parts: current)
  }
}
