import CLinux
import Glibc
import SystemPackage

/// An extended attribute as the kernel gives it; see xattr(7).
public struct FileAttribute: Sendable, Hashable {
  /// The full name, as `user.comment`.
  public var name: [UInt8]
  /// The value.
  public var value: [UInt8]
}

/// Extended attributes of a name itself, symlinks not followed.
///
/// There are no such calls relative to a directory before Linux 6.13, so they go through `/proc/self/fd`,
/// which must be mounted.
extension Relative {
  /// The attributes that this process may read, in bytewise order of their names.
  ///
  /// `unreadable` is told the names of the others.
  public func attributes(
    of name: [UInt8], shown: @autoclosure () -> String, unreadable: (_ attribute: [UInt8]) -> Void = { _ in }
  ) throws(PosixError) -> [FileAttribute] {
    try attributePath(name).withName { path throws(PosixError) in
      try readAttributes(shown(), list: { llistxattr(path, $0, $1) }, unreadable: unreadable) {
        lgetxattr(path, $0, $1, $2)
      }
    }
  }

  /// lsetxattr(2).
  public func setAttribute(
    of name: [UInt8], _ attribute: [UInt8], to value: [UInt8], shown: @autoclosure () -> String
  ) throws(PosixError) {
    try attributePath(name).withName { path throws(PosixError) in
      try attribute.withName { attribute throws(PosixError) in
        _ = try check("set an attribute of", shown()) {
          value.withUnsafeBytes { lsetxattr(path, attribute, $0.baseAddress, $0.count, 0) }
        }
      }
    }
  }

  /// lremovexattr(2); an attribute that isn't there is no error.
  public func removeAttribute(
    of name: [UInt8], _ attribute: [UInt8], shown: @autoclosure () -> String
  ) throws(PosixError) {
    try attributePath(name).withName { path throws(PosixError) in
      try attribute.withName { attribute throws(PosixError) in
        try ignoringMissing { () throws(PosixError) in
          _ = try check("remove an attribute of", shown()) { lremovexattr(path, attribute) }
        }
      }
    }
  }

  private func attributePath(_ name: [UInt8]) -> [UInt8] {
    var path = Array("/proc/self/fd/".utf8)
    path.reserveCapacity(path.count + 12 + name.count)
    path.append(contentsOf: String(directory).utf8)
    path.append(0x2f)
    path.append(contentsOf: name)
    return path
  }
}

/// Extended attributes of an open file.
extension Descriptor {
  /// The attributes that this process may read, in bytewise order of their names.
  ///
  /// `unreadable` is told the names of the others.
  public func attributes(
    shown: @autoclosure () -> String, unreadable: (_ attribute: [UInt8]) -> Void = { _ in }
  ) throws(PosixError) -> [FileAttribute] {
    let raw = raw
    return try readAttributes(shown(), list: { flistxattr(raw, $0, $1) }, unreadable: unreadable) {
      fgetxattr(raw, $0, $1, $2)
    }
  }

  /// fsetxattr(2).
  public func setAttribute(
    _ attribute: [UInt8], to value: [UInt8], shown: @autoclosure () -> String
  ) throws(PosixError) {
    try attribute.withName { attribute throws(PosixError) in
      _ = try check("set an attribute of", shown()) {
        value.withUnsafeBytes { fsetxattr(raw, attribute, $0.baseAddress, $0.count, 0) }
      }
    }
  }

  /// fremovexattr(2); an attribute that isn't there is no error.
  public func removeAttribute(_ attribute: [UInt8], shown: @autoclosure () -> String) throws(PosixError) {
    try attribute.withName { attribute throws(PosixError) in
      try ignoringMissing { () throws(PosixError) in
        _ = try check("remove an attribute of", shown()) { fremovexattr(raw, attribute) }
      }
    }
  }

  /// Whether an attribute is there.
  public func hasAttribute(_ attribute: [UInt8]) -> Bool {
    attribute.withName { fgetxattr(raw, $0, nil, 0) } >= 0
  }
}

private func ignoringMissing(_ body: () throws(PosixError) -> Void) throws(PosixError) {
  do throws(PosixError) { try body() } catch {
    if error.errno != .noData && error.errno != .notSupported { throw error }
  }
}

/// Lists names and gets values. Between two calls another process may change either, so what doesn't fit
/// any more is asked again.
private func readAttributes(
  _ shown: @autoclosure () -> String,
  list: (_ buffer: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int,
  unreadable: (_ attribute: [UInt8]) -> Void,
  get: (_ name: UnsafePointer<CChar>, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int
) throws(PosixError) -> [FileAttribute] {
  guard let names = try fill({ list($0?.assumingMemoryBound(to: CChar.self), $1) }, shown()), !names.isEmpty
  else { return [] }
  var attributes: [FileAttribute] = []
  for name in names.split(separator: 0) {
    let name = Array(name)
    do throws(PosixError) {
      let value = try name.withName { pointer throws(PosixError) in
        try fill({ get(pointer, $0, $1) }, shown())
      }
      if let value { attributes.append(FileAttribute(name: name, value: value)) }
    } catch {
      if error.errno != .permissionDenied && error.errno != .notPermitted { throw error }
      unreadable(name)
    }
  }
  attributes.sort { $0.name.lexicographicallyPrecedes($1.name) }
  return attributes
}

/// nil where there is nothing of the kind.
private func fill(
  _ call: (_ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int, _ shown: @autoclosure () -> String
) throws(PosixError) -> [UInt8]? {
  while true {
    let size = call(nil, 0)
    if size == 0 { return [] }
    if size > 0 {
      var bytes = [UInt8](repeating: 0, count: size)
      let count = bytes.withUnsafeMutableBytes { call($0.baseAddress, $0.count) }
      if count >= 0 {
        bytes.removeLast(bytes.count - count)
        return bytes
      }
    }
    switch Errno(rawValue: errno) {
    case .interrupted, .outOfRange: continue
    case .noData, .notSupported: return nil
    case let error: throw PosixError("read the attributes of", shown(), error)
    }
  }
}
