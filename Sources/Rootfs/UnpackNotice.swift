public import Archive
public import Posix

/// Something that an unpacker had to leave out.
public struct UnpackNotice: Sendable, Equatable {
  /// What.
  public enum Reason: Sendable, Equatable {
    /// A device that this process may not make.
    case device
    /// An extended attribute of this name.
    case attribute([UInt8])
  }

  /// What.
  public var reason: Reason
  /// The entry concerned.
  public var path: EntryPath

  init(_ reason: Reason, _ path: EntryPath) {
    self.reason = reason
    self.path = path
  }
}

extension UnpackNotice: CustomStringConvertible {
  /// What was left out, in one line.
  public var description: String {
    switch reason {
    case .device: "\(path): no permission to make devices, skipped"
    case .attribute(let name): "\(path): attribute \(displayed(name)) can't be set, skipped"
    }
  }
}

/// An entry that can't be in the tree.
public struct UnpackError: Error, Sendable, Equatable {
  /// What is wrong with a hardlink's target.
  public enum Target: Sendable, Equatable {
    /// Nothing has that name.
    case missing
    /// It is a directory.
    case directory
    /// The way to it leads over a symlink.
    case belowSymlink
    /// It is in the directory that the link is to replace.
    case inside
  }

  /// What is wrong.
  public enum Reason: Sendable, Equatable {
    /// The root is something else than a directory.
    case rootIsNoDirectory
    /// The way to it leads over this path or one above, which is a symlink.
    case belowSymlink(EntryPath)
    /// The way to it leads over this path or one above, which is no directory.
    case belowFile(EntryPath)
    /// A symlink or hardlink without a target that can be used.
    case linkTarget
    /// A hardlink to this path.
    case hardlinkTarget(EntryPath, Target)
    /// The owner is a number that stands for none.
    case owner
    /// The source gave fewer bytes than it had announced.
    case dataEndsEarly(given: UInt64, size: UInt64)
    /// The kernel refused an extended attribute.
    case attribute([UInt8], PosixError)
  }

  /// What is wrong.
  public var reason: Reason
  /// The entry.
  public var path: EntryPath

  init(_ reason: Reason, _ path: EntryPath) {
    self.reason = reason
    self.path = path
  }
}

extension UnpackError: CustomStringConvertible {
  /// What is wrong with which entry, in one line.
  public var description: String {
    switch reason {
    case .rootIsNoDirectory: "the root of the tree must be a directory"
    case .belowSymlink(let way): "\(path) is below a symlink (\(way) or above), refused"
    case .belowFile(let way): "\(path) is below something that is no directory (\(way) or above)"
    case .linkTarget: "\(path) is a link without a usable target"
    case .hardlinkTarget(let target, .missing):
      "\(path) is a hardlink to \(target), which doesn't exist"
    case .hardlinkTarget(let target, .directory):
      "\(path) is a hardlink to \(target), which is a directory"
    case .hardlinkTarget(let target, .belowSymlink):
      "\(path) is a hardlink to \(target), which is below a symlink, refused"
    case .hardlinkTarget(let target, .inside):
      "\(path) is a hardlink to \(target), which is inside of the directory that it replaces"
    case .owner: "\(path) has an owner or group 4294967295, which stands for none"
    case .dataEndsEarly(let given, let size): "\(path) ends after \(given) of \(size) bytes"
    case .attribute(let name, let error):
      "can't set the attribute \(displayed(name)) of \(path): \(error.errno)"
    }
  }
}
