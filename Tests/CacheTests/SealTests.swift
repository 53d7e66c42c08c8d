import Cache
import Digest
import Posix
import SystemPackage
import TestSupport
import Testing

@Suite("Sealed files") struct SealTests {
  private let key = SHA256.digest(Array("key".utf8))

  private func sealed(_ content: [UInt8]) -> [UInt8] {
    var seal = Seal(of: key)
    content.withUnsafeBytes { seal.update($0) }
    return content + seal.finish()
  }

  private func isWhole(_ bytes: [UInt8], of key: Digest) throws -> Bool {
    let file = try makeMemoryFile()
    try bytes.withUnsafeBytes { try file.write($0) }
    return try Seal.isWhole(file, of: key)
  }

  @Test("Only all of the bytes, in their order and under their key, are whole", arguments: [0, 1, 300_000])
  func whole(_ count: Int) throws {
    let bytes = sealed((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
    #expect(bytes.count == count + Seal.size)
    #expect(try isWhole(bytes, of: key))
    #expect(try !isWhole(bytes, of: SHA256.digest([1])))
    #expect(try !isWhole(Array(bytes.dropLast()), of: key))
    #expect(try !isWhole(Array(bytes.dropFirst()), of: key))
    #expect(try !isWhole(bytes + [0], of: key))
    #expect(try !isWhole(Array(bytes.prefix(Seal.size - 1)), of: key))
    for index in Set([0, count / 2, count, count + 4, count + 8, bytes.count - 1]) {
      var other = bytes
      other[index] ^= 1
      #expect(try !isWhole(other, of: key), "byte \(index)")
    }
  }

  @Test("zstd reads over a seal")
  func skipped() throws {
    let frame = try Tool.check("zstd", ["-q", "-c"], input: Array("content".utf8)).output
    #expect(try Tool.check("zstd", ["-q", "-d", "-c"], input: sealed(frame)).text == "content")
  }
}
