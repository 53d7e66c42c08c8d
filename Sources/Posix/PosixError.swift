public import SystemPackage

/// A system call that failed: which, on what, and why.
public struct PosixError: Error, Sendable, Equatable {
  /// What was being done, as a verb phrase: "open", "read", "set the owner of".
  public var operation: String
  /// The host path or entry concerned, escaped for display; empty when there is none.
  public var path: String
  /// The error that the kernel gave.
  public var errno: Errno

  /// An error of `operation` on `path`.
  public init(_ operation: String, _ path: String, _ errno: Errno) {
    self.operation = operation
    self.path = path
    self.errno = errno
  }
}

extension PosixError: CustomStringConvertible {
  /// "can't open /x: No such file or directory".
  public var description: String {
    path.isEmpty ? "can't \(operation): \(errno)" : "can't \(operation) \(path): \(errno)"
  }
}
