import ELF
import Image
import OCI
import SystemPackage
import TestSupport
import Testing

/// The little programs of `arch-test` are named as Debian names their architectures.
@Suite("The platform of a program")
struct BinaryPlatformTests {
  private func platform(_ name: String) throws -> Platform? {
    let bytes = try readBytes(FilePath("/usr/lib/arch-test/\(name)"))
    let file = try ELFFile(size: UInt64(bytes.count)) { offset, count in
      Array(bytes[Int(offset)..<Int(offset) + count])
    }
    return Platform(file)
  }

  @Test(
    "is that of its architecture",
    arguments: [
      "amd64", "arm64", "armel", "i386", "mips64el", "mipsel", "ppc64", "ppc64el", "riscv64", "s390x",
    ])
  func known(_ name: String) throws { #expect(try platform(name)?.debianArchitecture == name) }

  @Test("of big MIPS are known, which Debian has no more")
  func mips() throws {
    #expect(try platform("mips")?.architecture == "mips")
    #expect(try platform("mips64")?.architecture == "mips64")
  }

  @Test(
    "is none for others, for other systems, and for 64-bit processors' short addresses",
    arguments: [
      "alpha", "arc", "arm64ilp32", "hppa", "ia64", "kfreebsd-amd64", "kfreebsd-i386", "m68k", "mipsn32",
      "mipsn32el", "powerpc", "sh4", "sparc", "sparc64", "x32",
    ])
  func unknown(_ name: String) throws { #expect(try platform(name) == nil) }

  @Test("of a 32-bit ARM program has the variant that its attributes say")
  func arm() throws {
    #expect(try platform("armhf")?.architecture == "arm")
    // The attributes of a program for ARMv6 with floating point in registers, as readelf shows them.
    let bytes = Self.attributes(architecture: 6)
    let file = try ELFFile(size: UInt64(bytes.count)) { offset, count in
      Array(bytes[Int(offset)..<Int(offset) + count])
    }
    #expect(Platform(file)?.variant == "v6")
    let folder = try TemporaryDirectory()
    let path = try folder.write("arm", bytes)
    #expect(try Tool.check("readelf", ["-A", path.string]).text.contains("Tag_CPU_arch: v6\n"))
  }

  /// A 32-bit ARM file of a header and one section of attributes.
  private static func attributes(architecture: UInt8) -> [UInt8] {
    func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    func half(_ value: Int) -> [UInt8] { Array(word(value)[..<2]) }
    // Tag_CPU_name "6", Tag_CPU_arch.
    let tags: [UInt8] = [5, 0x36, 0, 6, architecture]
    let part: [UInt8] = [1] + word(5 + tags.count) + tags
    let section = [0x41] + word(4 + 6 + part.count) + Array("aeabi\0".utf8) + part
    let start = 52 + section.count
    var header: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
    header += half(2) + half(40) + word(1) + word(0) + word(0) + word(start) + word(0x500_0400)
    header += half(52) + half(0) + half(0) + half(40) + half(2) + half(0)
    let empty = [UInt8](repeating: 0, count: 40)
    let own =
      word(0) + word(0x7000_0003) + word(0) + word(0) + word(52) + word(section.count)
      + [UInt8](repeating: 0, count: 16)
    return header + section + empty + own
  }
}
