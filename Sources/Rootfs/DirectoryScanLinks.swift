import Archive
import Posix

/// The first names of files that have several, by device and inode.
struct LinkTable {
  private var table: [FileIdentity: (first: EntryPath, left: UInt64)] = [:]

  /// The name that the file was seen with first, or nil when that is now.
  ///
  /// A file is forgotten when as many names were seen as it has: then no more will come.
  mutating func first(_ status: FileStatus, at path: EntryPath) -> EntryPath? {
    guard let (first, left) = table[status.identity] else {
      table[status.identity] = (path, status.links - 1)
      return nil
    }
    table[status.identity] = left > 1 ? (first, left - 1) : nil
    return first
  }
}
