public import OCI

/// Finds out from the programs in a tree what platform it is for.
///
/// ELF headers say it: System V gABI, "ELF Header", and the processors' supplements.
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
    if let platform = Self.platform(ofELF: start) { counts[platform, default: 0] += 1 }
  }

  /// The platform of an ELF program or library by its first 64 bytes (52 of a 32-bit one); nil when it is
  /// none, or for a processor that containers don't know.
  public static func platform(ofELF bytes: UnsafeRawBufferPointer) -> Platform? {
    guard bytes.count >= 52, bytes[0] == 0x7f, bytes[1] == 0x45, bytes[2] == 0x4c, bytes[3] == 0x46 else {
      return nil
    }
    let is64 = bytes[4] == 2
    let isLittle = bytes[5] == 1
    // System V or Linux.
    guard bytes[4] == 1 || is64, isLittle || bytes[5] == 2, bytes[7] == 0 || bytes[7] == 3 else { return nil }
    func half(_ offset: Int) -> UInt16 {
      let low = UInt16(bytes[isLittle ? offset : offset + 1])
      return UInt16(bytes[isLittle ? offset + 1 : offset]) << 8 | low
    }
    // Executables and shared objects (position-independent programs are such).
    guard half(16) == 2 || half(16) == 3 else { return nil }
    switch (half(18), is64, isLittle) {
    case (62, true, true): return Platform(architecture: "amd64")
    case (3, false, true): return Platform(architecture: "386")
    case (183, true, true): return Platform(architecture: "arm64")
    case (40, false, true):
      // EF_ARM_ABI_FLOAT_HARD, as in Debian's armhf, which needs ARMv7.
      let isHardFloat = half(36) & 0x400 != 0
      return Platform(architecture: "arm", variant: isHardFloat ? "v7" : "v5")
    case (243, true, true): return Platform(architecture: "riscv64")
    case (21, true, true): return Platform(architecture: "ppc64le")
    case (22, true, false): return Platform(architecture: "s390x")
    case (258, true, true): return Platform(architecture: "loong64")
    case (8, true, true): return Platform(architecture: "mips64le")
    default: return nil
    }
  }
}
