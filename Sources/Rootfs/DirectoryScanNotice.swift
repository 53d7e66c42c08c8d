public import Archive
import Posix

/// Something that a scan left out.
public struct ScanNotice: Sendable, Equatable {
  /// Why.
  public enum Reason: Sendable, Equatable {
    /// A socket: it is nothing without the program that listens.
    case socket
    /// A kind of file that archives have no entry for.
    case unknownKind
    /// The contents of a directory on another file system.
    case otherFileSystem
    /// An extended attribute of this name, which this process may not read.
    case unreadableAttribute([UInt8])
  }

  /// Why.
  public var reason: Reason
  /// What.
  public var path: EntryPath

  init(_ reason: Reason, _ path: EntryPath) {
    self.reason = reason
    self.path = path
  }
}

extension ScanNotice: CustomStringConvertible {
  /// What was left out, in one line.
  public var description: String {
    switch reason {
    case .socket: "\(path): socket skipped"
    case .unknownKind: "\(path): unknown kind of file skipped"
    case .otherFileSystem: "\(path): another file system, contents skipped"
    case .unreadableAttribute(let name): "\(path): attribute \(displayed(name)) can't be read, skipped"
    }
  }
}

/// A tree that changed under a scan.
public struct ScanError: Error, Sendable, Equatable {
  /// What happened.
  public enum Reason: Sendable, Equatable {
    /// A file became longer or shorter while it was read.
    case sizeChanged
    /// A file or directory was replaced by another.
    case replaced
    /// A name was removed after it was listed.
    case vanished
  }

  /// What happened.
  public var reason: Reason
  /// The host path concerned, escaped for display.
  public var path: String

  init(_ reason: Reason, _ path: String) {
    self.reason = reason
    self.path = path
  }
}

extension ScanError: CustomStringConvertible {
  /// What happened, in one line.
  public var description: String {
    switch reason {
    case .sizeChanged: "\(path) changed its size while it was read"
    case .replaced: "\(path) was replaced while the directory was read"
    case .vanished: "\(path) was removed while the directory was read"
    }
  }
}
