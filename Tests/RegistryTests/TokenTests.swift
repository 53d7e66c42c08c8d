import Image
import OCI
import Posix
import Registry
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// Tokens, and who gets to see credentials: judged by what the servers received.
@Suite("Registries: tokens and other hosts")
struct TokenTests {
  /// Pulls `MODE/app:1` with the credentials `me:secret`.
  private func pull(
    _ mode: String, _ registry: ScriptedRegistry, identity: Bool = false, tls: Bool = false
  ) throws -> (result: Tool.Result, digest: String?) {
    let home = try registry.home(identity: identity)
    let layout = home.appending("back")
    let host = tls ? "127.0.0.1:\(registry.ports[3])" : registry.host
    let result = try copy(
      "--jobs", "1", "--cacert", registry.authority.authority.string, "docker://\(host)/\(mode)/app:1",
      "oci:\(layout):x",
      home: home)
    let digest = result.status.isSuccess ? try SampleImage.digest(ofLayout: layout) : nil
    if digest == nil { #expect(!FileExists.at(layout.appending("index.json"))) }
    return (result, digest)
  }

  /// Nothing secret went to the other host, whoever led there.
  private func expectNothingElsewhere(_ registry: ScriptedRegistry) throws {
    for seen in try registry.seen("evil") {
      #expect(seen.authorization == "", "\(seen)")
      for secret in ["secret", "bWU6", "identity", "account="] {
        #expect(!seen.path.contains(secret) && !seen.body.contains(secret), "\(seen)")
      }
    }
  }

  @Test("A token is asked for with the scope, once, and its refusal is told")
  func scopes() throws {
    let registry = try ScriptedRegistry()
    let (good, digest) = try pull("good", registry)
    #expect(digest == registry.image.digest, "\(good.errorText)")
    let asked = try registry.seen("token")
    #expect(asked.count == 1)
    #expect(asked[0].path.contains("scope=repository%3Agood%2Fapp%3Apull"), "\(asked)")
    #expect(asked[0].authorization == "Basic bWU6c2VjcmV0")
    // The password itself goes to the token server alone.
    #expect(try registry.seen("registry").allSatisfy { !$0.authorization.hasPrefix("Basic") })
    let (wrong, none) = try pull("wrongscope", registry)
    #expect(none == nil)
    #expect(wrong.errorText.contains("doesn't take the credentials"), "\(wrong.errorText)")
    #expect(try registry.seen("token").count <= 4)
    try expectNothingElsewhere(registry)
  }

  @Test("Tokens that expire early are renewed; identity tokens are exchanged by POST")
  func renewal() throws {
    let registry = try ScriptedRegistry()
    let (result, digest) = try pull("expired", registry)
    #expect(digest == registry.image.digest, "\(result.errorText)")
    #expect(try registry.seen("token").count >= 2)
    let (exchanged, other) = try pull("good", registry, identity: true)
    #expect(other == registry.image.digest, "\(exchanged.errorText)")
    let posts = try registry.seen("token").filter { $0.method == "POST" }
    #expect(posts.count == 1)
    #expect(posts.allSatisfy { $0.body.contains("refresh_token=identity") && $0.authorization == "" })
  }

  @Test("Blobs are fetched from another host without credentials, and its questions aren't answered")
  func redirects() throws {
    let registry = try ScriptedRegistry()
    let (result, digest) = try pull("blobredirect", registry)
    #expect(digest == registry.image.digest, "\(result.errorText)")
    #expect(try registry.seen("evil").count == 3)
    try expectNothingElsewhere(registry)
    let (demanded, none) = try pull("blobdemand", registry)
    #expect(none == nil)
    #expect(
      demanded.errorText.contains("to which the registry leads, asks for credentials"),
      "\(demanded.errorText)")
    #expect(try registry.seen("evil").allSatisfy { !$0.path.contains("token") })
    try expectNothingElsewhere(registry)
    let (looped, nothing) = try pull("loop", registry)
    #expect(nothing == nil)
    #expect(looped.errorText.contains("redirects too often"), "\(looped.errorText)")
  }

  @Test(
    "A token server elsewhere gets no credentials, whether the registry names it or the token server leads there",
    arguments: ["realmelsewhere", "tokenredirect"])
  func realms(_ mode: String) throws {
    let registry = try ScriptedRegistry()
    let (result, digest) = try pull(mode, registry)
    #expect(digest == nil)
    #expect(result.status == .exited(1))
    #expect(result.errorText.split(separator: "\n").count == 1)
    #expect(try registry.seen("evil").isEmpty)
    let (_, other) = try pull(mode, registry, identity: true)
    #expect(other == nil)
    #expect(try registry.seen("evil").isEmpty)
  }

  @Test("TLS doesn't lead to plain HTTP")
  func downgrade() throws {
    let registry = try ScriptedRegistry()
    let (good, digest) = try pull("open", registry, tls: true)
    #expect(digest == registry.image.digest, "\(good.errorText)")
    let (result, none) = try pull("tls", registry, tls: true)
    #expect(none == nil)
    #expect(result.errorText.contains("from TLS to plain HTTP"), "\(result.errorText)")
    #expect(try registry.seen("evil").isEmpty)
    // A registry by TLS names a token server without.
    let before = try registry.seen("token").count
    let (named, nothing) = try pull("good", registry, tls: true)
    #expect(nothing == nil)
    #expect(named.errorText.contains("without TLS"), "\(named.errorText)")
    #expect(try registry.seen("token").count == before)
  }

