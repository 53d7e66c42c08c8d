import Archive
import Bootstrap
import Posix
import SystemPackage
import Testing

/// Every entry of a tar or a directory, as Python reads it: an eye that is not ours.
struct TreeListing {
  /// An entry, with the hash of its data.
  struct Item: Equatable {
    var entry: Entry
    var hash: String
  }

  var items: [EntryPath: Item] = [:]

  init(tar: FilePath) throws { try self.init(["tar", tar.string]) }
  init(directory: FilePath) throws { try self.init(["directory", directory.string]) }

  private init(_ arguments: [String]) throws {
    let text = try runProgram("python3", package: "python3", ["-c", Self.script] + arguments)
    for record in text.split(separator: 0) {
      let fields = record.split(separator: 0x0a, omittingEmptySubsequences: false).map(Array.init)
      try #require(fields.count >= 13)
      func number<Number: FixedWidthInteger>(_ index: Int, _ type: Number.Type = Number.self) throws -> Number
      {
        try #require(Number(String(decoding: fields[index], as: UTF8.self)))
      }
      let kinds: [String: EntryKind] = [
        "f": .file, "d": .directory, "l": .symlink, "h": .hardlink, "c": .characterDevice, "b": .blockDevice,
        "p": .fifo,
      ]
      let kind = try #require(kinds[String(decoding: fields[1], as: UTF8.self)])
      var entry = Entry(try EntryPath(normalising: fields[0]), kind, mode: try number(2), size: try number(5))
      entry.user = try number(3)
      entry.group = try number(4)
      entry.modified = Timestamp(seconds: try number(6), nanoseconds: try number(7))
      if kind == .symlink { entry.linkTarget = fields[8] }
      if kind == .hardlink { entry.hardlinkTarget = try EntryPath(normalising: fields[8]) }
      entry.deviceMajor = try number(9)
      entry.deviceMinor = try number(10)
      for attribute in fields[12...] where !attribute.isEmpty {
        let parts = attribute.split(separator: 0x3d, maxSplits: 1).map(Array.init)
        entry.attributes.append(ExtendedAttribute(name: parts[0], value: parts.count > 1 ? parts[1] : []))
      }
      items[entry.path] = Item(entry: entry, hash: String(decoding: fields[11], as: UTF8.self))
    }
  }

  /// What a filter makes of the entries; what is below a dropped directory goes too.
  func normalised(_ normaliser: Normaliser) -> TreeListing {
    var result = self
    result.items = [:]
    for path in items.keys.sorted() {
      guard var item = items[path] else { continue }
      if let parent = path.parent, !parent.isRoot, result.items[parent] == nil { continue }
      switch normaliser.normalise(&item.entry) {
      case .keep: result.items[path] = item
      case .emptyContent:
        item.hash = TreeListing.emptyHash
        result.items[path] = item
      case .drop: break
      }
    }
    return result
  }

  /// One line for each difference: what, and the path.
  func differences(from other: TreeListing) -> [String] {
    var lines: [String] = []
    for path in Set(items.keys).union(other.items.keys).sorted() {
      switch (items[path], other.items[path]) {
      case (let one?, let two?) where one != two: lines.append("differs: \(path)\n  \(one)\n  \(two)")
      case (_?, nil): lines.append("added: \(path)")
      case (nil, _?): lines.append("missing: \(path)")
      default: break
      }
    }
    return lines
  }

  static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

