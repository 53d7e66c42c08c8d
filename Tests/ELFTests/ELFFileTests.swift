import ELF
import SystemPackage
import TestSupport
import Testing

/// An ELF file from bytes in memory.
private func parse(_ bytes: [UInt8]) throws -> ELFFile {
  try ELFFile(size: UInt64(bytes.count)) { offset, count in
    let start = Int(offset)
    // Never asked for more than there is.
    #expect(start + count <= bytes.count)
    return Array(bytes[start..<min(start + count, bytes.count)])
  }
}

@Suite("ELF files")
struct ELFFileTests {
  /// What readelf says of a file, in the words of `described`.
  private func readelf(_ path: String) throws -> [String] {
    let text = try Tool.check("readelf", ["-W", "-l", "-d", path]).text
    var lines: [String] = []
    for line in text.split(separator: "\n") {
      func value(_ start: Character, _ end: Character) -> String {
        String(line.drop { $0 != start }.dropFirst().prefix { $0 != end })
      }
      if line.contains("[Requesting program interpreter:") {
        lines.append("interpreter " + value(":", "]").dropFirst())
      }
      for (tag, name) in [
        ("(NEEDED)", "needed"), ("(SONAME)", "soname"), ("(RPATH)", "rpath"), ("(RUNPATH)", "runpath"),
      ] where line.contains(tag) { lines.append("\(name) " + value("[", "]")) }
    }
    return lines.sorted()
  }

  private func described(_ file: ELFFile) -> [String] {
    func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    var lines = (file.dynamic?.needed ?? []).map { "needed " + text($0) }
    if let interpreter = file.interpreter { lines.append("interpreter " + text(interpreter)) }
    if let name = file.dynamic?.soname { lines.append("soname " + text(name)) }
    if let path = file.dynamic?.rpath { lines.append("rpath " + text(path)) }
    if let path = file.dynamic?.runpath { lines.append("runpath " + text(path)) }
    return lines.sorted()
  }

  @Test("are read as readelf reads them: programs, libraries, static ones, with RPATH and RUNPATH")
  func asReadelf() throws {
    let folder = try TemporaryDirectory()
    let source = try folder.write("a.c", "int main(void) { return 0; }\n")
    let options = [
      ["-Wl,--disable-new-dtags,-rpath,$ORIGIN/../lib:/opt/x"], ["-Wl,--enable-new-dtags,-rpath,/a:$LIB"],
      ["-static"], ["-static-pie"], ["-shared", "-Wl,-soname,libodd name.so.7"],
    ]
    var paths = try Tool.check(
      "sh", ["-c", "ls /usr/bin/ba* /usr/bin/py* /lib/x86_64-linux-gnu/lib[a-d]*.so*"]
    )
    .text.split(separator: "\n").map(String.init)
    for (index, option) in options.enumerated() {
      let path = folder.appending("p\(index)").string
      try Tool.check("gcc", [source.string, "-o", path] + option)
      paths.append(path)
    }
    var read = 0
    for path in paths {
      let bytes = try readBytes(FilePath(path))
      guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { continue }
      read += 1
      #expect(described(try parse(bytes)) == (try readelf(path)), "\(path)")
    }
    #expect(read > 30)
  }

  @Test("cut short or with any byte changed are an error or something else, and never read outside")
  func hostile() throws {
    let folder = try TemporaryDirectory()
    let source = try folder.write("a.c", "int main(void) { return 0; }\n")
    let path = folder.appending("program")
    try Tool.check("gcc", [source.string, "-o", path.string, "-Wl,-rpath,/a", "-Wl,-s"])
    let good = try readBytes(path)
    for count in stride(from: 0, to: good.count, by: 7) {
      do { _ = try parse(Array(good[..<count])) } catch is ELFError {}
    }
    var errors = 0
    let end = min(good.count, 0x400)
    let table = good.count - 0x800
    for position in Array(0..<end) + Array(stride(from: table, to: good.count, by: 5)) {
      for value: UInt8 in [0, 0x7f, 0x80, 0xff] {
        var bytes = good
        bytes[position] = value
        do { _ = try parse(bytes) } catch let error as ELFError {
          errors += 1
          #expect(!"\(error)".isEmpty)
        }
      }
    }
    #expect(errors > 50)
  }

  @Test("with offsets and counts beyond all bounds are refused")
  func bounds() throws {
    let folder = try TemporaryDirectory()
    let source = try folder.write("a.c", "int main(void) { return 0; }\n")
    let path = folder.appending("program")
    try Tool.check("gcc", [source.string, "-o", path.string])
    let good = try readBytes(path)
    // e_phoff, and e_phnum.
    for change in [32..<40, 54..<58] {
      var bytes = good
      for position in change { bytes[position] = 0xff }
      #expect(throws: ELFError.self) { try parse(bytes) }
    }
    // All sizes and offsets in the program headers.
    for position in stride(from: 64, to: 64 + 56 * 8, by: 8) {
      var bytes = good
      for offset in 0..<8 { bytes[position + offset] = 0xff }
      do { _ = try parse(bytes) } catch is ELFError {}
    }
  }

  @Test("whose numbers are those of elf.h")
  func machines() throws {
    let header = String(decoding: try readBytes("/usr/include/elf.h"), as: UTF8.self)
    let named: [(String, Processor)] = [
      ("EM_386", .i386), ("EM_MIPS", .mips), ("EM_PPC64", .powerPC64), ("EM_S390", .s390), ("EM_ARM", .arm),
      ("EM_X86_64", .x86_64), ("EM_AARCH64", .aarch64), ("EM_RISCV", .riscV), ("EM_LOONGARCH", .loongArch),
    ]
    for (name, processor) in named {
      let line = try #require(
        header.split(separator: "\n").first {
          $0.hasPrefix("#define \(name)\t") || $0.hasPrefix("#define \(name) ")
        })
      let words = line.split { $0 == " " || $0 == "\t" }
      #expect(words[2] == "\(processor.rawValue)", "\(name)")
    }
  }
}
