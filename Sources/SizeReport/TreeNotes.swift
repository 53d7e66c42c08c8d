import Archive
import Rootfs

/// What is kept of the layers' contents while they stream by: dpkg's database and where symlinks lead.
final class TreeNotes {
  /// A file larger than this is not dpkg's: Debian's largest list has some 5 MB.
  private static let fileLimit: UInt64 = 64 << 20
  /// All files together.
  private static let totalLimit: UInt64 = 256 << 20

  /// The contents of dpkg's files.
  private(set) var contents: [LayerStack.FileID: [UInt8]] = [:]
  /// The targets of symlinks.
  private(set) var targets: [LayerStack.FileID: [UInt8]] = [:]
  private(set) var notices: [String] = []
  private var total: UInt64 = 0

  /// Looks at an entry, and reads its data when that is of interest.
  func take(_ entry: Entry, _ file: LayerStack.FileID, _ source: any EntrySource) throws {
    if entry.kind == .symlink { targets[file] = entry.linkTarget }
    guard entry.kind == .file, DpkgPath(entry.path) != nil else { return }
    guard entry.size <= Self.fileLimit, total + entry.size <= Self.totalLimit else {
      notices.append("\(entry.path) is too large to be dpkg's (\(entry.size) bytes); it is left out")
      return
    }
    let size = Int(entry.size)
    contents[file] = try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        let room = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[count...]))
        let got = try source.read(into: room)
        if got == 0 { break }
        count += got
      }
    }
    total += entry.size
  }

  /// Drops what is known of files that are gone.
  func forget(where isGone: (LayerStack.FileID) -> Bool) {
    contents = contents.filter { !isGone($0.key) }
    targets = targets.filter { !isGone($0.key) }
    total = contents.values.reduce(0) { $0 + UInt64($1.count) }
  }
}

/// A file of dpkg's database, by its path.
enum DpkgPath: Equatable {
  /// `var/lib/dpkg/status`.
  case status
  /// `var/lib/dpkg/info/NAME.list`; with `:ARCH` for packages that several architectures can share.
  case list(name: ArraySlice<UInt8>)
  /// `var/lib/dpkg/status.d/NAME`: a paragraph for each package, as distroless images have them.
  case paragraph(name: ArraySlice<UInt8>)
  /// `var/lib/dpkg/status.d/NAME.md5sums`: its files.
  case sums(name: ArraySlice<UInt8>)

  private static let root = Array("var/lib/dpkg/".utf8)
  private static let info = Array("info/".utf8)
  private static let directory = Array("status.d/".utf8)
  private static let listSuffix = Array(".list".utf8)
  private static let sumsSuffix = Array(".md5sums".utf8)

  init?(_ path: EntryPath) {
    guard path.bytes.starts(with: Self.root) else { return nil }
    let rest = path.bytes.dropFirst(Self.root.count)
    if rest.elementsEqual("status".utf8) {
      self = .status
    } else if rest.starts(with: Self.info) {
      let name = rest.dropFirst(Self.info.count)
      guard name.count > Self.listSuffix.count, !name.contains(0x2f),
        name.suffix(Self.listSuffix.count).elementsEqual(Self.listSuffix)
      else { return nil }
      self = .list(name: name.dropLast(Self.listSuffix.count))
    } else if rest.starts(with: Self.directory) {
      let name = rest.dropFirst(Self.directory.count)
      guard !name.isEmpty, !name.contains(0x2f) else { return nil }
      if name.count > Self.sumsSuffix.count,
        name.suffix(Self.sumsSuffix.count).elementsEqual(Self.sumsSuffix)
      {
        self = .sums(name: name.dropLast(Self.sumsSuffix.count))
      } else {
        self = .paragraph(name: name)
      }
    } else {
      return nil
    }
  }
}
