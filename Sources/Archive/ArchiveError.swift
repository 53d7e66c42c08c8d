import Posix

/// An archive that can't be read or written: what is wrong, and where.
public struct ArchiveError: Error, Sendable, Equatable {
  /// What is wrong.
  public enum Reason: Sendable, Equatable {
    /// It ends in the middle of this part.
    case truncated(String)
    /// A header whose checksum is not that of its bytes.
    case checksum
    /// A field that holds no number, or one out of range.
    case number(field: String)
    /// An extended header that breaks its own grammar.
    case extendedHeader(String)
    /// A sparse map that contradicts itself or the file.
    case sparse(String)
    /// A name that no entry may have.
    case path(PathError)
    /// Something that an entry says and that no tree can hold.
    case entry(String)
    /// A kind of entry that is not supported, by its type flag.
    case unsupportedType(UInt8)
    /// A limit that was set for archives from outside.
    case limit(String)
    /// Not an archive in any format that is known.
    case unknownFormat
    /// What libarchive said of a format that it reads.
    case library(String)
  }

  /// What is wrong.
  public var reason: Reason
  /// The entry concerned, as it was named; empty where none is known yet.
  public var entry: [UInt8]
  /// Where its header starts in the uncompressed archive, in bytes.
  public var offset: UInt64

  /// An error at a place.
  public init(_ reason: Reason, entry: [UInt8] = [], offset: UInt64) {
    self.reason = reason
    self.entry = entry
    self.offset = offset
  }
}

extension ArchiveError: CustomStringConvertible {
  /// What was wrong and where, in one line.
  public var description: String {
    let what =
      switch reason {
      case .truncated(let part): "the archive is cut off in \(part)"
      case .checksum: "not a tar header (its checksum is wrong)"
      case .number(let field): "the \(field) is not a number that can be used"
      case .extendedHeader(let what): "malformed extended header: \(what)"
      case .sparse(let what): "bad sparse map: \(what)"
      case .path(let error): error.description
      case .entry(let what): what
      case .unsupportedType(let flag): "entries of type \"\(displayed([flag]))\" are not supported"
      case .limit(let what): what
      case .unknownFormat: "not an archive: no tar header, nor any other format that is known"
      case .library(let what): what
      }
    let place = entry.isEmpty ? "" : "entry \"\(displayed(entry.prefix(200)))\" "
    return "\(what) (\(place)at byte \(offset))"
  }
}
