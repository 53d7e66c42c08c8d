import Cache
import Digest
import Glibc
import OCI
import Posix
import SystemPackage

/// Digests of files and folders that go into images. What was read before is not read again as long as sizes,
/// times and inodes are the same.
struct InputFingerprints: Sendable {
  /// What of a file's metadata counts, besides its kind and whether it can be executed.
  enum Detail: String {
    /// Nothing more.
    case content
    /// The permissions.
    case modes
    /// Permissions, owners, times and extended attributes.
    case everything
  }

  let cache: Cache

  /// The digest of a file or folder with all that is in it. Symlinks below it count as their text; `path` itself is
  /// followed.
  ///
  /// - Parameter isIgnored: says which paths below a folder don't count.
  func digest(
    of path: FilePath, _ detail: Detail, isIgnored: @escaping ([UInt8]) -> Bool = { _ in false }
  ) throws -> String {
    var walk = Walk(isIgnored: isIgnored)
    try walk.visit(Array(path.string.utf8), [], follows: true)
    let now = time(nil)
    var builder = CacheKeyBuilder(kind: "input", version: 1)
    builder.add("detail", detail.rawValue)
    builder.add("root", path.string)
    for file in walk.files {
      builder.add("path", file.path)
      builder.add("status", file.stamp)
    }
    let key = builder.finish()
    if let record = try cache.record(key), let text = String(validating: record, as: UTF8.self) { return text }
    let lines = try walk.files.map { try $0.line(detail) }
    let listing = Array(lines.joined(separator: "\n").utf8)
    let digest = SHA256.digest(listing)
    // What was changed just now might change again without a change of its times.
    if !walk.files.contains(where: { max($0.status.st_mtim.tv_sec, $0.status.st_ctim.tv_sec) >= now - 1 }) {
      try cache.setRecord(Array("\(digest)".utf8), for: key)
    }
    let listingKey = Self.listingKey("\(digest)")
    if listing.count < 512 << 10, lines.count > 1, try cache.record(listingKey) == nil {
      try cache.setRecord(listing, for: listingKey)
    }
    return "\(digest)"
  }

  /// What a folder of that digest had, by path; nil where that is not known.
  func listing(_ digest: String) -> [String: String]? {
    guard let record = try? cache.record(Self.listingKey(digest)) else { return nil }
    var listing: [String: String] = [:]
    for line in String(decoding: record, as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { listing[String(parts[0])] = String(parts[1]) }
    }
    return listing
  }

  private static func listingKey(_ digest: String) -> CacheKey {
    var builder = CacheKeyBuilder(kind: "listing", version: 1)
    builder.add("digest", digest)
    return builder.finish()
  }

  private struct Walk {
    var files: [InputFile] = []
    var isIgnored: ([UInt8]) -> Bool

    mutating func visit(_ path: [UInt8], _ name: [UInt8], follows: Bool) throws {
      var status = stat()
      let result = try withCString(path) { follows ? stat($0, &status) : lstat($0, &status) }
      if result != 0 { throw PosixError("read", displayed(path), Errno(rawValue: errno)) }
      files.append(InputFile(path: name, place: path, status: status))
      guard status.st_mode & S_IFMT == S_IFDIR else { return }
      let directory = try openFile(try withCString(path) { FilePath(platformString: $0) }, .directory)
      for child in try listDirectory(directory.raw, shown: displayed(path)) {
        let below = name.isEmpty ? child : name + [0x2f] + child
        if isIgnored(below) { continue }
        try visit(path + [0x2f] + child, below, follows: false)
      }
    }
  }
}

/// One file of an input.
private struct InputFile {
  var path: [UInt8]
  var place: [UInt8]
  var status: stat

  var stamp: String {
    "\(status.st_mode) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) "
      + "\(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec) \(status.st_ino) \(status.st_dev)"
  }

  /// Its path and what counts of it.
  func line(_ detail: InputFingerprints.Detail) throws -> String {
    let kind = status.st_mode & S_IFMT
    var words: [String]
    switch kind {
    case S_IFREG: words = ["file", "\(try content())"]
    case S_IFDIR: words = ["folder"]
    case S_IFLNK: words = ["link", displayed(try target())]
    default: words = ["other", "\(kind)", "\(status.st_rdev)"]
    }
    if detail != .content {
      words.append(String(status.st_mode & 0o7777, radix: 8))
    } else if kind == S_IFREG, status.st_mode & 0o111 != 0 {
      words.append("executable")
    }
    if detail == .everything {
      words += ["\(status.st_uid):\(status.st_gid)", "\(status.st_mtim.tv_sec)"]
      if kind == S_IFREG || kind == S_IFDIR {
        let file = try openFile(try withCString(place) { FilePath(platformString: $0) }, .read)
        for attribute in try file.attributes(shown: displayed(place)) {
          words.append("\(displayed(attribute.name))=\(displayed(attribute.value))")
        }
      }
    }
    return displayed(path) + "\t" + words.joined(separator: " ")
  }

  private func target() throws -> [UInt8] {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = try withCString(place) { readlink($0, &buffer, buffer.count) }
    if count < 0 { throw PosixError("read the link", displayed(place), Errno(rawValue: errno)) }
    return buffer[..<count].map { UInt8(bitPattern: $0) }
  }

  private func content() throws -> Digest {
    let raw = try withCString(place) { open($0, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) }
    if raw < 0 { throw PosixError("read", displayed(place), Errno(rawValue: errno)) }
    let file = Posix.Descriptor(owning: raw)
    var hash = SHA256()
    try withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 4096) { buffer in
      while case let count = try file.read(into: buffer), count > 0 {
        hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
    return hash.finish()
  }
}
