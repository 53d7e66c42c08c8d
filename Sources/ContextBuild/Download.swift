import Archive
import Digest
import Fetch
import Posix
import Rootfs

/// A file that `ADD` fetches.
struct Download {
  let entry: Entry
  let spool: Spool
  let digest: Digest
  /// What the file is called; nil where the URL doesn't say.
  let name: [UInt8]?

  /// Fetches a URL, and checks that it is what was expected.
  init(_ url: String, expecting checksum: Digest?) throws {
    let source = try HTTPSource(url)
    let spool = try Spool(in: temporaryDirectory())
    var hash = SHA256()
    try withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 4096) { buffer in
      while case let count = try source.read(into: buffer), count > 0 {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        hash.update(bytes)
        try spool.append(bytes)
      }
    }
    try spool.flush()
    let digest = hash.finish()
    if let checksum, checksum != digest {
      throw StepProblem("\(source.name) has the digest \(digest), but --checksum says \(checksum)")
    }
    var entry = Entry(.root, .file, mode: 0o600, size: spool.size)
    // Docker takes 1970 where the server doesn't say.
    entry.modified = Timestamp(seconds: source.lastModified ?? 0)
    self.entry = entry
    self.spool = spool
    self.digest = digest
    let path = url.prefix { $0 != "?" && $0 != "#" }.split(separator: "/", omittingEmptySubsequences: false)
    let last = path.dropFirst(3).last.map { Array($0.utf8) } ?? []
    name = last.isEmpty || last == [0x2e] || last == [0x2e, 0x2e] ? nil : last
  }
}
