public import Archive
import Debian
public import Rootfs

/// A Debian package that is installed in a tree.
public struct SBOMPackage: Sendable, Hashable {
  /// Its name.
  public var name: String
  /// Its version.
  public var version: String
  /// Its architecture, as `amd64` or `all`.
  public var architecture: String
  /// Who maintains it; empty where that is not said.
  public var maintainer: String
  /// The source package that it was built from, with its version; nil where it has the same of both.
  public var source: String?
  /// Its home page; nil where there is none.
  public var homepage: String?
}

/// Finds out which packages a tree has, from dpkg's database in the entries that make the tree.
///
/// Both forms are read: the one file `var/lib/dpkg/status`, and the files in `var/lib/dpkg/status.d` that images
/// without dpkg have.
public struct PackageInventory: Sendable {
  private var contents: [EntryPath: [UInt8]] = [:]
  private static let limit: UInt64 = 1 << 27
  private static let folder = Array("var/lib/dpkg/status.d/".utf8)
  private static let files: Set<[UInt8]> = Set(
    ["var/lib/dpkg/status", "etc/os-release", "usr/lib/os-release"].map { Array($0.utf8) })

  /// No packages.
  public init() {}

  /// Whether the data of an entry matter.
  public static func wants(_ entry: Entry) -> Bool {
    guard entry.kind == .file, entry.size <= limit else { return false }
    let bytes = entry.path.bytes
    if bytes.starts(with: folder) { return !bytes.suffix(8).elementsEqual(".md5sums".utf8) }
    return files.contains(bytes)
  }

  /// Takes the data of a file that matters.
  public mutating func take(_ path: EntryPath, _ data: [UInt8]) { contents[path] = data }

  /// Takes the entries of a layer on top of what was taken before: what it hides or replaces is gone.
  ///
  /// - Parameter isKept: whether an entry is in the image after all.
  public mutating func take(
    layer source: any EntrySource, isKept: (Entry) -> Bool = { _ in true }
  ) throws {
    // Whiteouts are about the layers below alone, wherever they stand in the layer.
    var added: [EntryPath: [UInt8]] = [:]
    var isGone: [EntryPath] = []
    while let entry = try source.next() {
      switch try LayerName(entry.path) {
      case .whiteout(let path), .opaque(let path): isGone.append(path)
      case .metadata: break
      case .ordinary:
        if entry.kind != .directory {
          isGone.append(entry.path)
          added = added.filter { !entry.path.contains($0.key) }
        }
        if Self.wants(entry), isKept(entry) { added[entry.path] = try Self.data(of: entry, from: source) }
      }
    }
    let wanted = contents.keys.filter { path in isGone.contains { $0.contains(path) } }
    for path in wanted { contents[path] = nil }
    contents.merge(added) { _, new in new }
  }

  private static func data(of entry: Entry, from source: any EntrySource) throws -> [UInt8] {
    var data = [UInt8](repeating: 0, count: Int(entry.size))
    var done = 0
    while done < data.count {
      let count = try data.withUnsafeMutableBytes { buffer in
        try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
      }
      if count == 0 { break }
      done += count
    }
    data.removeLast(data.count - done)
    return data
  }

  /// The packages that are installed, by name, architecture and version.
  ///
  /// - Throws: `SyntaxError` for a database that is malformed.
  public func packages() throws -> [SBOMPackage] {
    var packages: Set<SBOMPackage> = []
    for (path, data) in contents where path.bytes.starts(with: "var/".utf8) {
      try data.withUnsafeBytes { bytes in
        var reader = ControlReader(bytes, file: "\(path)")
        var paragraph = ControlParagraph()
        while try reader.next(&paragraph) {
          func text(_ name: StaticString) -> String? {
            paragraph.bytes(of: name).map { String(decoding: $0, as: UTF8.self) }
          }
          guard let name = text("Package"), let version = text("Version") else { continue }
          if let state = paragraph.words(of: "Status")?.last,
            ["not-installed", "config-files"].contains(state)
          {
            continue
          }
          packages.insert(
            SBOMPackage(
              name: name, version: version, architecture: text("Architecture") ?? "all",
              maintainer: text("Maintainer") ?? "", source: text("Source"), homepage: text("Homepage")))
        }
      }
    }
    return packages.sorted {
      ($0.name, $0.architecture, $0.version) < ($1.name, $1.architecture, $1.version)
    }
  }

  /// What the tree says it is, as `debian` and `12`; nil where it says nothing.
  public var distribution: (name: String, version: String?)? {
    for path in contents.keys.sorted() where path.name.elementsEqual("os-release".utf8) {
      var values: [Substring: String] = [:]
      for line in String(decoding: contents[path] ?? [], as: UTF8.self).split(separator: "\n") {
        let parts = line.split(separator: "=", maxSplits: 1)
        if parts.count == 2 { values[parts[0]] = String(parts[1].filter { $0 != "\"" && $0 != "'" }) }
      }
      if let name = values["ID"] { return (name, values["VERSION_ID"]) }
    }
    return nil
  }
}

/// Watches the entries of a layer on their way to where they are written.
public final class InventorySink: EntrySink {
  /// What was seen.
  public private(set) var inventory = PackageInventory()
  private let sink: any EntrySink
  private var current: (path: EntryPath, data: [UInt8])?

  /// Gives all on to `sink`.
  public init(_ sink: any EntrySink) { self.sink = sink }

  /// Takes an entry.
  public func add(_ entry: Entry) throws {
    finish()
    if PackageInventory.wants(entry) { current = (entry.path, []) }
    try sink.add(entry)
  }

  /// Takes data.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    current?.data += bytes
    try sink.write(bytes)
  }

  /// Forgets what it saw.
  public func restart() throws -> any EntrySource {
    current = nil
    inventory = PackageInventory()
    return try sink.restart()
  }

  /// Takes the last file; to be called when all is written.
  public func finish() {
    if let current { inventory.take(current.path, current.data) }
    current = nil
  }
}
