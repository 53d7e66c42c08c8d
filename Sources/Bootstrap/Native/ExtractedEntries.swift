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
/// Packages are decompressed ahead by threads, into memory up to a bound. Entries come out of order, and
/// some twice: whoever orders them (`CanonicalOrder`) makes the tree of them that extracting would make.
final class ExtractedEntries: EntrySource {
  private let order: RootOrder
  /// The image that the packages are added to; nil for a tree from nothing.
  private let base: BaseSystem?
  private let packages: [NativePackage]
  private let ahead: DecompressedAhead
  private let claims = TreeClaims()
  private let rules: PathRules
  /// Whether the packages have a merged `/usr`: its symlinks are in base-files.
  private let isMerged: Bool
  private let aliases: Set<[UInt8]>
  private var reader: TarReader?
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
  ///   - temporary: where packages go that are too large for the memory.
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
    ahead = DecompressedAhead(packages, jobs: Int(order.jobs), temporary: temporary)
  }

  deinit { ahead.close() }

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
      self.reader = TarReader(try ahead.source(of: unpacked.count))
      current = UnpackedPackage(package: package)
      conffiles = package.control.ownConffiles
      return nil
    }
    guard let entry = try reader.next() else {
      try reader.drain()
      if let current { unpacked.append(current) }
      self.reader = nil
      ahead.release(unpacked.count - 1)
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

/// Packages that are decompressed before they are asked for, in order.
///
/// Each thread takes the next package that nobody has begun, when there is room: the decompressed bytes that
/// wait are bounded, and a package that is larger by itself goes into a file without a name.
private final class DecompressedAhead: Sendable {
  private struct State {
    var next = 0
    /// Up to where packages were given back.
    var released = 0
    var done: [Int: Swift.Result<(raw: Int32, size: UInt64), any Error>] = [:]
    var waiting: UInt64 = 0
    var isClosed = false
  }

  /// How many decompressed bytes wait at most, before the package that is wanted next.
  private static let room: UInt64 = 96 << 20
  /// Packages with more compressed bytes than this are not kept in memory.
  private static let large: UInt64 = 24 << 20

  private let packages: [NativePackage]
  private let temporary: FilePath
  private let state = Monitor(State())

  init(_ packages: [NativePackage], jobs: Int, temporary: FilePath) {
    self.packages = packages
    self.temporary = temporary
    for _ in 0..<max(1, min(jobs, packages.count)) {
      _ = Worker { [self] in work() }
    }
  }

  /// The decompressed data of a package; once, and in order.
  func source(of index: Int) throws -> any ByteSource {
    let result = state.wait { $0.done[index] }
    let found = try result.get()
    return RangeSource(found.raw, offset: 0, count: found.size)
  }

  /// Ends the threads after what they are doing.
  func close() {
    state.change { state in
      state.isClosed = true
      for case .success(let found) in state.done.values { _ = Descriptor(owning: found.raw) }
      state.done = [:]
    }
  }

  /// Forgets a package's data.
  func release(_ index: Int) {
    state.change { state in
      state.released = index + 1
      if case .success(let found)? = state.done.removeValue(forKey: index) {
        state.waiting -= found.size
        _ = Descriptor(owning: found.raw)
      }
    }
  }

  private func work() {
    while true {
      let index: Int? = state.wait { state in
        if state.isClosed || state.next == packages.count { return .some(nil) }
        guard state.waiting < Self.room || state.next == state.released else { return nil }
        defer { state.next += 1 }
        return .some(state.next)
      }
      guard let index else { return }
      let result = Swift.Result { try decompress(packages[index]) }
      state.change { state in
        if state.isClosed {
          if case .success(let found) = result { _ = Descriptor(owning: found.raw) }
          return
        }
        state.done[index] = result
        if case .success(let found) = result { state.waiting += found.size }
      }
    }
  }

  private func decompress(_ package: NativePackage) throws -> (raw: Int32, size: UInt64) {
    let data = package.archive.data
    let source = RangeSource(package.raw, offset: data.offset, count: data.size)
    let decompressor = try Decompressor(source, limits: debLimits, threaded: false)
    let file = data.size > Self.large ? try makeTemporaryFile(in: temporary) : try makeMemoryFile()
    var size: UInt64 = 0
    while true {
      let bytes = try decompressor.next()
      if bytes.isEmpty { break }
      try file.write(bytes)
      size += UInt64(bytes.count)
    }
    return (file.release(), size)
  }
}
