/// What an entry of a file system tree is.
public enum EntryKind: UInt8, Sendable, Hashable {
  /// A regular file.
  case file
  /// A directory.
  case directory
  /// A symbolic link.
  case symlink
  /// A second name of a regular file (or of a symlink, device or fifo) that another entry holds.
  case hardlink
  /// A character device.
  case characterDevice
  /// A block device.
  case blockDevice
  /// A named pipe.
  case fifo
}

/// A time as file systems keep it; negative before 1970.
public struct Timestamp: Hashable, Sendable, Comparable {
  /// Whole seconds since 1970, rounded down.
  public var seconds: Int64
  /// 0 to 999,999,999, added to `seconds`.
  public var nanoseconds: UInt32

  /// A time.
  public init(seconds: Int64, nanoseconds: UInt32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// The order of time.
  public static func < (one: Timestamp, other: Timestamp) -> Bool {
    (one.seconds, one.nanoseconds) < (other.seconds, other.nanoseconds)
  }
}

/// An extended attribute; see xattr(7).
public struct ExtendedAttribute: Hashable, Sendable {
  /// The full name, as `security.capability`.
  public var name: [UInt8]
  /// The value as the kernel takes it.
  public var value: [UInt8]

  /// An attribute.
  public init(name: [UInt8], value: [UInt8]) {
    self.name = name
    self.value = value
  }
}

/// One entry of a tree: all that a tar header says, without the data.
public struct Entry: Sendable, Equatable {
  /// Where it is.
  public var path: EntryPath
  /// What it is.
  public var kind: EntryKind
  /// Permission, setuid, setgid and sticky bits: 0 to 0o7777.
  public var mode: UInt16
  /// The owner's number.
  public var user: UInt32
  /// The group's number.
  public var group: UInt32
  /// The owner's name, where known; else empty.
  public var userName: [UInt8]
  /// The group's name, where known; else empty.
  public var groupName: [UInt8]
  /// The size of a file's data with its holes, in bytes; 0 for everything else.
  public var size: UInt64
  /// When the content was last changed.
  public var modified: Timestamp
  /// A symlink's target as it is, or empty.
  public var linkTarget: [UInt8]
  /// The entry that holds a hardlink's data, or nil.
  public var hardlinkTarget: EntryPath?
  /// A device's major number.
  public var deviceMajor: UInt32
  /// A device's minor number.
  public var deviceMinor: UInt32
  /// Extended attributes in bytewise order of their names. ACLs are here as
  /// `system.posix_acl_access` and `system.posix_acl_default`, in the kernel's form.
  public var attributes: [ExtendedAttribute]

  /// An entry owned by root with time 0.
  public init(_ path: EntryPath, _ kind: EntryKind, mode: UInt16 = 0o644, size: UInt64 = 0) {
    self.path = path
    self.kind = kind
    self.mode = mode
    user = 0
    group = 0
    userName = []
    groupName = []
    self.size = size
    modified = Timestamp(seconds: 0)
    linkTarget = []
    hardlinkTarget = nil
    deviceMajor = 0
    deviceMinor = 0
    attributes = []
  }
}
