import Digest
import Image
import OCI
import Posix
import Registry
import SystemPackage
import TestSupport
import Testing

/// What is about an image and lies beside it: bills of materials.
@Suite("Registries: referrers")
struct ReferrerTests {
  private func succeed(_ result: Tool.Result) { #expect(result.status.isSuccess, "\(result.errorText)") }

  /// A tree with one Debian package, made an image in a registry, with its bill of materials.
  private func push(_ place: String, in folder: TemporaryDirectory) throws {
    try folder.write(
      "root/var/lib/dpkg/status",
      "Package: x\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nMaintainer: m\n\n")
    let result = try garboard(
      "garboard-import", ["-q", "root", "-o", place, "-o", "oci:layout:x", "--sbom", "sbom.json"],
      environment: ["HOME=\(folder.path)", "CONTAINERS_REGISTRIES_CONF=/dev/null"], in: folder.path)
    succeed(result)
  }

  private func raw(_ place: String) throws -> [UInt8] {
    try Tool.check("skopeo", ["inspect", "--raw", "--tls-verify=false", place]).output
  }

  /// What the schemas of the image specification say of a document, and facts of it.
  private func facts(_ json: [UInt8], schema: String, _ expression: String) throws -> String {
    let script = """
      import json, jsonschema, os, sys
      folder = "/usr/share/gocode/src/github.com/opencontainers/image-spec/schema/"
      def plain(part):
          if isinstance(part, list): return [plain(p) for p in part]
          if isinstance(part, dict):
              return {k: plain(v) for k, v in part.items() if k != "id" or not isinstance(v, str)}
          return part
      store = {"file:///schemas/" + n: plain(json.load(open(folder + n)))
          for n in os.listdir(folder) if n.endswith(".json")}
      uri = "file:///schemas/" + sys.argv[1]
      d = json.load(sys.stdin)
      jsonschema.Draft4Validator(store[uri],
          resolver=jsonschema.RefResolver(uri, store[uri], store=store)).validate(d)
      print(\(expression))
      """
    return try Tool.python(script, [schema], input: json).text
  }

  @Test("A registry without the list gets an index under a tag, as the specification has it; others read it")
  func fallback() throws {
    let registry = try DockerRegistry()
    let folder = try TemporaryDirectory()
    let repository = "docker://\(registry.host)/a/app"
    try push(repository + ":1", in: folder)
    let image = try SampleImage.digest(ofLayout: folder.appending("layout"))
    let tag = "sha256-" + image.dropFirst(7)
    let index = try raw("\(repository):\(tag)")
    #expect(
      try facts(
        index, schema: "image-index-schema.json",
        "[(m['mediaType'], m['artifactType']) for m in d['manifests']], d['mediaType']")
        == "[('application/vnd.oci.image.manifest.v1+json', 'application/spdx+json')] "
        + "application/vnd.oci.image.index.v1+json\n")
    let digest = try facts(index, schema: "image-index-schema.json", "d['manifests'][0]['digest']")
      .prefix { $0 != "\n" }
    let manifest = try raw("\(repository)@\(digest)")
    #expect(SHA256.digest(manifest).description == digest)
    let bill = try readBytes(folder.appending("sbom.json"))
    #expect(
      try facts(
        manifest, schema: "image-manifest-schema.json",
        "d['artifactType'], d['subject']['digest'], d['subject']['mediaType'], d['config']['mediaType'], "
          + "d['layers'][0]['digest'], d['layers'][0]['mediaType']")
        == "application/spdx+json \(image) application/vnd.oci.image.manifest.v1+json "
        + "application/vnd.oci.empty.v1+json \(SHA256.digest(bill)) application/spdx+json\n")
    // The same once more changes nothing.
    try push(repository + ":1", in: folder)
    #expect(try raw("\(repository):\(tag)") == index)
    // Skopeo copies the artifact as it is, blobs and all.
    try Tool.check(
      "skopeo",
      [
        "copy", "--quiet", "--src-tls-verify=false", "\(repository)@\(digest)",
        "oci:\(folder.appending("artifact")):x",
      ])
    #expect(try SampleImage.digest(ofLayout: folder.appending("artifact")) == digest)
    #expect(
      try readBytes(folder.appending("artifact/blobs/sha256/\(SHA256.digest(bill).hex)")) == bill)
  }

  @Test("garboard-copy --referrers: from a registry, through a layout and an archive, to another registry")
  func copies() throws {
    let registry = try DockerRegistry()
    let other = try DockerRegistry()
    let folder = try TemporaryDirectory()
    try push("docker://\(registry.host)/a/app:1", in: folder)
    let image = try SampleImage.digest(ofLayout: folder.appending("layout"))
    let tag = "sha256-" + image.dropFirst(7)
    let index = try raw("docker://\(registry.host)/a/app:\(tag)")
    let (layout, archive) = (folder.appending("back"), folder.appending("back.oci.tar"))
    succeed(
      try copy(
        "--referrers", "docker://\(registry.host)/a/app:1", "oci:\(layout):x", "oci-archive:\(archive):x"))
    // umoci sees one image, and leaves the artifact where it is.
    #expect(try Tool.check("umoci", ["ls", "--layout", layout.string]).text == "x\n")
    try Tool.check("umoci", ["gc", "--layout", layout.string])
    for place in ["oci:\(layout):x", "oci-archive:\(archive):x"] {
      #expect(
        try Tool.check("skopeo", ["inspect", "--format", "{{.Digest}}", place]).text == image + "\n")
    }
    for (name, place) in [("b", "oci:\(layout)"), ("c", "oci:\(layout):x"), ("d", "oci-archive:\(archive)")] {
      succeed(try copy("--referrers", place, "docker://\(other.host)/\(name)/app:1"))
      #expect(try raw("docker://\(other.host)/\(name)/app:\(tag)") == index)
    }
    // Another image of that name in the layout, without a bill: what was there stays.
    succeed(try copy("docker://\(registry.host)/a/app:1", "oci:\(layout):y"))
    succeed(try copy("--referrers", "oci:\(layout):y", "docker://\(other.host)/e/app:1"))
    #expect(try raw("docker://\(other.host)/e/app:\(tag)") == index)
    // Without being asked for, nothing but the image moves.
    succeed(try copy("oci:\(layout):x", "docker://\(other.host)/f/app:1"))
    let none = try Tool.run(
      "skopeo", ["inspect", "--raw", "--tls-verify=false", "docker://\(other.host)/f/app:\(tag)"])
    #expect(!none.status.isSuccess)
    #expect(
      try copy("--referrers", "--recompress", "zstd", "oci:\(layout):x", "oci:\(layout):z").status
        == .exited(64))
  }

  @Test("A registry that keeps the list itself is believed, gets no tag, and is read page by page")
  func interface() throws {
    let registry = try ScriptedRegistry()
    let folder = try TemporaryDirectory()
    let place = "docker://\(registry.host)/refs/app:1"
    try push(place, in: folder)
    let image = try SampleImage.digest(ofLayout: folder.appending("layout"))
    var settings = RegistrySettings()
    settings.configurationFiles = []
    settings.credentialFiles = []
    let second = try Registries(settings).attach(
      AttachedArtifact(Array("second".utf8), mediaType: "text/plain", name: "note.txt"),
      to: Reference("\(registry.host)/refs/app:1"), about: [Digest(image)])
    #expect(try !registry.seen().contains { $0.path.contains("sha256-") })
    let back = folder.appending("back")
    succeed(try copy("--referrers", place, "oci:\(back):x"))
    #expect(try registry.seen().contains { $0.path.contains("referrers") && $0.path.contains("page=1") })
    let told = try Tool.python(
      "import json,sys; d=json.load(open(sys.argv[1])); "
        + "print([(m.get('artifactType'), m['digest'] == sys.argv[2]) for m in d['manifests']])",
      [back.appending("index.json").string, "\(second.digest)"])
    #expect(
      told.text == "[(None, False), ('application/spdx+json', False), ('text/plain', True)]\n")
    // An image that is not what was attached to is not touched.
    #expect(throws: RegistryError.self) {
      _ = try Registries(settings).attach(
        AttachedArtifact([1], mediaType: "text/plain", name: "x"),
        to: Reference("\(registry.host)/refs/app:1"), about: [SHA256.digest([1]), SHA256.digest([2])])
    }
  }
}
