/// Why a file is no ELF file that can be understood.
public enum ELFError: Error, Sendable, Equatable {
  /// It doesn't start as ELF files do.
  case notELF
  /// It ends before something that it says it has.
  case truncated(String)
  /// A value that no program or library has.
  case malformed(String)
  /// More of something than any real file has.
  case limit(String)
}

extension ELFError: CustomStringConvertible {
  /// What is wrong, as a phrase to follow the file's name.
  public var description: String {
    switch self {
    case .notELF: "is no ELF program or library"
    case .truncated(let what): "is truncated: \(what) is beyond its end"
    case .malformed(let what): "is a malformed ELF file: \(what)"
    case .limit(let what): "is refused: \(what)"
    }
  }
}
