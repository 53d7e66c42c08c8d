import Digest
import TestSupport
import Testing

@Suite("Digests")
struct DigestTests {
  @Test("are those of sha256sum", arguments: [0, 1, 63, 64, 65, 1_000_003])
  func oracle(count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let expected = try Tool.check("sha256sum", [], input: bytes).text.prefix(64)
    #expect(SHA256.digest(bytes).hex == expected)
    var hash = SHA256()
    for start in stride(from: 0, to: count, by: 1000) { hash.update(bytes[start..<min(count, start + 1000)]) }
    #expect(hash.finish().hex == expected)
  }

  @Test(
    "are refused in every other spelling",
    arguments: [
      "", "sha256:", "sha256:abc", "sha256:" + String(repeating: "A", count: 64),
      "sha256:../../../../etc/passwd", "sha256:" + String(repeating: "a", count: 65),
      "sha512:" + String(repeating: "a", count: 128), String(repeating: "a", count: 64),
      "sha256:" + String(repeating: "a", count: 63) + "/",
    ])
  func refused(text: String) { #expect(throws: DigestError.self) { _ = try Digest(text) } }

  @Test("come back as they were written")
  func roundTrip() throws {
    let text = "sha256:" + String(repeating: "0123456789abcdef", count: 4)
    #expect(try Digest(text).description == text)
  }
}
