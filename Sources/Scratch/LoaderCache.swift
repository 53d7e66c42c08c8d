import ELF

/// Writes `ld.so.cache`, by which glibc's loader finds libraries outside of its own folders: the format of
/// glibc's `sysdeps/generic/dl-cache.h`, "glibc-ld.so.cache1.1".
///
/// It can be written for every machine here, where ldconfig would have to run on it.
enum LoaderCache {
  /// The bytes of a cache.
  ///
  /// - Parameter libraries: each library's name and place, with a leading slash.
  static func bytes(_ libraries: [[UInt8]: (place: [UInt8], elf: ELFHeader)]) -> [UInt8] {
    guard let first = libraries.first?.value.elf else { return [] }
    var output = Output(isLittleEndian: first.isLittleEndian)
    // From the last to the first in the loader's own order.
    let names = libraries.keys.sorted { compare($0, $1) > 0 }
    let headerSize = 48
    let entrySize = 24
    var strings: [UInt8] = []
    var entries: [(flags: UInt32, key: UInt32, value: UInt32)] = []
    let base = headerSize + entrySize * names.count
    for name in names {
      guard let library = libraries[name] else { continue }
      let key = UInt32(base + strings.count)
      strings += name + [0]
      let value = UInt32(base + strings.count)
      strings += library.place + [0]
      entries.append((flags(library.elf), key, value))
    }
    output.bytes += Array("glibc-ld.so.cache1.1".utf8)
    output.word(UInt32(entries.count))
    output.word(UInt32(strings.count))
    // The byte order: 2 is little, 3 is big. Then padding, the offset of extensions, and three unused words.
    output.bytes += [first.isLittleEndian ? 2 : 3, 0, 0, 0]
    for _ in 0..<4 { output.word(0) }
    for entry in entries {
      output.word(entry.flags)
      output.word(entry.key)
      output.word(entry.value)
      output.word(0)
      output.word(0)
      output.word(0)
    }
    return output.bytes + strings
  }

  private struct Output {
    var isLittleEndian: Bool
    var bytes: [UInt8] = []

    mutating func word(_ value: UInt32) {
      let ordered = isLittleEndian ? value.littleEndian : value.bigEndian
      withUnsafeBytes(of: ordered) { bytes += $0 }
    }
  }

  /// What kind of library: FLAG_ELF_LIBC6 with the machine's own, as glibc's `sysdeps/*/ldconfig.h` have them.
  static func flags(_ header: ELFHeader) -> UInt32 {
    let is64 = header.fileClass == .bits64
    let machine: UInt32
    switch header.processor {
    case .x86_64: machine = is64 ? 0x0300 : 0x0800
    case .powerPC64: machine = 0x0500
    case .s390: machine = is64 ? 0x0400 : 0
    case .arm: machine = header.isHardFloat ? 0x0900 : header.flags & 0x200 != 0 ? 0x0b00 : 0
    case .aarch64: machine = 0x0a00
    case .mips: machine = is64 ? 0x0700 : 0
    case .riscV:
      // EF_RISCV_FLOAT_ABI: 0 soft, 4 double.
      machine = header.flags & 6 == 4 ? 0x1000 : 0x0f00
    case .loongArch: machine = header.flags & 7 == 3 ? 0x1200 : 0x1100
    case .i386, nil: machine = 0
    }
    return machine | 3
  }

  /// The order of names in the cache (`_dl_cache_libcmp`): numbers in them by their value.
  static func compare(_ one: [UInt8], _ other: [UInt8]) -> Int {
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    var left = one[...]
    var right = other[...]
    while let a = left.first {
      let b = right.first ?? 0
      if isDigit(a) {
        guard isDigit(b) else { return 1 }
        let x = left.prefix(while: isDigit)
        let y = right.prefix(while: isDigit)
        let trimmed = (x.drop { $0 == 0x30 }, y.drop { $0 == 0x30 })
        if trimmed.0.count != trimmed.1.count { return trimmed.0.count - trimmed.1.count }
        if !trimmed.0.elementsEqual(trimmed.1) {
          return trimmed.0.lexicographicallyPrecedes(trimmed.1) ? -1 : 1
        }
        left = left.dropFirst(x.count)
        right = right.dropFirst(y.count)
      } else if isDigit(b) {
        return -1
      } else if a != b {
        return Int(a) - Int(b)
      } else {
        left = left.dropFirst()
        right = right.dropFirst()
      }
    }
    return right.isEmpty ? 0 : -1
  }
}
