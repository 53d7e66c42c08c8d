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

  /// What one layer says, while it is read or written.
  public struct Changes: Sendable {
    fileprivate var added: [EntryPath: [UInt8]] = [:]
    fileprivate var gone: [EntryPath] = []

    /// Nothing yet.
    public init() {}

    /// Takes an entry.
    ///
    /// - Returns: whether its data matter.
    public mutating func take(_ entry: Entry) throws -> Bool {
      switch try LayerName(entry.path) {
      case .whiteout(let path), .opaque(let path): if Self.concerns(path) { gone.append(path) }
      case .metadata: break
      case .ordinary:
        if entry.kind != .directory, Self.concerns(entry.path) {
          gone.append(entry.path)
          added = added.filter { !entry.path.contains($0.key) }
        }
        return PackageInventory.wants(entry)
      }
      return false
    }

    /// Takes the data of an entry that matters.
    public mutating func take(_ path: EntryPath, _ data: [UInt8]) { added[path] = data }

    /// Whether a path is one of those that matter, or may be above one.
    private static func concerns(_ path: EntryPath) -> Bool {
      path.isRoot || PackageInventory.roots.contains { $0.contains(path) || path.contains($0) }
    }
  }

  private static let roots: [EntryPath] = ["var/lib/dpkg", "etc/os-release", "usr/lib/os-release"].map {
    EntryPath(parts: $0.utf8.split(separator: 0x2f).map { ArraySlice(Array($0)) })
  }

  /// Puts a layer on top of what was taken before: what it hides or replaces is gone.
  public mutating func put(_ layer: Changes) {
    // Whiteouts are about the layers below alone, wherever they stand in the layer.
    let hidden = contents.keys.filter { path in layer.gone.contains { $0.contains(path) } }
    for path in hidden { contents[path] = nil }
    contents.merge(layer.added) { _, new in new }
  }

  /// Reads the entries of a layer on top of what was taken before.
  public mutating func put(_ source: any EntrySource) throws {
    var layer = Changes()
    while let entry = try source.next() {
      if try layer.take(entry) { layer.take(entry.path, try Self.data(of: entry, from: source)) }
    }
    put(layer)
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
  private var layer = PackageInventory.Changes()
  private let sink: any EntrySink
  private var current: (path: EntryPath, data: [UInt8])?

  /// Gives all on to `sink`.
  public init(_ sink: any EntrySink) { self.sink = sink }

  /// Takes an entry.
  public func add(_ entry: Entry) throws {
    takeCurrent()
    if try layer.take(entry) { current = (entry.path, []) }
    try sink.add(entry)
  }

  /// Takes data.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    current?.data += bytes
    try sink.write(bytes)
  }

  /// Forgets what it saw.
  public func restart() throws -> any EntrySource {
    forget()
    return try sink.restart()
  }

  /// Forgets what it saw, where the sink was told to do so by itself.
  public func forget() {
    current = nil
    layer = PackageInventory.Changes()
  }

  /// What the layer says, when all of it was written.
  public func finish() -> PackageInventory.Changes {
    takeCurrent()
    return layer
  }

  private func takeCurrent() {
    if let current { layer.take(current.path, current.data) }
    current = nil
  }
}
