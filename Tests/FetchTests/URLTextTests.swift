import Fetch
import SystemPackage
import Testing

@Suite("URLs as text")
struct URLTextTests {
  @Test(
    "What is fetched",
    arguments: [
      ("http://host/x", true), ("HTTPS://host", true), ("file:///x", false), ("ftp://host/x", false),
      ("x.tar", false), ("oci:http://x", false), ("http:x", false), ("", false),
    ])
  func fetchable(_ text: String, _ result: Bool) { #expect(isFetchable(text) == result) }

  @Test(
    "The paths of file URLs",
    arguments: [
      ("file:///etc/os-release", "/etc/os-release"), ("file://localhost/a%20b%2Fc", "/a b/c"),
      ("FILE:///x", "/x"), ("file:///caf%C3%A9", "/café"),
    ])
  func local(_ text: String, _ path: String) throws { #expect(try localPath(ofURL: text) == FilePath(path)) }

  @Test("Names that are no UTF-8 keep their bytes")
  func bytes() throws {
    let path = try #require(try localPath(ofURL: "file:///%FF"))
    #expect(path.withPlatformString { UInt8(bitPattern: $0[1]) } == 0xff)
  }

  @Test("Texts that are no file URL", arguments: ["/etc/passwd", "http://host/x", "file:/x", ""])
  func other(_ text: String) throws { #expect(try localPath(ofURL: text) == nil) }

  @Test(
    "File URLs that can't be meant",
    arguments: ["file://host/x", "file:///%", "file:///%4", "file:///%zz", "file:///%00"])
  func malformed(_ text: String) { #expect(throws: FetchError.self) { try localPath(ofURL: text) } }
}
