/// The header of an ELF file: System V gABI, chapter 4, "ELF Header".
public struct ELFHeader: Sendable, Hashable {
  /// The width of addresses.
  public enum Class: UInt8, Sendable, Hashable {
    /// 32 bits.
    case bits32 = 1
    /// 64 bits.
    case bits64 = 2
  }

  /// What kind of file it is.
  public enum FileType: UInt16, Sendable, Hashable {
    /// Of the compiler, not linked.
    case relocatable = 1
    /// A program at fixed addresses.
    case executable = 2
    /// A library, or a program at any address.
    case sharedObject = 3
    /// A memory image.
    case core = 4
  }

  /// The width of addresses.
  public var fileClass: Class
  /// Whether the least significant byte comes first.
  public var isLittleEndian: Bool
  /// `EI_OSABI`: 0 is System V, 3 is Linux.
  public var osABI: UInt8
  /// What kind of file it is; nil for one of the ranges that systems and processors have.
  public var type: FileType?
  /// `e_machine`.
  public var machine: UInt16
  /// `e_flags`, whose meaning is the machine's.
  public var flags: UInt32
  var programHeaders: Table
  var sectionHeaders: Table

  struct Table: Sendable, Hashable {
    var offset: UInt64
    var entrySize: UInt16
    var count: UInt16
  }

  /// The bytes that a header has at most; one of a 32-bit file has 52.
  public static let size = 64

  /// Reads the first bytes of a file; nil when they are no complete ELF header of a known class and order.
  public init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= 52, bytes[0] == 0x7f, bytes[1] == 0x45, bytes[2] == 0x4c, bytes[3] == 0x46,
      let fileClass = Class(rawValue: bytes[4]), bytes[5] == 1 || bytes[5] == 2, bytes[6] == 1
    else { return nil }
    let is64 = fileClass == .bits64
    if is64, bytes.count < Self.size { return nil }
    let fields = Fields(bytes, isLittleEndian: bytes[5] == 1, is64: is64)
    self.fileClass = fileClass
    isLittleEndian = bytes[5] == 1
    osABI = bytes[7]
    type = FileType(rawValue: fields.half(16))
    machine = fields.half(18)
    flags = fields.word(is64 ? 48 : 36)
    programHeaders = Table(
      offset: fields.address(is64 ? 32 : 28), entrySize: fields.half(is64 ? 54 : 42),
      count: fields.half(is64 ? 56 : 44))
    sectionHeaders = Table(
      offset: fields.address(is64 ? 40 : 32), entrySize: fields.half(is64 ? 58 : 46),
      count: fields.half(is64 ? 60 : 48))
  }

  /// Whether Linux could run it or load it: a program or library for System V's or Linux's ABI.
  public var isForLinux: Bool { (osABI == 0 || osABI == 3) && (type == .executable || type == .sharedObject) }

  /// Whether one can load the other: same class, byte order, machine, and floating point calls of ARM.
  public func isCompatible(with other: ELFHeader) -> Bool {
    fileClass == other.fileClass && isLittleEndian == other.isLittleEndian && machine == other.machine
      && (processor != .arm || (flags ^ other.flags) & Self.armFloatFlags & armFloat & other.armFloat == 0)
  }

  /// EF_ARM_ABI_FLOAT_SOFT and EF_ARM_ABI_FLOAT_HARD.
  private static let armFloatFlags: UInt32 = 0x600

  /// All ones where the file says how it passes floating point numbers.
  private var armFloat: UInt32 { flags & Self.armFloatFlags == 0 ? 0 : .max }

  /// Whether an ARM program passes floating point numbers in registers for them.
  public var isHardFloat: Bool { processor == .arm && flags & 0x400 != 0 }
}

/// The processors that containers run on: `e_machine`.
public enum Processor: UInt16, Sendable, Hashable {
  /// Intel's 32 bits.
  case i386 = 3
  /// MIPS, of any width and order.
  case mips = 8
  /// PowerPC with 64 bits.
  case powerPC64 = 21
  /// IBM's mainframes.
  case s390 = 22
  /// ARM's 32 bits.
  case arm = 40
  /// AMD's 64 bits.
  case x86_64 = 62
  /// ARM's 64 bits.
  case aarch64 = 183
  /// RISC-V of any width.
  case riscV = 243
  /// LoongArch of any width.
  case loongArch = 258
}

extension ELFHeader {
  /// The processor; nil for one that containers don't know.
  public var processor: Processor? { Processor(rawValue: machine) }
}

/// Numbers in the byte order and width of a file.
struct Fields {
  private let bytes: UnsafeRawBufferPointer
  private let isLittleEndian: Bool
  private let is64: Bool

  init(_ bytes: UnsafeRawBufferPointer, isLittleEndian: Bool, is64: Bool) {
    self.bytes = bytes
    self.isLittleEndian = isLittleEndian
    self.is64 = is64
  }

  func half(_ offset: Int) -> UInt16 {
    let value = bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)
    return isLittleEndian ? UInt16(littleEndian: value) : UInt16(bigEndian: value)
  }

  func word(_ offset: Int) -> UInt32 {
    let value = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    return isLittleEndian ? UInt32(littleEndian: value) : UInt32(bigEndian: value)
  }

  func long(_ offset: Int) -> UInt64 {
    let value = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    return isLittleEndian ? UInt64(littleEndian: value) : UInt64(bigEndian: value)
  }

  /// An address or offset of the file's width.
  func address(_ offset: Int) -> UInt64 { is64 ? long(offset) : UInt64(word(offset)) }
}
