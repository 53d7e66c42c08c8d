import Debian
import Digest
import SystemPackage

/// What the process that makes a root directory is told: all of it goes through one pipe.
struct RootOrder: Sendable, Equatable {
  /// A package, open in both processes.
  struct Package: Sendable, Equatable {
    /// The descriptor's number.
    var descriptor: Int32
    /// The file, for messages.
    var file: String
    /// Whether it is installed before there is a system.
    var isEssential: Bool
    /// Whether it came as a dependency only.
    var isAutomatic: Bool
    /// What the archive says of its priority, which need not be what it says itself.
    var priority: PackageRecord.Priority?
    /// What the cache has of its files.
    var data = NativePackage.Data.none
  }

  /// A file that is there before the packages.
  struct File: Sendable, Equatable {
    /// Its path, without a leading slash.
    var path: String
    /// Its content.
    var bytes: [UInt8]
  }

  /// Where the tree is made.
  enum Storage: UInt32, Sendable {
    /// In a file system in memory, mounted over the directory.
    case memory
    /// In the directory itself.
    case disk
  }

  /// The directory that becomes the root; it exists.
  var root: String
  var storage = Storage.memory
  /// The newest time that an entry may have.
  var epoch: Int64
  /// How many packages are unpacked at a time.
  var jobs: UInt32
  var architecture: String
  var suite: String
  /// Whether nothing is made, but what an earlier process has left is removed.
  var removes = false
  /// Whether this runs in a user namespace.
  var isUnshared = false
  /// The descriptor of a pipe that the tree below comes through as a tar, which packages are added to; -1 for
  /// a system from nothing.
  var base: Int32 = -1
  /// Packages of the base that had come as dependencies only and are asked for now.
  var requested: [String] = []
  var packages: [Package] = []
  var files: [File] = []
  /// Rules for paths as dpkg's options.
  var pathRules: [String] = []
  var include: [String] = []
  var setupHooks: [String] = []
  var extractHooks: [String] = []
  var essentialHooks: [String] = []
  var customizeHooks: [String] = []
  /// The ends of the pipes that special hooks need: `HookOutside.others`.
  var transferEnds: [Int32] = []

  init(root: String, epoch: Int64, jobs: UInt32, architecture: String, suite: String) {
    self.root = root
    self.epoch = epoch
    self.jobs = jobs
    self.architecture = architecture
    self.suite = suite
  }

  /// `pathRules` as they were.
  var rules: PathRules {
    PathRules(
      pathRules.map { text in
        let pattern = String(text.drop { $0 != "=" }.dropFirst())
        return text.hasPrefix("path-include=") ? .include(pattern) : .exclude(pattern)
      })
  }
}

/// The form in which it goes through the pipe: numbers of 8 bytes, and texts after their lengths.
extension RootOrder {
  private static let mark = "garboard root order 3"

  var encoded: [UInt8] {
    var writer = OrderWriter()
    writer.add(Self.mark)
    writer.add(root)
    writer.add(UInt64(storage.rawValue))
    writer.add(UInt64(bitPattern: epoch))
    writer.add(UInt64(jobs))
    writer.add(architecture)
    writer.add(suite)
    writer.add(removes ? 1 : 0)
    writer.add(isUnshared ? 1 : 0)
    writer.add(UInt64(UInt32(bitPattern: base)))
    writer.add(UInt64(packages.count))
    for package in packages {
      writer.add(UInt64(UInt32(bitPattern: package.descriptor)))
      writer.add(package.file)
      let priority = UInt64(package.priority?.rawValue ?? 0)
      writer.add((package.isEssential ? 1 : 0) | (package.isAutomatic ? 2 : 0) | priority << 2)
      switch package.data {
      case .none: writer.add(0)
      case .there(let raw, let size):
        writer.add(1)
        writer.add(UInt64(UInt32(bitPattern: raw)))
        writer.add(size)
      case .wanted(let raw, let digest):
        writer.add(2)
        writer.add(UInt64(UInt32(bitPattern: raw)))
        writer.add(digest.description)
      }
    }
    writer.add(UInt64(files.count))
    for file in files {
      writer.add(file.path)
      writer.add(file.bytes)
    }
    for list in [pathRules, include, requested, setupHooks, extractHooks, essentialHooks, customizeHooks] {
      writer.add(UInt64(list.count))
      for text in list { writer.add(text) }
    }
    writer.add(UInt64(transferEnds.count))
    for end in transferEnds { writer.add(UInt64(UInt32(bitPattern: end))) }
    return writer.bytes
  }

