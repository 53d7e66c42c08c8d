public import ELF
public import OCI

/// Finds out from the programs in a tree what platform it is for.
public struct BinaryPlatform: Sendable {
  private var counts: [Platform: Int] = [:]

  /// Nothing seen yet.
  public init() {}

  /// The platform of most of the programs seen; nil when there were none.
  public var platform: Platform? {
    counts.max { ($0.value, $1.key.description) < ($1.value, $0.key.description) }?.key
  }

  /// Looks at the first bytes of a file; what is no ELF program or library for Linux says nothing.
  public mutating func see(_ start: UnsafeRawBufferPointer) {
    if let header = ELFHeader(start), let platform = Platform(header) { counts[platform, default: 0] += 1 }
  }
}

extension Platform {
  /// The platform of a whole ELF file, which may say more than its header.
  public init?(_ file: ELFFile) {
    self.init(file.header)
    if let version = file.armArchitecture { self = Platform(architecture: "arm", variant: "v\(version)") }
  }

  /// The platform of an ELF program or library by its header; nil when it is not for Linux, or for a processor
  /// that containers don't know.
  public init?(_ header: ELFHeader) {
    guard header.isForLinux, let processor = header.processor else { return nil }
    let is64 = header.fileClass == .bits64
    switch (processor, is64, header.isLittleEndian) {
    case (.x86_64, true, true): self.init(architecture: "amd64")
    case (.i386, false, true): self.init(architecture: "386")
    case (.aarch64, true, true): self.init(architecture: "arm64")
    case (.arm, false, true):
      // Debian's armhf needs ARMv7.
      self.init(architecture: "arm", variant: header.isHardFloat ? "v7" : "v5")
    case (.riscV, true, true): self.init(architecture: "riscv64")
    case (.powerPC64, true, true): self.init(architecture: "ppc64le")
    case (.powerPC64, true, false): self.init(architecture: "ppc64")
    case (.s390, true, false): self.init(architecture: "s390x")
    case (.loongArch, true, true): self.init(architecture: "loong64")
    case (.mips, true, true): self.init(architecture: "mips64le")
    case (.mips, true, false): self.init(architecture: "mips64")
    // Not the form of 64-bit programs with short addresses, n32: EF_MIPS_ABI2.
    case (.mips, false, true) where header.flags & 0x20 == 0: self.init(architecture: "mipsle")
    case (.mips, false, false) where header.flags & 0x20 == 0: self.init(architecture: "mips")
    default: return nil
    }
  }
}