  @Test("An upload that the registry sends elsewhere takes no credentials along")
  func uploads() throws {
    let registry = try ScriptedRegistry()
    let result = try copy(
      registry.image.archive.string, "docker://\(registry.host)/uploadelsewhere/app:1", home: registry.home())
    #expect(result.status.isSuccess, "\(result.errorText)")
    #expect(try registry.seen("evil").filter { $0.method == "PUT" }.count == 3)
    #expect(try registry.seen("token").contains { $0.path.contains("pull%2Cpush") })
    try expectNothingElsewhere(registry)
  }

  @Test("What was promised otherwise is refused, and too much is not read; a busy server is asked again")
  func content() throws {
    let registry = try ScriptedRegistry()
    let (tampered, none) = try pull("tampered", registry)
    #expect(none == nil)
    #expect(tampered.errorText.contains("has other content"), "\(tampered.errorText)")
    let (huge, nothing) = try pull("huge", registry)
    #expect(nothing == nil)
    #expect(huge.errorText.contains("more than 4194304 bytes"), "\(huge.errorText)")
    let (busy, digest) = try pull("busy", registry)
    #expect(digest == registry.image.digest, "\(busy.errorText)")
  }

  @Test("An upload that was cut off goes on at the byte where the registry is")
  func resumed() throws {
    let registry = try ScriptedRegistry(size: 3_000_000)
    var settings = RegistrySettings()
    settings.chunkSize = 1 << 20
    settings.configurationFiles = []
    settings.credentialFiles = []
    let reference = try Reference("\(registry.host)/cut/app:1")
    let plan = try ImageSource(.layout(registry.image.layout, name: "app")).copyPlan()
    let writer = try ImageWriter(destinations: [.registry(reference)], remote: Registries(settings))
    let counted = Mutex(0)
    _ = try ImageCopier(to: writer, jobs: 1) { count in counted.withLock { $0 += count } }.copy(
      plan, tags: [])
    let patches = try registry.seen("registry").filter { $0.method == "PATCH" }
    // The first was cut in half; the second begins there.
    #expect(patches.count >= 3)
    #expect(patches[0].length == 1 << 19)
    #expect(patches[1].contentRange.hasPrefix("\(1 << 19)-"), "\(patches.map(\.contentRange))")
    #expect(patches.map(\.length).reduce(0, +) == Int64(plan.blobs.map(\.descriptor.size).max() ?? 0))
    #expect(counted.withLock { $0 } == Int(plan.size))
  }

  @Test(
    "A mirror is asked first, and the registry when the mirror has nothing; blocked names are not asked for")
  func mirrors() throws {
    let registry = try ScriptedRegistry()
    let home = try registry.home()
    let file = try home.write(
      "registries.conf",
      """
      unqualified-search-registries = ["docker.io"] # not ours
      [[registry]]
      prefix = "example.org/team"
      location = "\(registry.host)/open"
      [[registry.mirror]]
      location = "127.0.0.1:\(registry.ports[2])/nothing"
      [[registry.mirror]]
      location = "\(registry.host)/good"
      pull-from-mirror = "tag-only"
      [[registry]]
      location = "example.org/bad"
      blocked = true
      """)
    let conf = "CONTAINERS_REGISTRIES_CONF=\(file)"
    let result = try copy(
      "docker://example.org/team/app:1", "oci:\(home.appending("one")):x", home: home, environment: [conf])
    #expect(result.status.isSuccess, "\(result.errorText)")
    #expect(try SampleImage.digest(ofLayout: home.appending("one")) == registry.image.digest)
    let paths = try registry.seen("registry").map(\.path)
    #expect(paths.contains { $0.hasPrefix("/v2/good/app/manifests/1") })
    #expect(!paths.contains { $0.hasPrefix("/v2/open/") })
    #expect(try registry.seen("evil").contains { $0.path.hasPrefix("/v2/nothing/app/manifests/1") })
    let pinned = try copy(
      "docker://example.org/team/app@\(registry.image.digest)", "oci:\(home.appending("two")):x", home: home,
      environment: [conf])
    #expect(pinned.status.isSuccess, "\(pinned.errorText)")
    #expect(try registry.seen("registry").contains { $0.path.hasPrefix("/v2/open/app/manifests/sha256:") })
    let blocked = try copy(
      "docker://example.org/bad/app:1", "oci:\(home.appending("three")):x", home: home, environment: [conf])
    #expect(blocked.errorText.contains("blocks example.org/bad"), "\(blocked.errorText)")
    try home.write("registries.conf", "[[registry]]\nlocation = 'a.example.org'\nsecure = true\n")
    let wrong = try copy(
      "docker://example.org/team/app:1", "oci:\(home.appending("four")):x", home: home, environment: [conf])
    #expect(wrong.errorText.contains("registries.conf:3"), "\(wrong.errorText)")
  }
}

/// Whether there is something at a path.
enum FileExists {
  static func at(_ path: FilePath) -> Bool { (try? openFile(path, .read)) != nil }
}
