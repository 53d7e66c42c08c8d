public import Archive

/// What a name inside a layer stands for.
///
/// <https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts>
public enum LayerName: Sendable, Equatable {
  /// The entry itself.
  case ordinary
  /// A whiteout: what the layers below have at this path is gone.
  case whiteout(EntryPath)
  /// An opaque marker: all that the layers below have in this directory is gone.
  case opaque(EntryPath)
  /// Notes of AUFS about itself (`.wh..wh.plnk`, `.wh..wh.aufs`), or something below such a directory;
  /// of no meaning for the tree.
  case metadata

  /// Tells what an entry of a layer is by its path.
  ///
  /// Only names that begin with `.wh.` are special; `a.wh.b` is ordinary.
  ///
  /// - Throws: `LayerError` for a whiteout of nothing, `.` or `..`, and for a path below a whiteout.
  public init(_ path: EntryPath) throws(LayerError) {
    guard Self.mayBeSpecial(path.bytes) else {
      self = .ordinary
      return
    }
    let parts = path.parts
    for part in parts.dropLast() where part.starts(with: Self.prefix) {
      if part.starts(with: Self.metadataPrefix), !part.elementsEqual(Self.opaqueMarker) {
        self = .metadata
        return
      }
      throw .belowWhiteout(path)
    }
    let name = path.name
    let directory = path.parent ?? .root
    guard name.starts(with: Self.prefix) else {
      self = .ordinary
      return
    }
    if name.elementsEqual(Self.opaqueMarker) {
      self = .opaque(directory)
    } else if name.starts(with: Self.metadataPrefix) {
      self = .metadata
    } else {
      let hidden = name.dropFirst(Self.prefix.count)
      // EntryPath knows no names "." and "..", and would take them for something else.
      if hidden.isEmpty || hidden.elementsEqual([0x2e]) || hidden.elementsEqual([0x2e, 0x2e]) {
        throw .badWhiteout(path)
      }
      self = .whiteout(EntryPath(parts: parts.dropLast() + [hidden]))
    }
  }

  static let prefix = Array(".wh.".utf8)
  private static let metadataPrefix = Array(".wh..wh.".utf8)
  static let opaqueMarker = Array(".wh..wh..opq".utf8)

  /// How many bytes a name may have so that its whiteout is a name too (NAME_MAX is 255).
  public static let longestHidden = 255 - prefix.count

  /// The entry of a layer that hides a path of the layers below: an empty file, the same at any time.
  public static func whiteout(of path: EntryPath) -> Entry {
    marker(EntryPath(parts: path.parts.dropLast() + [(prefix + path.name)[...]]))
  }

  /// The entry of a layer that hides all that the layers below have in a directory.
  public static func opaque(in directory: EntryPath) -> Entry {
    marker(EntryPath(parts: directory.parts + [opaqueMarker[...]]))
  }

  private static func marker(_ path: EntryPath) -> Entry { Entry(path, .file, mode: 0o600) }

  /// Whether any part begins with `.wh.`; looks at each byte once, for all the entries that are ordinary.
  private static func mayBeSpecial(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBufferPointer { bytes in
      var index = 0
      var isStart = true
      while index < bytes.count {
        if isStart, bytes[index] == 0x2e, bytes[index...].starts(with: prefix) { return true }
        isStart = bytes[index] == 0x2f
        index += 1
      }
      return false
    }
  }
}

/// A layer whose entries mean no change of a tree.
public enum LayerError: Error, Sendable, Equatable {
  /// A whiteout of nothing, of `.` or of `..`.
  case badWhiteout(EntryPath)
  /// Something below a whiteout, which is no directory.
  case belowWhiteout(EntryPath)
  /// The root of the tree is something else.
  case rootIsNoDirectory
  /// More entries over all layers than can be numbered.
  case tooManyEntries
}

extension LayerError: CustomStringConvertible {
  /// What was wrong, in a person's words.
  public var description: String {
    switch self {
    case .badWhiteout(let path): "\"\(path)\" is a whiteout that names no file"
    case .belowWhiteout(let path): "entry \"\(path)\" is below a whiteout"
    case .rootIsNoDirectory: "the root of the tree is not a directory"
    case .tooManyEntries: "the layers have more entries together than can be counted"
    }
  }
}
