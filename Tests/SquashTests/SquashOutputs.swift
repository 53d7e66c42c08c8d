import OCI
import Posix
import SystemPackage
import TestSupport
import Testing

/// Where squashed images come from and go, and what is said of them.
@Suite("garboard-squash: places and documents (needs root)")
struct SquashOutputs {
  /// A layout `two` with an index of two platforms, `one` with a single image, `base` with its two lower layers,
  /// and `other` with the same tree in other layers.
  private static let images = Result { () throws -> TemporaryDirectory in
    let folder = try TemporaryDirectory()
    try TreeBuilder.shell(
      """
      pack() { touch -d @1000000000 .; tar -cf "$1" .; }
      mkdir t; cd t; mkdir d; echo a >d/a; ln d/a d/b; seq 9999 >n; pack ../0.tar
      rm -r d n; echo c >c; tar -cf ../1.tar c; : >.wh.n; tar -cf ../2.tar .wh.n; rm .wh.n
      mkdir all; cd all; tar -xf ../../0.tar; tar -xf ../../1.tar; rm n; pack ../../whole.tar
      rm c; pack ../../part.tar
      """, in: folder.path)
    let script = #"""

      os.chdir(sys.argv[1])
      history = [{"created_by": "zero", "created": "2001-01-01T00:00:00Z"}, {"created_by": "one"},
                 {"created_by": "nothing", "empty_layer": True}, {"created_by": "two"}]
      config = {"created": "2001-02-03T04:05:06Z", "author": "somebody", "history": history,
                "config": {"Env": ["A=b"], "Labels": {"l": "v"}, "Cmd": ["x"], "User": "5", "x-unknown": [1]}}
      note = {"annotations": {"org.example.kept": "yes"}}
      name = {"annotations": {"org.opencontainers.image.ref.name": "1"}}
      pack("one", ["0.tar", "1.tar", "2.tar"], config=config, manifest=note, index=name)
      pack("base", ["0.tar", "1.tar"])
      pack("other", ["part.tar", "1.tar"])
      pack("whole", ["whole.tar"], kinds=("+zstd",))
      pack("arm", ["0.tar", "1.tar"], config={"architecture": "arm64"})
      os.makedirs("two/blobs/sha256")
      manifests = []
      for source, platform in ("one", "amd64"), ("arm", "arm64"):
          for file in os.listdir(source + "/blobs/sha256"): shutil.copy(source + "/blobs/sha256/" + file, "two/blobs/sha256")
          with open(source + "/index.json") as f: descriptor = json.load(f)["manifests"][0]
          descriptor.pop("annotations", None)
          manifests.append({**descriptor, "platform": {"os": "linux", "architecture": platform}})
      index = json.dumps({"schemaVersion": 2, "mediaType": MEDIA + "index.v1+json", "manifests": manifests}).encode()
      with open("two/index.json", "w") as f:
          json.dump({"schemaVersion": 2, "manifests": [{"mediaType": MEDIA + "index.v1+json", **add_blob("two", index), **name}]}, f)
      with open("two/oci-layout", "w") as f: f.write('{"imageLayoutVersion":"1.0.0"}')
      """#
    try Tool.python(layerTruthScript + imageLayoutScript + script, [folder.path.string])
    return folder
  }

  /// A folder of its own with the images.
  private func folder() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try Tool.check("cp", ["-a", try Self.images.get().path.appending(".").string, folder.path.string])
    return folder
  }

  private func squash(
    _ arguments: String..., input: [UInt8] = [], in folder: TemporaryDirectory
  ) throws -> Tool.Result {
    let result = try garboard(
      "garboard-squash", ["-q"] + arguments, input: input, in: folder.path)
    #expect(result.status.isSuccess, "\(arguments): \(result.errorText)")
    return result
  }

  /// The one layer of the squashed image, by its diff ID.
  private func layer(_ source: String, in folder: TemporaryDirectory) throws -> String {
    let images = try verify(image: source, running: .nothing)
    let image = try #require(images.first)
    #expect(images.count == 1 && image.layers.count == 1)
    return image.layers[0].diffID
  }

  @Test("Every store in and out, and both streams")
  func stores() throws {
    let folder = try folder()
    _ = try squash(
      "one", "-o", "oci:a:1", "-o", "oci-archive:a.oci.tar:1", "-o", "docker-archive:a.docker.tar:n:1",
      "-o", "tar:a.tar", "-o", "rootfs:root", in: folder)
    let path = folder.path
    let right = try layer("oci:\(path)/a", in: folder)
    #expect(try layer("oci-archive:\(path)/a.oci.tar", in: folder) == right)
    #expect(try layer("docker-archive:\(path)/a.docker.tar", in: folder) == right)
    #expect("sha256:" + (try Tool.check("sha256sum", ["\(path)/a.tar"]).text.prefix(64)) == right)
    let tree = try TreeListing.ofExtracted(folder.appending("a.tar"))
    #expect(tree.differences(try TreeListing.of(folder.appending("root"))) == [])
    #expect(tree.lines.map(\.path) == [".", "c", "d", "d/a", "d/b"])
    // Each of them in again.
    for source in ["oci:a:1", "a.oci.tar", "docker-archive:a.docker.tar"] {
      _ = try squash(source, "-o", "again.oci.tar", in: folder)
      #expect(try layer("oci-archive:\(path)/again.oci.tar", in: folder) == right, "\(source)")
    }
    let archive = try readBytes(folder.appending("a.oci.tar"))
    let streamed = try squash("-", "-", input: archive, in: folder)
    try folder.write("streamed.tar", streamed.output)
    #expect(try layer("docker-archive:\(path)/streamed.tar", in: folder) == right)
  }

  @Test("The same tree is the same layer, whatever its layers, jobs, user, umask, time zone and locale")
  func sameness() throws {
    let folder = try folder()
    try TreeBuilder.shell("chmod -R a+rX .; chmod 711 .; mkdir -m 777 to", in: folder.path)
    let tool = try builtProgram("garboard-squash").string
    var digests: Set<String> = []
    for source in ["one", "other", "whole"] {
      for how in [
        "", "--jobs 1", "--jobs 3 --spool-memory 1k", "umask 077;", "umask 0; TZ=Asia/Kolkata",
        "LC_ALL=tr_TR.UTF-8",
      ] {
        let (before, options) = how.hasPrefix("-") ? ("", how) : (how, "")
        let text = try Tool.check(
          "sh",
          ["-euc", "\(before) \(tool) -q --json \(options) \(source) -o to/x.oci.tar; rm to/x.oci.tar"],
          in: folder.path
        ).text
        digests.insert(try Self.value("['images'][0]['layers'][0]['digest']", of: text))
      }
    }
    #expect(digests.count == 1)
    // Another user, who may go to none of the folders above.
    let foreign = try Tool.check(
      "setpriv",
      [
        "--reuid=65534", "--regid=65534", "--clear-groups", tool, "-q", "--json", "one", "-o", "to/x.oci.tar",
      ],
      in: folder.path
    ).text
    digests.insert(try Self.value("['images'][0]['layers'][0]['digest']", of: foreign))
    #expect(digests.count == 1)
  }

  private static func value(_ path: String, of json: String) throws -> String {
    let script = "import json, sys; print(json.dumps(json.load(sys.stdin)\(path), sort_keys=True), end='')"
    return try Tool.python(script, [], input: Array(json.utf8)).text
  }

  @Test("Configuration, labels and annotations stay; history says what was squashed")
  func documents() throws {
    let folder = try folder()
    let json = try squash("--json", "one", "-o", "oci:a:1", "--annotation", "k=v", "-m", "why", in: folder)
      .text
    let image = try #require(try verify(image: "oci:\(folder.path)/a", running: .nothing).first)
    let config = image.configuration
    #expect(image.reference == "1")
    #expect(
      try Self.value("['config']", of: config)
        == #"{"Cmd": ["x"], "Env": ["A=b"], "Labels": {"l": "v"}, "User": "5", "x-unknown": [1]}"#)
    #expect(try Self.value("['created']", of: config) == "\"2001-02-03T04:05:06Z\"")
    #expect(try Self.value("['author']", of: config) == "\"somebody\"")
    let words = try Self.value("['history']", of: config)
    #expect(words.contains(#""comment": "why""#) && words.contains("garboard-squash "), "\(words)")
    #expect(!words.contains("\"zero\""))
    let manifest = try readBytes(folder.appending("a/blobs/sha256/\(image.digest.dropFirst(7))"))
    #expect(
      try Self.value("['annotations']", of: String(decoding: manifest, as: UTF8.self))
        == #"{"k": "v", "org.example.kept": "yes"}"#)
    // The JSON document.
    #expect(try Self.value("['images'][0]['digest']", of: json) == "\"\(image.digest)\"")
    let layers = try Self.value("['images'][0]['layers'][0]", of: json)
    for key in ["digest", "diffID", "mediaType", "size", "uncompressedSize", "entries", "createdBy"] {
      #expect(layers.contains("\"\(key)\": "), "\(layers)")
    }
    #expect(try Self.value("['images'][0]['before'].__len__()", of: json) == "3")

    _ = try squash("--keep-history", "one", "-o", "oci:b:1", "--created", "1000000000", in: folder)
    let kept = try #require(try verify(image: "oci:\(folder.path)/b", running: .nothing).first)
    let history = try Self.value("['history']", of: kept.configuration)
    for word in ["zero", "one", "nothing", "two", "garboard-squash"] { #expect(history.contains(word)) }
    #expect(try Self.value("['created']", of: kept.configuration) == "\"2001-09-09T01:46:40Z\"")
    #expect(kept.layers == image.layers)
  }

  @Test("Each platform of an index is squashed, and the index stays one")
  func platforms() throws {
    let folder = try folder()
    _ = try squash("two", "-o", "oci:a:1", in: folder)
    let images = try verify(image: "oci:\(folder.path)/a", running: .nothing)
    #expect(images.map(\.platform) == ["linux/amd64", "linux/arm64"])
    #expect(images.map(\.layers.count) == [1, 1])
    #expect(images[1].tree.lines.map(\.path) == [".", "c", "d", "d/a", "d/b", "n"])
    _ = try squash("two", "--platform", "linux/arm64", "-o", "arm.oci.tar", in: folder)
    let one = try verify(image: "oci-archive:\(folder.path)/arm.oci.tar", running: .nothing)
    #expect(one.map(\.layers) == [images[1].layers])
    let refused = try garboard("garboard-squash", "two", "-o", "tar:x.tar", in: folder.path)
    #expect(refused.status == .exited(64), "\(refused.errorText)")
  }

  @Test("In place: the name leads to the new image, and what else the layout holds stays")
  func inPlace() throws {
    let folder = try folder()
    try Tool.check(
      "skopeo", ["copy", "--quiet", "oci:\(folder.path)/arm", "oci:\(folder.path)/one:other"])
    _ = try squash("--in-place", "oci:one:1", in: folder)
    let images = try verify(image: "oci:\(folder.path)/one", running: .nothing)
    #expect(images.map(\.reference).sorted { $0 ?? "" < $1 ?? "" } == ["1", "other"])
    #expect(images.first { $0.reference == "1" }?.layers.count == 1)
    #expect(images.first { $0.reference == "other" }?.layers.count == 2)
  }

  static let wrong: [[String]] = [
    [], ["one"], ["one", "a", "--last", "0"], ["one", "a", "--last", "1", "--from", "2"],
    ["one", "a", "--in-place"], ["one", "a", "--onto", "base", "--max-layers", "2"],
    ["one", "-o", "tar:x.tar", "--last", "1"], ["one", "a", "--max-layers", "-1"],
    ["one", "-", "--json"], ["one", "a", "--compression", "lzma"], ["one", "a", "--unknown"],
    ["one", "a", "--created", "yesterday"], ["one", "a", "--clamp-mtime"],
  ]

  @Test("Wrong usage exits 64 and makes nothing", arguments: wrong)
  func usage(_ arguments: [String]) throws {
    let folder = try folder()
    let before = try Tool.check("find", [], in: folder.path).text
    let result = try garboard("garboard-squash", arguments, in: folder.path)
    #expect(result.status == .exited(64), "\(result.status) \(result.errorText)")
    #expect(result.output.isEmpty && !result.errorText.isEmpty)
    #expect(try Tool.check("find", [], in: folder.path).text == before)
  }

  @Test("What does not fit the image exits 1 in one line")
  func selection() throws {
    let folder = try folder()
    for (options, words) in [
      (["--from", "4"], "there is no layer 4"), (["--from", "0"], "there is no layer 0"),
      (["--from", "abcdefabcdef"], "begins with"), (["--onto", "other"], "shares no layer"),
      (["--platform", "linux/s390x"], "linux/s390x"),
    ] {
      let result = try garboard("garboard-squash", ["one", "a"] + options, in: folder.path)
      #expect(result.status == .exited(1), "\(options)")
      #expect(result.errorText.contains(words), "\(result.errorText)")
      #expect(result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
    }
  }
}
