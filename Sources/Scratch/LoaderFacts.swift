import Archive
import ELF

/// What a dynamic loader knows before it reads anything: the names of its machine, and its own folders.
struct LoaderFacts {
  /// Which loader it is.
  enum Kind { case glibc, musl }

  var kind: Kind
  /// What `$LIB` stands for.
  var library: String
  /// What `$PLATFORM` stands for.
  var platform: String
  /// The folders that are searched when nothing else is said.
  var folders: [String]
  /// The names below `glibc-hwcaps`, the best first.
  var capabilities: [String]
  /// The machine's name in musl's files; nil for others.
  var muslName: String?

  /// What the loader `interpreter` of a program knows.
  ///
  /// - Parameter place: where the interpreter is, without symlinks: in Debian's folder of the architecture, or in
  ///   `lib64` or `lib`.
  init(_ header: ELFHeader, interpreter: [UInt8], place: EntryPath?) {
    let name = String(decoding: interpreter.split(separator: 0x2f).last ?? [], as: UTF8.self)
    let is64 = header.fileClass == .bits64
    platform = Self.platform(header)
    capabilities = Self.capabilities(header)
    if name.hasPrefix("ld-musl-") {
      kind = .musl
      library = "lib"
      folders = ["/lib", "/usr/local/lib", "/usr/lib"]
      capabilities = []
      muslName = name.split(separator: ".").first.map { String($0.dropFirst("ld-musl-".count)) }
      return
    }
    kind = .glibc
    let folder = place?.parent.map { String(decoding: $0.name, as: UTF8.self) } ?? ""
    if let triplet = Self.triplet(header), folder == triplet {
      library = "lib/\(triplet)"
      folders = ["/lib/\(triplet)", "/usr/lib/\(triplet)", "/lib", "/usr/lib"]
    } else {
      library = is64 && header.processor != .riscV ? "lib64" : "lib"
      folders = is64 ? ["/lib64", "/usr/lib64", "/lib", "/usr/lib"] : ["/lib", "/usr/lib"]
      if header.processor == .riscV { folders = ["/lib64/lp64d", "/usr/lib64/lp64d"] + folders }
    }
  }

  /// Debian's name of a machine in paths (multiarch).
  static func triplet(_ header: ELFHeader) -> String? {
    let is64 = header.fileClass == .bits64
    switch (header.processor, is64, header.isLittleEndian) {
    case (.x86_64, true, _): return "x86_64-linux-gnu"
    case (.i386, _, _): return "i386-linux-gnu"
    case (.aarch64, true, true): return "aarch64-linux-gnu"
    case (.arm, _, true): return header.isHardFloat ? "arm-linux-gnueabihf" : "arm-linux-gnueabi"
    case (.riscV, true, _): return "riscv64-linux-gnu"
    case (.powerPC64, true, true): return "powerpc64le-linux-gnu"
    case (.powerPC64, true, false): return "powerpc64-linux-gnu"
    case (.s390, true, _): return "s390x-linux-gnu"
    case (.loongArch, true, _): return "loongarch64-linux-gnu"
    case (.mips, true, true): return "mips64el-linux-gnuabi64"
    case (.mips, true, false): return "mips64-linux-gnuabi64"
    case (.mips, false, true): return "mipsel-linux-gnu"
    case (.mips, false, false): return "mips-linux-gnu"
    default: return nil
    }
  }

  /// The kernel's name of the machine (`AT_PLATFORM`).
  private static func platform(_ header: ELFHeader) -> String {
    switch header.processor {
    case .x86_64: "x86_64"
    case .i386: "i686"
    case .aarch64: "aarch64"
    case .arm: "v7l"
    case .riscV: "riscv64"
    case .s390: "z900"
    case .powerPC64: "power8"
    default: ""
    }
  }

  /// The folders of glibc-hwcaps: ld.so(8).
  private static func capabilities(_ header: ELFHeader) -> [String] {
    switch header.processor {
    case .x86_64: ["x86-64-v4", "x86-64-v3", "x86-64-v2"]
    case .powerPC64 where header.isLittleEndian: ["power10", "power9"]
    case .s390: ["z16", "z15", "z14", "z13"]
    default: []
    }
  }
}

extension LoaderFacts {
  /// Puts in what `$ORIGIN`, `$LIB` and `$PLATFORM` stand for, with and without braces.
  ///
  /// - Parameter origin: the folder of the object that says it, with a leading slash.
  func expand(_ path: some Collection<UInt8>, origin: [UInt8]) -> [UInt8] {
    let values: [([UInt8], [UInt8])] = [
      (Array("ORIGIN".utf8), origin), (Array("LIB".utf8), Array(library.utf8)),
      (Array("PLATFORM".utf8), Array(platform.utf8)),
    ]
    let bytes = Array(path)
    var result: [UInt8] = []
    var index = 0
    scan: while index < bytes.count {
      if bytes[index] == UInt8(ascii: "$") {
        let isBraced = index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "{")
        let start = index + (isBraced ? 2 : 1)
        for (name, value) in values where bytes[start...].starts(with: name) {
          let end = start + name.count
          if isBraced {
            guard end < bytes.count, bytes[end] == UInt8(ascii: "}") else { continue }
            index = end + 1
          } else {
            if end < bytes.count, Self.isNamePart(bytes[end]) { continue }
            index = end
          }
          result += value
          continue scan
        }
      }
      result.append(bytes[index])
      index += 1
    }
    return result
  }

  private static func isNamePart(_ byte: UInt8) -> Bool {
    byte == 0x5f || (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
      || (0x61...0x7a).contains(byte)
  }
}

/// A path with a leading slash and without `.`, `..` and empty parts, whatever is a symlink.
func lexicallyNormal(_ path: some Collection<UInt8>) -> [UInt8] {
  var parts: [ArraySlice<UInt8>] = []
  for part in Array(path).split(separator: 0x2f) {
    if part.elementsEqual([0x2e]) { continue }
    if part.elementsEqual([0x2e, 0x2e]) { _ = parts.popLast() } else { parts.append(part) }
  }
  return [0x2f] + Array(parts.joined(separator: [0x2f]))
}
