/// Why a file is no ELF file that can be understood.
public struct ELFError: Error, Sendable, Equatable {
  /// What is wrong.
  public var problem: String
}
