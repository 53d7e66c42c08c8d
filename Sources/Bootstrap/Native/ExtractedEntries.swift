import Archive
import Codec
import Debian
import Digest
import Posix
import Rootfs
import SystemPackage

/// The tree of packages that are only unpacked, as entries, package after package: no root directory is
/// made, no program runs, and no privilege is needed.
///
/// Packages are decompressed by threads into files without a name, where the data of entries stay until all
/// are ordered. Entries come out of order, and some twice: whoever orders them (`CanonicalOrder`) makes the
/// tree of them that extracting would make.
final class ExtractedEntries: PlacedSource {
  private let order: RootOrder
  /// The image that the packages are added to; nil for a tree from nothing.
  private let base: BaseSystem?
  private let packages: [NativePackage]
  private let ahead: DataAhead
  private let claims = TreeClaims()
  private let rules: PathRules
  /// Whether the packages have a merged `/usr`: its symlinks are in base-files.
  private let isMerged: Bool
  private let aliases: Set<[UInt8]>
  private var reader: TarReader?
  private var files: [DecompressedFile] = []
  private var current: UnpackedPackage?
  private var unpacked: [UnpackedPackage] = []
  private var conffiles: Set<[UInt8]> = []
  /// The file that is being read and whose sum is wanted, as its package names it.
  private var summed: [UInt8]?
  private var sum: MD5?
  private var devices: [Entry]
  private var parts: [RootPart]
  private var partBytes: [UInt8] = []
  private var partOffset = 0
  private var isReadingPart = false
  private var hasEnded = false

  /// - Parameters:
  ///   - order: the packages, opened, and what is there beside them.
  ///   - base: the image that the packages are added to; nil for a tree from nothing.
  ///   - temporary: where the decompressed packages go.
  init(_ order: RootOrder, onto base: BaseSystem? = nil, temporary: FilePath) throws {
    self.order = order
    self.base = base
    rules = order.rules
    packages = try NativePackage.open(order.packages, jobs: Int(order.jobs))
    claims.setOrder(packages)
    if let base {
      isMerged = base.entry(try EntryPath("lib"))?.kind == .symlink
    } else {
      isMerged = packages.contains {
        $0.control.name == "base-files" && $0.control.provides.contains("usr-is-merged")
      }
    }
    aliases = isMerged ? Set(RootSetup.mergedLinks(order.architecture).map { Array($0.name.utf8) }) : []
    parts = base == nil ? Self.beginning(order) : []
    devices = base == nil ? try RootTar.devices(order.epoch) : []
    claims.setMerged(isMerged)
    ahead = DataAhead(DataAhead.inOrder(packages), jobs: Int(order.jobs), folder: temporary)
    ahead.start()
  }

  deinit { ahead.stop() }

  private static func beginning(_ order: RootOrder) -> [RootPart] {
    var parts: [RootPart] = [RootPart("", mode: 0o755)]
    var known: Set<String> = []
    for part in RootSetup.beginning(order) {
      var way = ""
      for name in part.path.split(separator: "/").dropLast() {
        way += (way.isEmpty ? "" : "/") + name
        if known.insert(way).inserted { parts.append(RootPart(way, mode: 0o755)) }
      }
      known.insert(part.path)
      // The database is written when all packages are known, and nobody locks it.
      if !part.path.hasPrefix("var/lib/dpkg/") || part.path == "var/lib/dpkg/arch"
        || part.content.isDirectory
      {
        parts.append(part)
      }
    }
    return parts.reversed()
  }

  func next() throws -> Entry? {
    try finishSum()
    isReadingPart = false
    while true {
      if let part = parts.popLast() { return try entry(part) }
      if let device = devices.popLast() { return device }
      if hasEnded { return nil }
      if let entry = try nextOfPackage() { return entry }
    }
  }

  var isPlaced: Bool { true }