  /// Reads it again; nil for anything else.
  init?(encoded bytes: [UInt8]) {
    var reader = OrderReader(bytes)
    guard reader.text() == Self.mark else { return nil }
    self.init(root: reader.text(), epoch: 0, jobs: 1, architecture: "", suite: "")
    storage = Storage(rawValue: UInt32(truncatingIfNeeded: reader.number())) ?? .disk
    epoch = Int64(bitPattern: reader.number())
    jobs = UInt32(truncatingIfNeeded: reader.number())
    architecture = reader.text()
    suite = reader.text()
    removes = reader.number() == 1
    isUnshared = reader.number() == 1
    base = Int32(truncatingIfNeeded: reader.number())
    packages = reader.list { reader in
      let descriptor = Int32(truncatingIfNeeded: reader.number())
      let file = reader.text()
      let bits = reader.number()
      return Package(
        descriptor: descriptor, file: file, isEssential: bits & 1 != 0, isAutomatic: bits & 2 != 0,
        priority: .init(rawValue: UInt8(truncatingIfNeeded: bits >> 2)), data: Self.data(&reader))
    }
    files = reader.list { reader in File(path: reader.text(), bytes: reader.bytes()) }
    pathRules = reader.list { $0.text() }
    include = reader.list { $0.text() }
    requested = reader.list { $0.text() }
    setupHooks = reader.list { $0.text() }
    extractHooks = reader.list { $0.text() }
    essentialHooks = reader.list { $0.text() }
    customizeHooks = reader.list { $0.text() }
    transferEnds = reader.list { Int32(truncatingIfNeeded: $0.number()) }
    if !reader.isComplete { return nil }
  }
}

extension RootOrder {
  private static func data(_ reader: inout OrderReader) -> NativePackage.Data {
    let kind = reader.number()
    if kind == 0 { return .none }
    let raw = Int32(truncatingIfNeeded: reader.number())
    if kind == 1 { return .there(raw, size: reader.number()) }
    guard let digest = try? Digest(reader.text()) else { return .none }
    return .wanted(raw, digest)
  }
}

private struct OrderWriter {
  var bytes: [UInt8] = []

  mutating func add(_ number: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
  }
  mutating func add(_ text: [UInt8]) {
    add(UInt64(text.count))
    bytes += text
  }
  mutating func add(_ text: String) { add(Array(text.utf8)) }
}

private struct OrderReader {
  private let all: [UInt8]
  private var offset = 0
  private var isBroken = false

  init(_ bytes: [UInt8]) { all = bytes }

  /// Whether all of it was read, and nothing was missing.
  var isComplete: Bool { !isBroken && offset == all.count }

  mutating func number() -> UInt64 {
    guard all.count - offset >= 8 else {
      isBroken = true
      return 0
    }
    defer { offset += 8 }
    return (0..<8).reduce(0) { $0 | UInt64(all[offset + $1]) << (8 * $1) }
  }

  mutating func bytes() -> [UInt8] {
    let count = number()
    guard count <= UInt64(all.count - offset) else {
      isBroken = true
      return []
    }
    defer { offset += Int(count) }
    return Array(all[offset..<(offset + Int(count))])
  }

  mutating func text() -> String { String(decoding: bytes(), as: UTF8.self) }

  mutating func list<Element>(_ element: (inout OrderReader) -> Element) -> [Element] {
    let count = number()
    var result: [Element] = []
    while result.count < count, !isBroken { result.append(element(&self)) }
    return result
  }
}
