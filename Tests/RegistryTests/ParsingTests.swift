import OCI
import Posix
import SystemPackage
import TestSupport
import Testing

@testable import Registry

/// What servers and files say, read.
@Suite("Registries: challenges, URLs, configuration")
struct ParsingTests {
  @Test("Challenges of RFC 9110, several in a field and in several fields")
  func challenges() {
    let found = Challenge.parse([
      #"Bearer realm="https://a.example.org/t",service="s",scope="repository:x:pull,push", Basic realm="a \"b\"""#,
      "Negotiate", "basic REALM=x",
    ])
    #expect(found.map(\.scheme) == ["bearer", "basic", "negotiate", "basic"])
    #expect(found.first?.parameters["scope"] == "repository:x:pull,push")
    #expect(found[1].parameters == ["realm": #"a "b""#])
    #expect(found[3].parameters == ["realm": "x"])
    // The first of two counts; what is malformed ends there.
    #expect(Challenge.parse(["Bearer realm=a, realm=b"]).first?.parameters == ["realm": "a"])
    #expect(Challenge.parse([#"Bearer realm="open"#]).first?.parameters == [:])
    #expect(Challenge.parse(["", ",,", "=x"]).isEmpty)
  }

  @Test("URLs of servers: origins, paths alone, and what is refused")
  func urls() throws {
    let base = try #require(ServerURL("https://A.example.org:8443/v2/x?y=1#z"))
    #expect(base.description == "https://a.example.org:8443/v2/x?y=1")
    #expect(base.resolving("/other?state=2")?.description == "https://a.example.org:8443/other?state=2")
    #expect(base.resolving("//b.example.org/x")?.origin.host == "b.example.org")
    #expect(base.resolving("http://b.example.org")?.description == "http://b.example.org/")
    #expect(base.adding([("digest", "sha256:a b")]).target == "/v2/x?y=1&digest=sha256%3Aa%20b")
    #expect(ServerURL("https://a.example.org")?.origin == ServerURL("https://a.example.org:443/")?.origin)
    #expect(ServerURL("http://a.example.org")?.origin != ServerURL("https://a.example.org")?.origin)
    #expect(ServerURL("http://[::1]:5000/")?.origin.isLoopback == true)
    for odd in [
      "ftp://a/", "https://user@a.example.org/", "https://a.example.org\\@b/", "https:///x", "https://a:0/",
      "https://a:99999/", "https://a b/", "https://a/\u{7f}", "https://[::1/", "https://a/ü",
      "https://a/" + String(repeating: "x", count: 9000),
    ] { #expect(ServerURL(odd) == nil, "\(odd)") }
    for odd in ["x", "", "javascript:1", "file:///etc/passwd"] {
      #expect(base.resolving(odd) == nil, "\(odd)")
    }
    #expect(ServerURL.isLoopback("127.8.9.10"))
    for name in ["127.example.org", "localhost.example.org", "127.0.0.1.example.org", "128.0.0.1"] {
      #expect(!ServerURL.isLoopback(name))
    }
  }

  @Test("Base 64 as coreutils has it")
  func base64() throws {
    for count in 0..<40 {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255) }
      let text = try Tool.check("base64", ["-w0"], input: bytes).text
      #expect(Base64.encoded(bytes) == text)
      #expect(Base64.decoded(text) == bytes)
    }
    for odd in ["a", "a b=", "ab$=", "äb"] { #expect(Base64.decoded(odd) == nil) }
  }

  @Test("The machine's own registries.conf is read, and what it must not have is told with its line")
  func configuration() throws {
    for file in ["/etc/containers/registries.conf", "/etc/containers/registries.conf.d/shortnames.conf"] {
      #expect(try RegistriesConfiguration([FilePath(file)]).entries.isEmpty, "\(file)")
    }
    let cases: [(String, Int)] = [
      ("[[registry]]\nlocation = \"a\"\ninsecure = yes\n", 3),
      ("[registries.search]\nregistries = ['x']\n", 1),
      ("[[registry.mirror]]\nlocation='x'\n", 1), ("[[registry]]\nlocation = \"a\n\"\n", 2),
      ("[[registry]\n", 1), ("x\n", 1), ("x = [ 'a' 'b' ]\n", 1), ("[[registry]]\nlocation = 5\n", 2),
      ("[[registry]]\nlocation='a'\n[[registry.mirror]]\nlocation='b'\npull-from-mirror='some'\n", 5),
      ("a = 'b' c\n", 1),
    ]
    for (text, line) in cases {
      let error = #expect(throws: ConfigurationSyntaxError.self, "\(text)") {
        try RegistriesConfiguration.parse(Array(text.utf8))
      }
      #expect(error?.line == line, "\(text): \(String(describing: error))")
    }
  }

  @Test("The longest prefix counts; a wildcard is of hosts; insecure is only who is named")
  func prefixes() throws {
    let directory = try TemporaryDirectory()
    let file = try directory.write(
      "r.conf",
      """
      [[registry]]
      prefix = "example.org"
      location = "a.example.org/mirror"
      insecure = true
      [[registry]]
      prefix = "example.org/team"
      location = "b.example.org"
      [[registry]]
      prefix = "*.wild.example.org"
      insecure = true
      """)
    let configuration = try RegistriesConfiguration([file])
    func endpoint(_ name: String, _ insecure: Set<String> = []) throws -> String {
      let endpoint = try configuration.writingEndpoint(Reference(name), insecure: insecure)
      return "\(endpoint.host) \(endpoint.repository) \(endpoint.isInsecure)"
    }
    #expect(try endpoint("example.org/x") == "a.example.org mirror/x true")
    #expect(try endpoint("example.org/team/x") == "b.example.org x false")
    #expect(try endpoint("example.org/teams/x") == "a.example.org mirror/teams/x true")
    #expect(try endpoint("q.wild.example.org/x") == "q.wild.example.org x true")
    #expect(try endpoint("wild.example.org/x") == "wild.example.org x false")
    #expect(try endpoint("debian:trixie") == "registry-1.docker.io library/debian false")
    #expect(try endpoint("c.example.org:5000/x", ["c.example.org"]) == "c.example.org:5000 x true")
    #expect(try endpoint("c.example.org:5000/x", ["c.example.org:5001"]) == "c.example.org:5000 x false")
  }
}
