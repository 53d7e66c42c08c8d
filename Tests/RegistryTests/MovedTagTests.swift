import OCI
import Posix
import SystemPackage
import TestSupport
import Testing

/// Images of a registry that Dockerfiles and recipes name by tags, which are moved.
@Suite("Builds on tags that are moved (root)")
struct MovedTagTests {
  let registry: DockerRegistry
  let folder: TemporaryDirectory

  init() throws {
    registry = try DockerRegistry()
    folder = try TemporaryDirectory()
  }

  /// Gives the tag to an image with one file.
  @discardableResult
  private func push(_ text: String, _ name: String = "base:1", onBuild: String? = nil) throws -> String {
    try folder.write("content/file", text)
    // One image for one text.
    try Tool.check("touch", ["-d", "@1", "content/file", "content"], in: folder.path)
    let change = onBuild.map { ["--change", "ONBUILD \($0)"] } ?? []
    try Tool.check(
      builtProgram("garboard-import").string,
      ["-q", "content", "--insecure", registry.host, "-o", "docker://\(registry.host)/\(name)"] + change,
      in: folder.path)
    return try Tool.check(
      "skopeo",
      ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", "docker://\(registry.host)/\(name)"]
    ).text.split(separator: "\n").joined()
  }

  private func build(_ arguments: String...) throws -> (result: Tool.Result, stages: [JSONObject]) {
    let result = try garboard(
      "garboard-build",
      ["--json", "-q", "--cache", "cache", "--insecure", registry.host] + arguments,
      environment: ["CONTAINERS_REGISTRIES_CONF=/dev/null", "HOME=\(folder.path)"], in: folder.path)
    let images = (try? JSONValue(parsing: result.output))?.object?["images"]?.array ?? []
    return (result, images.flatMap { $0.object?["stages"]?.array ?? [] }.compactMap(\.object))
  }

  private func status(_ run: (result: Tool.Result, stages: [JSONObject])) -> [String] {
    run.stages.map { $0["status"]?.string ?? "" }
  }

  private func reasons(_ run: (result: Tool.Result, stages: [JSONObject])) -> [String] {
    run.stages.flatMap { $0["reasons"]?.array ?? [] }.compactMap(\.string)
  }

  private func file(_ path: String) throws -> String? {
    let image = try verify(
      image: "oci-archive:\(folder.appending("output/app.oci.tar"))", running: .nothing)
    return image[0].tree.lines.first { $0.path == path }.map { "\($0)" }
  }

  @Test(
    "A moved tag is noticed, wherever the Dockerfile names it",
    arguments: [
      "FROM HOST/base:1\nCOPY one /", "FROM scratch\nCOPY --from=HOST/base:1 file /",
      "ARG tag=1\nFROM HOST/base:$tag AS lower\nFROM scratch\nCOPY --from=lower file /",
    ])
  func moved(_ dockerfile: String) throws {
    try folder.write("recipes/app/one", "1\n")
    try folder.write("recipes/app/Dockerfile", dockerfile.replacing("HOST", with: registry.host) + "\n")
    try folder.write("recipes/app.yaml", "name: app\nsource: {dockerfile: {context: app}}\n")
    let never = try build("app", "--offline")
    #expect(!never.result.status.isSuccess)
    #expect(
      never.result.errorText.contains("\(registry.host)/base:1 was never asked for"),
      "\(never.result.errorText)")
    let one = try push("one")
    let first = try build("app")
    #expect(status(first) == ["built"], "\(first.result.errorText)")
    let before = try #require(try file("file"))
    #expect(status(try build("app")) == ["cached"])
    // The same image again is no change.
    try push("one")
    #expect(status(try build("app")) == ["cached"])

    let two = try push("two")
    #expect(status(try build("app", "--offline")) == ["cached"])
    #expect(status(try build("app", "--dry-run")) == ["would-build"])
    let second = try build("app")
    #expect(status(second) == ["built"])
    #expect(
      reasons(second) == [
        "\(registry.host)/base:1 is now \(two.prefix(19))…, was \(one.prefix(19))…"
      ])
    #expect(try file("file") != before)
    // What was built before is found again.
    try push("one")
    #expect(status(try build("app")) == ["cached"])
    #expect(try file("file") == before)
  }

  @Test("An image that is taken as it is, and the root that programs come from")
  func sources() throws {
    try Tool.check("mkdir", [folder.appending("content").string])
    try Tool.check("cp", ["/bin/busybox", folder.appending("content").string])
    try push("one")
    try folder.write("recipes/app.yaml", "name: app\nsource: {image: \"docker://\(registry.host)/base:1\"}\n")
    try folder.write(
      "recipes/root.yaml",
      """
      name: root
      source: {scratch: {root: {image: "docker://\(registry.host)/base:1"}, files: [/busybox], add: ["/file:/file"]}}

      """)
    let first = try build("--all")
    #expect(status(first) == ["built", "built"], "\(first.result.errorText)")
    #expect(status(try build("--all")) == ["cached", "cached"])
    try push("two")
    let second = try build("--all")
    #expect(status(second) == ["built", "built"])
    #expect(reasons(second).allSatisfy { $0.contains("\(registry.host)/base:1 is now sha256:") })
  }

  @Test("Triggers of an image may name others; a digest is not asked for")
  func triggers() throws {
    try push("one", "other:1")
    let base = try push("base", "base:1", onBuild: "COPY --from=\(registry.host)/other:1 file /triggered")
    try folder.write("recipes/app/Dockerfile", "FROM \(registry.host)/base@\(base)\n")
    try folder.write("recipes/app.yaml", "name: app\nsource: {dockerfile: {context: app}}\n")
    let first = try build("app")
    #expect(status(first) == ["built"], "\(first.result.errorText)")
    #expect(try file("triggered") != nil)
    #expect(status(try build("app")) == ["cached"])
    try push("two", "other:1")
    #expect(status(try build("app")) == ["built"])
    registry.stop()
    #expect(status(try build("app", "--offline")) == ["cached"])
    let gone = try build("app")
    #expect(gone.result.errorText.contains("app, dockerfile: "), "\(gone.result.errorText)")
    #expect(!gone.result.status.isSuccess)
  }
}
