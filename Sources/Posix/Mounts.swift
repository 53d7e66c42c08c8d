import CLinux
import Glibc
public import SystemPackage

/// What mount(2) is told beside the places.
public struct MountFlags: OptionSet, Sendable {
  /// The bits of mount(2).
  public let rawValue: UInt
  /// A set from its bits.
  public init(rawValue: UInt) { self.rawValue = rawValue }
  /// Another place of what is there already.
  public static let bind = MountFlags(rawValue: GARBOARD_MOUNT_BIND)
  /// With all that is mounted below it.
  public static let recursive = MountFlags(rawValue: GARBOARD_MOUNT_RECURSIVE)
  /// Nothing in it can be changed.
  public static let readOnly = MountFlags(rawValue: GARBOARD_MOUNT_READ_ONLY)
  /// No setuid programs.
  public static let noSetuid = MountFlags(rawValue: GARBOARD_MOUNT_NO_SUID)
  /// No devices.
  public static let noDevices = MountFlags(rawValue: GARBOARD_MOUNT_NO_DEVICES)
  /// No programs.
  public static let noPrograms = MountFlags(rawValue: GARBOARD_MOUNT_NO_EXECUTION)
}

/// mount(2). Only in a mount namespace of one's own: nothing here takes it back.
public func mount(
  _ source: String, at target: FilePath, type: String = "", flags: MountFlags = [], data: String = ""
) throws(PosixError) {
  try check("mount on", target.string) {
    target.withPlatformString { garboard_mount(source, $0, type, flags.rawValue, data) }
  }
}

/// Takes a mount away from the tree, and lets it end when nobody uses it any more (`MNT_DETACH`).
public func unmount(_ target: FilePath) throws(PosixError) {
  try check("unmount", target.string) { target.withPlatformString { garboard_unmount($0) } }
}
