import Archive
import Posix
public import SystemPackage

/// A readable listing of a file system tree: one line an entry, in tree order.
///
/// `of(_:)` and `ofTar(_:)` ask Python, which shares nothing with what is tested.
public struct TreeListing: Equatable, Sendable {
  /// One entry.
  public struct Line: Equatable, Sendable {
    /// The path, bytes that aren't printable ASCII as `\xNN`; the root is `.`.
    public var path: String
    /// What is said of it, in a fixed order of the names.
    public var fields: [(name: String, value: String)]

    /// A line.
    public init(_ path: String, _ fields: [(name: String, value: String)]) {
      self.path = path
      self.fields = fields
    }

    /// The value of a field, or nil.
    public subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }

    /// Equal in all fields.
    public static func == (one: Line, other: Line) -> Bool {
      one.path == other.path && one.fields.elementsEqual(other.fields, by: ==)
    }

    var text: String { ([path] + fields.map { "\($0.name)=\($0.value)" }).joined(separator: " ") }
  }

  /// What two listings may differ in.
  public struct Tolerance: OptionSet, Sendable {
    /// The bits.
    public let rawValue: Int
    /// A set from its bits.
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// Times of directories.
    public static let directoryTimes = Tolerance(rawValue: 1)
    /// All times.
    public static let times = Tolerance(rawValue: 2)
    /// Parts of seconds.
    public static let nanoseconds = Tolerance(rawValue: 4)
    /// Owners and groups.
    public static let owners = Tolerance(rawValue: 8)
    /// Extended attributes.
    public static let attributes = Tolerance(rawValue: 16)
    /// The root directory itself.
    public static let root = Tolerance(rawValue: 32)
  }

  /// The entries.
  public var lines: [Line]

  /// A listing of lines.
  public init(lines: [Line]) { self.lines = lines }

  /// Lists a directory of the host.
  public static func of(_ directory: FilePath) throws -> TreeListing {
    parse(try Tool.python(listingScript, ["dir", directory.string]).text)
  }

  /// Lists a tar of any compression that Python knows (gzip, bzip2, xz, none), as Python reads it.
  public static func ofTar(_ file: FilePath) throws -> TreeListing {
    parse(try Tool.python(listingScript, ["tar", file.string]).text)
  }

  /// Lists what GNU tar extracts from a tar, with everything that it can restore. Needs root.
  public static func ofExtracted(_ file: FilePath) throws -> TreeListing {
    let directory = try TemporaryDirectory()
    try Tool.check(
      "tar",
      [
        "--extract", "--file", file.string, "--directory", directory.path.string, "--numeric-owner",
        "--same-owner", "--same-permissions", "--xattrs", "--xattrs-include=*", "--acls", "--sparse",
        "--delay-directory-restore",
      ])
    return try of(directory.path)
  }

  /// What the other listing has differently, one readable line each; empty when they are equal.
  ///
  /// `-` is only here, `+` only in `other`, `~` in both: the first value is this one's.
  public func differences(_ other: TreeListing, ignoring tolerance: Tolerance = []) -> [String] {
    let mine = reduced(tolerance)
    let theirs = other.reduced(tolerance)
    let here = Dictionary(mine.map { ($0.path, $0) }, uniquingKeysWith: { _, last in last })
    let there = Dictionary(theirs.map { ($0.path, $0) }, uniquingKeysWith: { _, last in last })
    var result: [String] = []
    for line in mine where there[line.path] == nil { result.append("- \(line.text)") }
    for line in theirs {
      guard let before = here[line.path] else {
        result.append("+ \(line.text)")
        continue
      }
      let names = before.fields.map(\.name) + line.fields.map(\.name).filter { before[$0] == nil }
      let changes = names.filter { before[$0] != line[$0] }.map {
        "\($0): \(before[$0] ?? "none") ≠ \(line[$0] ?? "none")"
      }
      if !changes.isEmpty { result.append("~ \(line.path) \(changes.joined(separator: ", "))") }
    }
    if result.isEmpty, mine.map(\.path) != theirs.map(\.path) {
      result.append("the same entries in another order, or some twice")
    }
    return result
  }

  /// A listing as text, for goldens.
  public var text: String { lines.map { $0.text + "\n" }.joined() }

  private func reduced(_ tolerance: Tolerance) -> [Line] {
    lines.filter { !(tolerance.contains(.root) && $0.path == ".") }.map { line in
      var line = line
      let directory = line["type"] == "directory"
      line.fields = line.fields.compactMap { field in
        switch field.name {
        case "mtime":
          if tolerance.contains(.times) || directory && tolerance.contains(.directoryTimes) { return nil }
          guard tolerance.contains(.nanoseconds) else { return field }
          return (field.name, String(field.value.split(separator: ".")[0]))
        case "owner": return tolerance.contains(.owners) ? nil : field
        default: return tolerance.contains(.attributes) && field.name.hasPrefix("xattr:") ? nil : field
        }
      }
      return line
    }
  }

  private static func parse(_ text: String) -> TreeListing { TreeListing(text: text) }

  /// A listing from its text, a line an entry.
  public init(text: String) {
    self.init(
      lines: text.split(separator: "\n").map { line in
        let parts = line.split(separator: " ")
        return Line(
          String(parts.first ?? ""),
          parts.dropFirst().map { part in
            let equals = part.firstIndex(of: "=") ?? part.endIndex
            return (String(part[..<equals]), String(part[equals...].dropFirst()))
          })
      })
  }
}
