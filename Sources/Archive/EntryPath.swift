import Posix

/// A path inside an image: bytes, relative to the root, without `.`, `..`, empty or doubled parts.
///
/// Names are bytes and not text: two names that Unicode calls equal are different files on Linux.
/// Paths compare in tree order: depth first, the names of a directory bytewise, a directory before
/// what is in it. That is the order of `tar --sort=name`.
public struct EntryPath: Hashable, Sendable {
  /// The parts joined by `/`; empty for the root.
  public let bytes: [UInt8]

  /// The root of the tree.
  public static let root = EntryPath(unchecked: [])

  init(unchecked bytes: [UInt8]) { self.bytes = bytes }

  /// The path of parts that are single names already, as those of other paths.
  public init(parts: [ArraySlice<UInt8>]) { bytes = Array(parts.joined(separator: [0x2f])) }

  /// Normalises a name as archives give it: leading `/` and `./`, doubled and trailing slashes and
  /// `.` parts go away.
  ///
  /// - Throws: `PathError` for `..` parts, NUL bytes, and what is too long.
  public init(normalising name: some Collection<UInt8>) throws(PathError) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(name.count)
    for part in name.split(separator: 0x2f) {
      if part.elementsEqual([0x2e]) { continue }
      if part.elementsEqual([0x2e, 0x2e]) { throw PathError(.leavesTree, Array(name)) }
      if part.contains(0) { throw PathError(.holdsNUL, Array(name)) }
      if !bytes.isEmpty { bytes.append(0x2f) }
      bytes.append(contentsOf: part)
    }
    self.bytes = bytes
  }

  /// Normalises text, for paths that a person wrote.
  public init(_ text: String) throws(PathError) { try self.init(normalising: Array(text.utf8)) }

  /// Whether this is the root.
  public var isRoot: Bool { bytes.isEmpty }

  /// The last part; empty for the root.
  public var name: ArraySlice<UInt8> {
    guard let slash = bytes.lastIndex(of: 0x2f) else { return bytes[...] }
    return bytes[(slash + 1)...]
  }

  /// The directory that this is in; nil for the root.
  public var parent: EntryPath? {
    if isRoot { return nil }
    guard let slash = bytes.lastIndex(of: 0x2f) else { return .root }
    return EntryPath(unchecked: Array(bytes[..<slash]))
  }

  /// This path with one more part.
  ///
  /// - Throws: `PathError` when `name` is no single name.
  public func appending(_ name: some Collection<UInt8>) throws(PathError) -> EntryPath {
    try appending(Array(name))
  }

  /// This path with one more part, as directories list them.
  ///
  /// - Throws: `PathError` when `name` is no single name.
  public func appending(_ name: [UInt8]) throws(PathError) -> EntryPath {
    if name.isEmpty || name == [0x2e] || name == [0x2e, 0x2e] || name.contains(where: { $0 == 0x2f }) {
      throw PathError(.notOneName, name)
    }
    if name.contains(0) { throw PathError(.holdsNUL, name) }
    if isRoot { return EntryPath(unchecked: name) }
    var child: [UInt8] = []
    child.reserveCapacity(bytes.count + 1 + name.count)
    child.append(contentsOf: bytes)
    child.append(0x2f)
    child.append(contentsOf: name)
    return EntryPath(unchecked: child)
  }

  /// Whether `other` is this path or below it.
  public func contains(_ other: EntryPath) -> Bool {
    if isRoot { return true }
    guard other.bytes.count >= bytes.count, other.bytes.starts(with: bytes) else { return false }
    return other.bytes.count == bytes.count || other.bytes[bytes.count] == 0x2f
  }

  /// The first path below `directory` on the way from there to this one, which is below it; nil where it isn't.
  public func firstStep(below directory: EntryPath) -> EntryPath? {
    guard directory.contains(self), bytes.count > directory.bytes.count else { return nil }
    let start = directory.isRoot ? 0 : directory.bytes.count + 1
    guard let slash = bytes[start...].firstIndex(of: 0x2f) else { return self }
    return EntryPath(unchecked: Array(bytes[..<slash]))
  }

  /// The number of parts; 0 for the root.
  public var depth: Int { isRoot ? 0 : bytes.reduce(1) { $1 == 0x2f ? $0 + 1 : $0 } }

  /// The parts, first to last.
  public var parts: [ArraySlice<UInt8>] { bytes.split(separator: 0x2f) }
}

extension EntryPath: Comparable {
  /// Tree order: `/` sorts below every other byte.
  public static func < (one: EntryPath, other: EntryPath) -> Bool {
    one.bytes.withUnsafeBufferPointer { one in
      other.bytes.withUnsafeBufferPointer { other in
        let count = min(one.count, other.count)
        var index = 0
        while index < count {
          let left = one[index]
          let right = other[index]
          if left != right {
            if left == 0x2f { return true }
            if right == 0x2f { return false }
            return left < right
          }
          index += 1
        }
        return one.count < other.count
      }
    }
  }
}

extension EntryPath: CustomStringConvertible {
  /// The path for messages; the root is `.`.
  public var description: String { isRoot ? "." : displayed(bytes) }
}

/// A name that no entry may have.
public struct PathError: Error, Sendable, Equatable {
  /// What is wrong with it.
  public enum Reason: Sendable, Equatable {
    /// It has a `..` part.
    case leavesTree
    /// It has a NUL byte.
    case holdsNUL
    /// One name was expected.
    case notOneName
  }

  /// What is wrong.
  public var reason: Reason
  /// The name as it was given.
  public var name: [UInt8]

  init(_ reason: Reason, _ name: [UInt8]) {
    self.reason = reason
    self.name = name
  }
}

extension PathError: CustomStringConvertible {
  /// What was wrong, in a person's words.
  public var description: String {
    let shown = displayed(name.prefix(200))
    return switch reason {
    case .leavesTree: "the name \"\(shown)\" has a \"..\" part, which may lead out of the image"
    case .holdsNUL: "the name \"\(shown)\" has a NUL byte"
    case .notOneName: "\"\(shown)\" is not a single file name"
    }
  }
}
