import Digest
import OCI
import Testing

@Suite struct DocumentTests {
  static let digest = "sha256:" + String(repeating: "0", count: 64)
  static let descriptor =
    #"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\#(digest)","size":2}"#
  static let layer =
    #"{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"\#(digest)","size":3}"#

  static func manifest(_ text: String) throws -> Document<Manifest> {
    try Document(parsing: Array(text.utf8))
  }
  static func index(_ text: String) throws -> Document<ImageIndex> { try Document(parsing: Array(text.utf8)) }
  static func config(_ text: String) throws -> Document<ImageConfig> {
    try Document(parsing: Array(text.utf8))
  }

  static func text(_ value: JSONValue) -> String {
    String(decoding: JSONWriter.bytes(of: value), as: UTF8.self)
  }

  @Test func keepsBytesAndUnknownFields() throws {
    let text = """
      { "schemaVersion": 2, "x-new": [1.0, {"b": null}],
        "config": \(Self.descriptor), "layers": [ \(Self.layer) ],
        "annotations": {"b": "2", "a": "1"} }
      """
    let document = try Self.manifest(text)
    #expect(document.bytes == Array(text.utf8))
    #expect(document.digest == SHA256.digest(Array(text.utf8)))
    var manifest = document.content
    #expect(manifest.isImage)
    #expect(manifest.layers.first?.size == 3)
    manifest.annotations["c"] = "3"
    #expect(
      Self.text(manifest.json) == #"{"annotations":{"a":"1","b":"2","c":"3"},"config":"#
        + #"{"digest":"\#(Self.digest)","mediaType":"application/vnd.oci.image.config.v1+json","size":2},"layers":["#
        + #"{"digest":"\#(Self.digest)","mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":3}],"#
        + #""mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2,"x-new":[1.0,{"b":null}]}"#
    )
    #expect(try Document<Manifest>(parsing: Document(manifest).bytes).content == manifest)
  }

  static let badManifests: [(String, String)] = [
    ("[]", "the manifest is an array, not an object"),
    ("{}", "the manifest's schemaVersion is missing"),
    (#"{"schemaVersion":1,"fsLayers":[]}"#, "the manifest's schemaVersion is 1; only 2 is supported"),
    (#"{"schemaVersion":"2"}"#, "the manifest's schemaVersion is a string that is no 64-bit integer"),
    (#"{"schemaVersion":2.0}"#, "the manifest's schemaVersion is a number that is no 64-bit integer"),
    (#"{"schemaVersion":2}"#, "the manifest's config is missing"),
    (#"{"schemaVersion":2,"config":\#(descriptor)}"#, "the manifest's layers is missing"),
    (
      #"{"schemaVersion":2,"config":\#(descriptor),"layers":[],"manifests":[]}"#,
      "the manifest's manifests is there: the document claims to be something else as well"
    ),
    (
      #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","config":\#(descriptor),"layers":[]}"#,
      "the manifest's mediaType is \"application/vnd.oci.image.index.v1+json\", which is no image manifest"
    ),
    (
      #"{"schemaVersion":2,"config":\#(descriptor),"layers":[],"Layers":[]}"#,
      "the manifest's Layers is spelled in other letters than the specification has it"
    ),
    (
      #"{"schemaVersion":2,"config":\#(descriptor),"layers":[],"layerſ":[]}"#,
      "the manifest's layerſ is spelled in other letters than the specification has it"
    ),
    (
      #"{"schemaVersion":2,"config":\#(descriptor),"layers":[{"mediaType":"a","digest":"sha256:../../etc/passwd","size":1}]}"#,
      "the manifest's layers[0].digest is refused: \"sha256:../../etc/passwd\" is not a digest (sha256: and 64 lower-case hex digits)"
    ),
    (
      #"{"schemaVersion":2,"config":\#(descriptor),"layers":[{"mediaType":"a","digest":"\#(digest)","size":-1}]}"#,
      "the manifest's layers[0].size is negative"
    ),
    (
      #"{"schemaVersion":2,"config":\#(descriptor),"layers":[{"mediaType":"a","digest":"\#(digest)","size":1e3}]}"#,
      "the manifest's layers[0].size is a number that is no 64-bit integer"
    ),
    (
      #"{"schemaVersion":2,"config":\#(descriptor),"layers":[{"mediaType":"a","digest":"\#(digest)"}]}"#,
      "the manifest's layers[0].size is missing"
    ),
    (
      #"{"schemaVersion":2,"schemaVersion":2}"#,
      "the manifest is not valid JSON: line 1, column 20 (byte 19): the name \"schemaVersion\" is there twice"
    ),
    (
      #"{"schemaVersion":2,"config":\#(descriptor),"layers":[],"annotations":{"a":1}}"#,
      "the manifest's annotations has a number for \"a\", not a string"
    ),
  ]

  @Test(arguments: badManifests)
  func refusesManifests(_ text: String, _ message: String) {
    let error = #expect(throws: DocumentError.self) { try Self.manifest(text) }
    #expect(error.map { "\($0)" } == message)
  }

  @Test(arguments: [
    #"{"schemaVersion":2,"manifests":[],"layers":[]}"#, #"{"schemaVersion":2,"manifests":[],"config":{}}"#,
    #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}"#,
    #"{"schemaVersion":2}"#, #"{"schemaVersion":2,"manifests":{}}"#, #"{"schemaVersion":2,"manifests":[1]}"#,
    #"{"schemaVersion":2,"manifests":[{"mediaType":"a","digest":"\#(digest)","size":1,"platform":{"os":"linux"}}]}"#,
  ])
  func refusesIndexes(_ text: String) {
    #expect(throws: DocumentError.self) { try Self.index(text) }
  }

  @Test func announcedTypeMustAgree() throws {
    let text =
      #"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":\#(Self.descriptor),"layers":[]}"#
    let bytes = Array(text.utf8)
    _ = try Document<Manifest>(parsing: bytes, as: .dockerManifest)
    #expect(throws: DocumentError.self) { try Document<Manifest>(parsing: bytes, as: .manifest) }
  }

  @Test func indexKeepsPlatforms() throws {
    let text =
      #"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"\#(Self.digest)","size":7,"platform":{"os":"linux","architecture":"arm64","variant":"v8","os.version":"1","x":1},"data":"e30="}]}"#
    let index = try Self.index(text).content
    #expect(index.manifests.first?.platform?.variant == "v8")
    #expect(try JSONValue(parsing: Array(text.utf8)).object?["manifests"] == index.json.object?["manifests"])
  }

  @Test func configRoundTrip() throws {
    let text = """
      {"architecture":"amd64","author":"me","config":{"ArgsEscaped":true,"Cmd":[],"Domainname":"","Entrypoint":["/x"],\
      "Env":["A=b"],"ExposedPorts":{"80/tcp":{}},"Healthcheck":{"Interval":5000000000,"Retries":3,"Test":["CMD","x"]},\
      "Labels":{"l":"v"},"OnBuild":["RUN x"],"Shell":["/bin/bash","-c"],"StopSignal":"SIGINT","User":"u:g",\
      "Volumes":{"/v":{}},"WorkingDir":"/w"},"container":"abc","created":"2020-01-02T03:04:05.120Z",\
      "docker_version":"1","history":[{"comment":"c","created":"0001-01-01T00:00:00Z","created_by":"b"},\
      {"author":"a","empty_layer":true}],"os":"linux","rootfs":{"diff_ids":["\(Self.digest)"],"type":"layers"},\
      "variant":"v2"}
      """
    let config = try Self.config(text).content
    #expect(config.runtime.healthcheck?.interval == 5_000_000_000)
    #expect(config.runtime.command == [])
    #expect(config.platform.variant == "v2")
    #expect(config.history.map(\.emptyLayer) == [false, true])
    #expect(Self.text(config.json) == text)
  }

  @Test func configNulls() throws {
    let config = try Self.config(
      #"{"architecture":"amd64","os":"linux","config":{"Cmd":null,"Env":null,"Labels":null,"Volumes":null,"User":""},"rootfs":{"type":"layers","diff_ids":null},"history":null}"#
    ).content
    #expect(
      Self.text(config.json)
        == #"{"architecture":"amd64","config":{},"os":"linux","rootfs":{"diff_ids":[],"type":"layers"}}"#)
  }

  @Test(arguments: [
    "{}", #"{"architecture":"amd64","os":"linux"}"#,
    #"{"architecture":"amd64","os":"linux","rootfs":{"type":"x","diff_ids":[]}}"#,
    #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:x"]}}"#,
    #"{"architecture":"amd64","os":"linux","created":"yesterday","rootfs":{"type":"layers","diff_ids":[]}}"#,
    #"{"architecture":"amd64","os":"linux","config":{"Env":[1]},"rootfs":{"type":"layers","diff_ids":[]}}"#,
    #"{"architecture":"amd64","os":"linux","config":{"Cmd":"x"},"rootfs":{"type":"layers","diff_ids":[]}}"#,
    #"{"architecture":"amd64","os":"linux","Config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#,
  ])
  func refusesConfigs(_ text: String) {
    #expect(throws: DocumentError.self) { try Self.config(text) }
  }

  @Test func mediaTypes() {
    #expect(MediaType.layerZstd.compression == .zstd)
    #expect(MediaType.dockerLayerGzip.kind == .layer(.gzip, isDistributable: true))
    #expect(MediaType.dockerForeignLayerGzip.kind == .layer(.gzip, isDistributable: false))
    #expect(
      MediaType(rawValue: "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd").kind
        == .layer(.zstd, isDistributable: false))
    #expect(MediaType(rawValue: "application/json").kind == .other)
    #expect(MediaType.layer(.gzip) == .layerGzip)
  }
}