  private static let script = #"""
    import sys, os, stat, tarfile, hashlib
    out = sys.stdout.buffer
    def show(name, kind, mode, uid, gid, size, sec, nsec, link, major, minor, digest, attributes):
        fields = [name, kind.encode()] + [str(n).encode() for n in (mode, uid, gid, size, sec, nsec)]
        fields += [link, str(major).encode(), str(minor).encode(), digest.encode()] + attributes
        out.write(b"\n".join(fields) + b"\0")
    def hashed(file):
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20): digest.update(chunk)
        return digest.hexdigest()
    if sys.argv[1] == "tar":
        kinds = {tarfile.REGTYPE: "f", tarfile.AREGTYPE: "f", tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l",
                 tarfile.LNKTYPE: "h", tarfile.CHRTYPE: "c", tarfile.BLKTYPE: "b", tarfile.FIFOTYPE: "p"}
        with tarfile.open(sys.argv[2], errors="surrogateescape") as tar:
            for m in tar:
                digest = hashed(tar.extractfile(m)) if m.isreg() else ""
                attributes = sorted((k[14:] + "=" + v).encode(errors="surrogateescape")
                    for k, v in m.pax_headers.items() if k.startswith("SCHILY.xattr."))
                sec, frac = divmod(m.mtime, 1)
                show(os.fsencode(m.name), kinds[m.type], m.mode & 0o7777, m.uid, m.gid, m.size if m.isreg() else 0, int(sec),
                    round(frac * 1e9), os.fsencode(m.linkname), m.devmajor if m.isdev() else 0,
                    m.devminor if m.isdev() else 0, digest, attributes)
    else:
        top, seen = os.fsencode(sys.argv[2]), {}
        for folder, folders, files in os.walk(top):
            folders.sort()
            for name in ([b"."] if folder == top else []) + sorted(folders) + sorted(files):
                path = os.path.join(folder, name)
                s = os.lstat(path)
                kind = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFCHR: "c",
                        stat.S_IFBLK: "b", stat.S_IFIFO: "p"}[stat.S_IFMT(s.st_mode)]
                link = os.readlink(path) if kind == "l" else b""
                if kind == "f" and s.st_nlink > 1:
                    first = seen.setdefault((s.st_dev, s.st_ino), os.path.relpath(path, top))
                    if first != os.path.relpath(path, top): kind, link = "h", first
                digest = ""
                if kind == "f":
                    with open(path, "rb") as file: digest = hashed(file)
                attributes = sorted(os.fsencode(k) + b"=" + os.getxattr(path, k, follow_symlinks=False)
                    for k in os.listxattr(path, follow_symlinks=False))
                device = kind in "cb"
                show(os.path.relpath(path, top), kind, s.st_mode & 0o7777, s.st_uid, s.st_gid,
                    s.st_size if kind == "f" else 0, s.st_mtime_ns // 10**9, s.st_mtime_ns % 10**9, link,
                    os.major(s.st_rdev) if device else 0, os.minor(s.st_rdev) if device else 0, digest, attributes)
    """#
}

/// What a program writes; it must succeed.
func runProgram(
  _ name: String, package: String, _ arguments: [String], environment: [String] = [], output: Int32? = nil
) throws -> [UInt8] {
  let program = try #require(Command.find(name), "\(name) is not installed (Debian package \(package))")
  var command = Command(program, arguments)
  command.environment += environment
  let result = try makeTemporaryFile(in: "/tmp")
  let errors = try makeTemporaryFile(in: "/tmp")
  command.output = .descriptor(output ?? result.raw)
  command.errors = .descriptor(errors.raw)
  let status = try command.start().wait()
  let said = try contents(errors)
  try #require(status.isSuccess, "\(name) failed: \(String(decoding: said, as: UTF8.self))")
  return try contents(result)
}

private func contents(_ file: borrowing Descriptor) throws -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
  _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
  return bytes
}

/// A temporary directory of a test.
final class TestFolder {
  let path: FilePath

  init() throws {
    path = FilePath("/tmp").appending(temporaryName("test"))
    try makeDirectories(path)
  }

  deinit { try? removeTree(path) }
}

extension BootstrapContent {
  /// Writes the tar to a file.
  func save(to path: FilePath) throws {
    guard case .tar(let source) = self else {
      Issue.record("a directory where a tar was expected")
      return
    }
    let file = try openFile(path, .createNew())
    try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
      while true {
        let count = try source.read(into: buffer)
        if count == 0 { break }
        try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
  }
}
