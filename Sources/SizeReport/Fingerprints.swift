import Archive
import Digest
import Rootfs

/// What entries are, in a digest each: kind, mode, owner, links, devices, attributes and content; not the
/// time, which every build changes.
final class Fingerprints {
  private var digests: [LayerStack.FileID: Digest] = [:]
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)

  deinit { buffer.deallocate() }

  /// The digest of what a record stands for; nil for a directory that no entry names.
  subscript(file: LayerStack.FileID?) -> Digest? { file.flatMap { digests[$0] } }

  /// Looks at an entry, and reads its data unless they are at hand.
  func take(
    _ entry: Entry, _ file: LayerStack.FileID, _ source: any EntrySource, content: [UInt8]?
  ) throws {
    var sum = SHA256()
    for number in [
      UInt64(entry.kind.rawValue), UInt64(entry.mode), UInt64(entry.user), UInt64(entry.group),
      UInt64(entry.deviceMajor), UInt64(entry.deviceMinor), UInt64(entry.attributes.count),
    ] {
      withUnsafeBytes(of: number) { sum.update($0) }
    }
    for bytes in [entry.linkTarget] + entry.attributes.flatMap({ [$0.name, $0.value] }) {
      withUnsafeBytes(of: UInt64(bytes.count)) { sum.update($0) }
      sum.update(bytes)
    }
    if let content {
      sum.update(content)
    } else if entry.kind == .file {
      while true {
        let count = try source.read(into: buffer)
        if count == 0 { break }
        sum.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
    digests[file] = sum.finish()
  }

  /// Drops what is known of files that are gone.
  func forget(where isGone: (LayerStack.FileID) -> Bool) { digests = digests.filter { !isGone($0.key) } }
}
