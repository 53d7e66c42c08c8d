import Archive

/// What the names of one file share: its entry without a path, and where its data are.
///
/// There is one for each file of an image, so it is small: what most files don't have stands apart.
struct KeptFile {
  /// Where a file's data are.
  enum Location {
    /// Nowhere: it has none, or they went straight through.
    case none
    /// In the run that the sink gave back: its n-th file.
    case run(Int)
    /// Stored bytes in a descriptor; `extents` is nil for a file without holes.
    case stored(raw: Int32, offset: UInt64, extents: [DataExtent]?)
  }

  private final class Rare: Sendable {
    let userName: [UInt8]
    let groupName: [UInt8]
    let linkTarget: [UInt8]
    let deviceMajor: UInt32
    let deviceMinor: UInt32
    let attributes: [ExtendedAttribute]

    init(_ entry: Entry) {
      userName = entry.userName
      groupName = entry.groupName
      linkTarget = entry.linkTarget
      deviceMajor = entry.deviceMajor
      deviceMinor = entry.deviceMinor
      attributes = entry.attributes
    }
  }

  private static let nowhere: Int32 = -1
  private static let inRun: Int32 = -2

  var size: UInt64
  private var seconds: Int64
  /// An offset, or the number in the run.
  private var place: UInt64 = 0
  private var rare: Rare?
  private var extents: [DataExtent]?
  private var nanoseconds: UInt32
  private var user: UInt32
  private var group: UInt32
  private var descriptor = nowhere
  private var holderNode: Int32 = -1
  private var mode: UInt16
  let kind: EntryKind

  /// Keeps all of an entry but its path.
  init(_ entry: Entry) {
    size = entry.size
    seconds = entry.modified.seconds
    nanoseconds = entry.modified.nanoseconds
    user = entry.user
    group = entry.group
    mode = entry.mode
    kind = entry.kind
    let isPlain =
      entry.userName.isEmpty && entry.groupName.isEmpty && entry.linkTarget.isEmpty
      && entry.deviceMajor == 0 && entry.deviceMinor == 0 && entry.attributes.isEmpty
    rare = isPlain ? nil : Rare(entry)
  }

  /// A record that stands for nothing.
  static let nothing = KeptFile(Entry(.root, .file))

  /// When the content was last changed.
  var modified: Timestamp { Timestamp(seconds: seconds, nanoseconds: nanoseconds) }

  /// The name that holds the data in the output; -1 for none yet.
  var holder: Int {
    get { Int(holderNode) }
    set { holderNode = Int32(newValue) }
  }

  /// Where the data are.
  var data: Location {
    get {
      switch descriptor {
      case Self.nowhere: .none
      case Self.inRun: .run(Int(place))
      default: .stored(raw: descriptor, offset: place, extents: extents)
      }
    }
    set {
      switch newValue {
      case .none: descriptor = Self.nowhere
      case .run(let number):
        descriptor = Self.inRun
        place = UInt64(number)
      case .stored(let raw, let offset, let runs):
        descriptor = raw
        place = offset
        extents = runs
      }
    }
  }

  /// The entry under one of its names.
  func entry(at path: EntryPath) -> Entry {
    var entry = Entry(path, kind, mode: mode, size: size)
    entry.user = user
    entry.group = group
    entry.modified = modified
    if let rare {
      entry.userName = rare.userName
      entry.groupName = rare.groupName
      entry.linkTarget = rare.linkTarget
      entry.deviceMajor = rare.deviceMajor
      entry.deviceMinor = rare.deviceMinor
      entry.attributes = rare.attributes
    }
    return entry
  }
}
