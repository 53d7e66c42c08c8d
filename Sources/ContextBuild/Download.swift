import Archive
import Cache
import Digest
import Rootfs

/// A file that `ADD` fetches.
struct Download {
  let entry: Entry
  let file: RemoteFile
  /// What the file is called; nil where the URL doesn't say.
  let name: [UInt8]?

  /// Fetches a URL, and checks that it is what was expected.
  init(_ url: String, expecting checksum: Digest?, from files: RemoteFiles) throws {
    file = try files.file(url, expecting: checksum)
    var entry = Entry(.root, .file, mode: 0o600, size: file.blob.size)
    // Docker takes 1970 where the server doesn't say.
    entry.modified = Timestamp(seconds: file.state.modified ?? 0)
    self.entry = entry
    let path = url.prefix { $0 != "?" && $0 != "#" }.split(separator: "/", omittingEmptySubsequences: false)
    let last = path.dropFirst(3).last.map { Array($0.utf8) } ?? []
    name = last.isEmpty || last == [0x2e] || last == [0x2e, 0x2e] ? nil : last
  }
}
