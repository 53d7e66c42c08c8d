import Digest
import Fetch
import Glibc
import Image
import OCI
import Posix
import Registry
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// What garboard-copy does with Debian's docker-registry, as other tools see it. Needs root for podman.
@Suite("Registries: docker-registry")
struct DockerRegistryTests {
  private func succeed(_ result: Tool.Result) { #expect(result.status.isSuccess, "\(result.errorText)") }

  @Test(
    "What was pushed is read by skopeo, podman and buildah, and what they push by us, digests unchanged",
    arguments: [0, 40])
  func otherTools(more: Int) throws {
    let registry = try DockerRegistry()
    let image = try SampleImage(more: more)
    let directory = try TemporaryDirectory()
    let ours = "docker://\(registry.host)/ours/app:1"
    succeed(try copy(image.archive.string, ours))
    // Skopeo sees the same digest, and its copy is the same image.
    let seen = try Tool.check("skopeo", ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", ours])
    #expect(seen.text == image.digest + "\n")
    let theirs = "docker://\(registry.host)/theirs/app:1"
    try Tool.check(
      "skopeo", ["copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", ours, theirs])
    let back = directory.appending("back")
    succeed(try copy(theirs, "oci:\(back):app"))
    #expect(try SampleImage.digest(ofLayout: back) == image.digest)
    // umoci, the schemas and podman on what came back.
    #expect(try verify(image: "oci:\(back)", running: .nothing).map(\.digest) == [image.digest])
    // podman and buildah, in a store of their own.
    let script = """
      umount /sys/fs/cgroup/unified 2>/dev/null || true
      run=$(mktemp -d /run/garboard.XXXXXX); trap 'rm -rf "$run"' EXIT
      store="--root $1/root --runroot $run --storage-driver vfs"
      podman $store pull -q --tls-verify=false "$2/ours/app:1" >/dev/null
      podman $store image inspect --format '{{.Digest}}' "$2/ours/app:1"
      podman $store push -q --tls-verify=false "$2/ours/app:1" "docker://$2/podman/app:1"
      buildah $store pull -q --tls-verify=false "$2/theirs/app:1" >/dev/null
      buildah $store push -q --tls-verify=false --format v2s2 "$2/theirs/app:1" "docker://$2/buildah/app:1"
      """
    _ = try (Tool.find("podman"), Tool.find("buildah"))
    let told = try Tool.check(
      "unshare", ["-m", "sh", "-euc", script, "sh", directory.path.string, registry.host])
    #expect(told.text == image.digest + "\n")
    for (name, isDocker) in [("podman", false), ("buildah", true)] {
      let place = "docker://\(registry.host)/\(name)/app:1"
      let raw = try Tool.check("skopeo", ["inspect", "--raw", "--tls-verify=false", place])
      #expect(raw.text.contains("vnd.docker.distribution.manifest.v2+json") == isDocker)
      let pulled = directory.appending(name)
      succeed(try copy(place, "oci:\(pulled):app"))
      #expect(try SampleImage.digest(ofLayout: pulled) == SHA256.digest(raw.output).description)
      // The bytes of the manifest are those that they wrote.
      let digest = SHA256.digest(raw.output).hex
      #expect(try readBytes(pulled.appending("blobs/sha256/\(digest)")) == raw.output)
      let again = try ImageSource(.layout(pulled, name: "app")).select()
      #expect(try again.validate().isEmpty)
      #expect(again.layers.count == 2 + more)
      // And once more through us: the same bytes at the end of the chain.
      let last = "docker://\(registry.host)/last/\(name):1"
      succeed(try copy("oci:\(pulled):app", last))
      #expect(
        try Tool.check("skopeo", ["inspect", "--raw", "--tls-verify=false", last]).output == raw.output)
    }
  }

  @Test("Nothing moves that is there; another repository lends what it has")
  func existing() throws {
    let registry = try DockerRegistry()
    let image = try SampleImage()
    func counts(_ source: String, _ destination: String) throws -> [Int64] {
      let result = try copy("--json", source, destination)
      succeed(result)
      let copies = try JSONValue(parsing: result.output).object?["copies"]?.array?.first?.object
      return ["copied", "present", "mounted"].map { copies?[$0]?.object?["blobs"]?.integer ?? -1 }
    }
    let first = "docker://\(registry.host)/a/app:1"
    #expect(try counts(image.archive.string, first) == [3, 0, 0])
    #expect(try counts(image.archive.string, first) == [0, 3, 0])
    #expect(try counts(first, "docker://\(registry.host)/b/app:1") == [0, 0, 3])
    let layout = try TemporaryDirectory().path.string + "/x"
    try makeDirectories(FilePath(layout).removingLastComponent())
    #expect(try counts(first, "oci:\(layout):app") == [3, 0, 0])
    #expect(try counts(first, "oci:\(layout):other") == [0, 3, 0])
    try Tool.check("rm", ["-rf", FilePath(layout).removingLastComponent().string])
    // By digest, and by digest and tag.
    for name in ["@\(image.digest)", ":1@\(image.digest)"] {
      let back = try TemporaryDirectory()
      succeed(try copy("docker://\(registry.host)/a/app\(name)", "oci:\(back.appending("x")):app"))
    }
    let none = try copy("docker://\(registry.host)/a/none:1", "oci:\(layout):none")
    #expect(none.status == .exited(1))
    #expect(none.errorText.contains("there is no such image"), "\(none.errorText)")
    #expect(none.errorText.split(separator: "\n").count == 1)
  }

  @Test("An index of two platforms keeps its digest; one platform is chosen; layers are compressed anew")
  func indexes() throws {
    let registry = try DockerRegistry()
    let directory = try TemporaryDirectory()
    let tools = try productsDirectory()
    // Two images listed one by one become one index.
    let script = """
      mkdir -p root/etc; echo a >root/etc/f
      '\(tools)/garboard-import' -q root --platform linux/amd64 -o oci:one:a
      echo b >root/etc/f
      '\(tools)/garboard-import' -q root --platform linux/arm64 -o oci:one:b
      """
    try Tool.check("sh", ["-euc", script], in: directory.path)
    let place = "docker://\(registry.host)/multi:1"
    succeed(try copy("--all-platforms", "oci:\(directory.appending("one"))", place))
    let raw = try Tool.check("skopeo", ["inspect", "--raw", "--tls-verify=false", place])
    #expect(raw.text.contains("vnd.oci.image.index.v1+json"))
    for architecture in ["amd64", "arm64"] {
      try Tool.check(
        "skopeo",
        [
          "copy", "--quiet", "--src-tls-verify=false", "--override-arch", architecture, place,
          "oci:\(directory.appending(architecture)):x",
        ])
    }
    let digest = SHA256.digest(raw.output).description
    let back = directory.appending("back")
    succeed(try copy(place, "oci:\(back):all", "oci-archive:\(directory.appending("back.tar")):all"))
    #expect(try SampleImage.digest(ofLayout: back) == digest)
    #expect(try verify(image: "oci:\(back)", running: .nothing).count == 2)
    #expect(try verify(image: "oci-archive:\(directory.appending("back.tar"))", running: .nothing).count == 2)
    let chosen = directory.appending("chosen")
    succeed(try copy("--platform", "linux/arm64", place, "oci:\(chosen):x"))
    let wanted = try SampleImage.digest(ofLayout: directory.appending("arm64"))
    #expect(try SampleImage.digest(ofLayout: chosen) == wanted)
    let zstd = directory.appending("zstd")
    succeed(try copy("--recompress", "zstd", place, "oci:\(zstd):x"))
    let verified = try verify(image: "oci:\(zstd)", running: .nothing)
    #expect(verified.flatMap(\.layers).map(\.mediaType).allSatisfy { $0.hasSuffix("+zstd") })
    #expect(verified.count == 2)
  }

  @Test("--report draws the page of an image that goes to a registry alone, as a report on it there has it")
  func page() throws {
    let registry = try DockerRegistry()
    let image = try SampleImage()
    let directory = try TemporaryDirectory()
    let place = "docker://\(registry.host)/app:1"
    func run(_ tool: String, _ arguments: String...) throws -> [UInt8] {
      let page = directory.appending("page.html").string
      let environment = ["HOME=\(directory.path)", "CONTAINERS_REGISTRIES_CONF=/dev/null"]
      let option = tool == "garboard-report" ? "--html" : "--report"
      succeed(try garboard(tool, ["-q"] + arguments + [option, page], environment: environment))
      return try readBytes(directory.appending("page.html"))
    }
    let made = try run("garboard-squash", "--last", "1", image.archive.string, "-o", place)
    #expect(made == (try run("garboard-report", place)))
    #expect(String(decoding: made, as: UTF8.self).contains("usr/data"))
  }

  @Test("A password is asked for, and found in docker's file, in podman's, and by a helper")
  func passwords() throws {
    let registry = try DockerRegistry(.password(user: "me", password: "s3:cret"))
    let image = try SampleImage()
    let place = "docker://\(registry.host)/app:1"
    let none = try copy(image.archive.string, place)
    #expect(none.status == .exited(1))
    #expect(none.errorText.contains("wants credentials"), "\(none.errorText)")
    let auth = try Tool.check("base64", ["-w0"], input: Array("me:s3:cret".utf8)).text
    let wrong = try Tool.check("base64", ["-w0"], input: Array("me:other".utf8)).text
    let home = try TemporaryDirectory()
    func file(_ auth: String) -> String { #"{"auths":{"\#(registry.host)":{"auth":"\#(auth)"}}}"# }
    try home.write(".docker/config.json", file(wrong))
    let refused = try copy(image.archive.string, place, home: home)
    #expect(refused.errorText.contains("doesn't take the credentials"), "\(refused.errorText)")
    try home.write(".docker/config.json", file(auth))
    succeed(try copy(image.archive.string, place, home: home))
    // What podman login writes is asked first.
    try home.write(".docker/config.json", file(wrong))
    try home.write("containers/auth.json", file(auth))
    succeed(try copy(place, "oci:\(home.appending("one")):x", home: home))
    let other = try TemporaryDirectory()
    try other.write("auth.json", file(auth))
    succeed(
      try copy(
        place, "oci:\(other.appending("two")):x",
        environment: ["REGISTRY_AUTH_FILE=\(other.appending("auth.json"))"]))
    // A helper.
    try other.write(
      "bin/docker-credential-test",
      """
      #!/bin/sh
      read -r server
      [ "$1 $server" = "get \(registry.host)" ] || { echo "credentials not found in native keychain"; exit 1; }
      echo '{"ServerURL":"","Username":"me","Secret":"s3:cret"}'
      """)
    try Tool.check("chmod", ["755", other.appending("bin/docker-credential-test").string])
    try other.write("docker/config.json", #"{"credsStore":"test"}"#)
    succeed(
      try copy(
        place, "oci:\(other.appending("three")):x",
        environment: [
          "DOCKER_CONFIG=\(other.appending("docker"))", "PATH=\(other.appending("bin")):/usr/bin:/bin",
        ]))
    #expect(try SampleImage.digest(ofLayout: other.appending("three")) == image.digest)
  }

  @Test("TLS by an authority that is named, and no way around it")
  func certificates() throws {
    let directory = try TemporaryDirectory()
    let authority = try TestAuthority(in: directory)
    let registry = try DockerRegistry(.tls(authority))
    let image = try SampleImage()
    let place = "docker://\(registry.host)/app:1"
    let untrusted = try copy(image.archive.string, place)
    #expect(untrusted.status == .exited(1))
    #expect(untrusted.errorText.contains("certificate"), "\(untrusted.errorText)")
    succeed(try copy("--cacert", authority.authority.string, image.archive.string, place))
    succeed(try copy("--insecure", registry.host, place, "oci:\(directory.appending("back")):x"))
    #expect(try SampleImage.digest(ofLayout: directory.appending("back")) == image.digest)
  }

  @Test("Every tool takes images from a registry and gives them to one")
  func tools() throws {
    let registry = try DockerRegistry()
    let directory = try TemporaryDirectory()
    let base = "docker://\(registry.host)/tools"
    try directory.write("root/etc/file", "text")
    try directory.write("Dockerfile", "FROM \(registry.host)/tools/import:1\nCOPY root/etc/file /copied\n")
    let commands: [(String, [String])] = [
      ("garboard-import", ["root", "-o", "\(base)/import:1"]),
      ("garboard-scratch", ["-f", "Dockerfile", ".", "--cache", "cache", "-o", "\(base)/scratch:1"]),
      ("garboard-scratch", ["/bin/busybox:/bin/busybox", "-o", "\(base)/file:1"]),
      ("garboard-squash", ["\(base)/scratch:1", "-o", "\(base)/squash:1"]),
      ("garboard-report", ["--budget", "total<1MB", "\(base)/squash:1"]),
    ]
    for (tool, arguments) in commands {
      let result = try garboard(
        tool, arguments, environment: ["HOME=\(directory.path)", "CONTAINERS_REGISTRIES_CONF=/dev/null"],
        in: directory.path)
      #expect(result.status.isSuccess, "\(tool): \(result.errorText)")
    }
    try Tool.check(
      "skopeo",
      [
        "copy", "--quiet", "--src-tls-verify=false", "\(base)/squash:1",
        "oci:\(directory.appending("squash")):x",
      ])
    let tree = try #require(
      try verify(image: "oci:\(directory.appending("squash"))", running: .nothing).first?.tree)
    #expect(tree.lines.map(\.path).contains("copied"))
  }

  @Test("Two pushes of the same at once both succeed")
  func twice() throws {
    let registry = try DockerRegistry()
    let image = try SampleImage(size: 8_000_000)
    let place = "docker://\(registry.host)/app:1"
    let pushes = (0..<2).map { _ in
      Worker {
        let result = try copy(image.archive.string, place)
        #expect(result.status.isSuccess, "\(result.errorText)")
      }
    }
    for push in pushes { try push.join() }
    let back = try TemporaryDirectory()
    succeed(try copy(place, "oci:\(back.appending("x")):x"))
    #expect(try SampleImage.digest(ofLayout: back.appending("x")) == image.digest)
    #expect(try ImageSource(.layout(back.appending("x"), name: nil)).select().validate().isEmpty)
  }

  @Test("A push and a pull go on when the server is killed in the middle and started again")
  func killed() throws {
    let registry = try DockerRegistry()
    let image = try SampleImage(size: 24_000_000)
    var settings = RegistrySettings()
    settings.chunkSize = 1 << 20
    settings.configurationFiles = []
    settings.credentialFiles = []
    let remote = Registries(settings)
    let reference = try Reference("\(registry.host)/killed:1")
    /// Kills the server once, when so many bytes were moved.
    final class Axe: Sendable {
      let moved = Mutex<(bytes: Int, isUsed: Bool)>((0, false))
      let registry: DockerRegistry
      init(_ registry: DockerRegistry) { self.registry = registry }
      func add(_ count: Int) {
        let isTime = moved.withLock { state in
          state.bytes += count
          if state.isUsed || state.bytes < 9_500_000 { return false }
          state.isUsed = true
          return true
        }
        if !isTime { return }
        registry.stop()
        do { try registry.start() } catch { Issue.record(error) }
      }
      var wasUsed: Bool { moved.withLock { $0.isUsed } }
    }
    let push = Axe(registry)
    let plan = try ImageSource(.layout(image.layout, name: "app")).copyPlan()
    let writer = try ImageWriter(destinations: [.registry(reference)], remote: remote)
    _ = try ImageCopier(to: writer, jobs: 2) { push.add($0) }.copy(plan, tags: [])
    #expect(push.wasUsed)
    let pull = Axe(registry)
    let back = try TemporaryDirectory()
    let source = try ImageSource(.registry(reference), remote: remote)
    let layout = ImageLocation.layout(back.appending("x"), name: "x")
    let copier = ImageCopier(to: try ImageWriter(destinations: [layout]), jobs: 2) { pull.add($0) }
    _ = try copier.copy(try source.copyPlan(), tags: [])
    #expect(pull.wasUsed)
    #expect(try SampleImage.digest(ofLayout: back.appending("x")) == image.digest)
    #expect(try ImageSource(layout).select().validate().isEmpty)
  }
}