  var place: DataPlace? {
    guard !isReadingPart, let reader, let file = files.last else { return nil }
    return DataPlace(raw: file.raw, offset: reader.dataOffset, extents: reader.extents)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if isReadingPart {
      let count = min(buffer.count, partBytes.count - partOffset)
      partBytes.withUnsafeBytes { bytes in
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[partOffset..<(partOffset + count)]))
      }
      partOffset += count
      return count
    }
    let count = try reader?.read(into: buffer) ?? 0
    if summed != nil { sum?.update(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
    return count
  }

  private func entry(_ part: RootPart) throws -> Entry {
    var entry = Entry(try EntryPath(part.path), .directory, mode: UInt16(part.mode))
    entry.modified = Timestamp(seconds: part.seconds ?? order.epoch)
    if case .file(let bytes) = part.content {
      entry.kind = .file
      entry.size = UInt64(bytes.count)
      partBytes = bytes
      partOffset = 0
      isReadingPart = true
    }
    return entry
  }

  // MARK: Packages

  /// The next entry of the packages; nil when there is none just now: then parts may have come.
  private func nextOfPackage() throws -> Entry? {
    guard let reader else {
      if unpacked.count == packages.count {
        try end()
        return nil
      }
      let package = packages[unpacked.count]
      let file = try ahead.file(of: package)
      files.append(file)
      self.reader = TarReader(RangeSource(file.raw, offset: 0, count: file.size))
      current = UnpackedPackage(package: package)
      conffiles = package.control.ownConffiles
      return nil
    }
    guard let entry = try reader.next() else {
      try reader.drain()
      if let current { unpacked.append(current) }
      self.reader = nil
      return nil
    }
    guard let package = current?.package else { return nil }
    return try keep(entry, of: package)
  }

  private func keep(_ entry: Entry, of package: NativePackage) throws -> Entry? {
    let path = entry.path.bytes
    let full = [0x2f] + path
    let mayHold = entry.kind == .directory || entry.kind == .symlink
    if !path.isEmpty, rules.leavesOut(full, mayHoldOthers: mayHold) { return nil }
    if entry.user == .max || entry.group == .max {
      throw DebError(package.file, .entry("\(entry.path)", "its owner stands for none"))
    }
    if entry.kind == .characterDevice || entry.kind == .blockDevice {
      throw DebError(package.file, .entry("\(entry.path)", "devices have no place in a package"))
    }
    if entry.kind != .directory, claims.claim(path, for: package) == .leave { return nil }
    current?.list.append(path.isEmpty ? [0x2f, 0x2e] : full)
    if entry.kind == .file, conffiles.contains(path) || current?.isSummed == true {
      summed = path
      sum = MD5()
    }
    var entry = entry
    // The symlinks of a merged /usr lead there, wherever they come from.
    if entry.kind == .directory, aliases.contains(path) { return nil }
    entry.path = try EntryPath(normalising: place(path))
    if let target = entry.hardlinkTarget {
      if let sum = current?.sums[target.bytes] { current?.sums[path] = sum }
      entry.hardlinkTarget = try EntryPath(normalising: place(target.bytes))
    }
    return entry
  }

  /// Where a path of a package is in the tree.
  private func place(_ path: [UInt8]) -> [UInt8] { isMerged ? TreeClaims.canonical(path) : path }

  private func finishSum() throws {
    guard let path = summed else { return }
    var rest = [UInt8](repeating: 0, count: 64 << 10)
    while try rest.withUnsafeMutableBytes({ try read(into: $0) }) > 0 {}
    summed = nil
    if let sum = sum.take() { current?.sums[path] = sum.finish() }
  }

  /// dpkg's database of what was unpacked, and what an image has beside it.
  private func end() throws {
    hasEnded = true
    let lost = Dictionary(grouping: claims.takeLost(), by: { ObjectIdentifier($0.package) })
    for index in unpacked.indices {
      guard let paths = lost[ObjectIdentifier(unpacked[index].package)] else { continue }
      let gone = Set(paths.map(\.path))
      unpacked[index].list.removeAll { gone.contains(place(Array($0.dropFirst()))) }
    }
    if let base {
      parts = try DpkgDatabase.parts(unpacked, onto: base).reversed()
      return
    }
    parts = DpkgDatabase.parts(unpacked)
    // apt's own packages have them for everybody.
    parts += RootSetup.privateDirectories.map { RootPart($0, mode: 0o700) }
    parts.reverse()
  }
}
