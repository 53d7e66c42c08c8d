import Posix
import SystemPackage
import TestSupport
import Testing

/// Whether `verify(image:)` sees what is wrong; the images are made by outside tools. Needs root.
@Suite struct ImageVerificationTests {
  /// An image with a shell, made by umoci.
  private func makeImage() throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    try TreeBuilder.shell(
      """
      mkdir root; touch -d @1 root/f; ln root/f root/g
      for file in /bin/sh $(ldd /bin/sh | grep -o '/[^ ]*'); do install -D "$file" "root$file"; done
      """, in: directory.path)
    for arguments in [
      ["init", "--layout", "image"], ["new", "--image", "image:one"],
      ["insert", "--image", "image:one", "root", "/"],
      [
        "config", "--image", "image:one", "--config.cmd", "/bin/sh", "--config.cmd", "-c", "--config.cmd",
        "echo cmd",
      ],
      ["gc", "--layout", "image"],
    ] { try Tool.check("umoci", arguments, in: directory.path) }
    return directory
  }

  @Test func anImageOfUmoci() throws {
    let directory = try makeImage()
    let images = try verify(image: "oci:\(directory.appending("image").string)")
    #expect(images.map(\.reference) == ["one"])
    #expect(images.map(\.output) == ["it runs\n"])
    #expect(images.first?.layers.count == 1)
    let expected = try TreeListing.of(directory.appending("root"))
    let differences = try expected.differences(#require(images.first).tree, ignoring: [.root, .times])
    #expect(differences == [])
    let configured = try verify(image: "oci:\(directory.appending("image").string)", running: .configured)
    #expect(configured.first?.output == "cmd\n")
  }

  @Test func archives() throws {
    let directory = try makeImage()
    for (transport, name) in [("oci-archive", "o.tar"), ("oci", "z")] {
      let target = "\(transport):\(directory.appending(name).string)"
      try Tool.check(
        "skopeo", ["copy", "--dest-compress-format", "zstd", "oci:image:one", target], in: directory.path)
      #expect(try verify(image: target).first?.output == "it runs\n")
    }
  }

  @Test func aDockerArchive() throws {
    let directory = try makeImage()
    try Tool.check(
      "skopeo", ["copy", "oci:image:one", "docker-archive:d.tar:name:tag"], in: directory.path)
    let images = try verify(image: "docker-archive:\(directory.appending("d.tar").string)")
    #expect(images.map(\.output) == ["it runs\n"])
    // A layer that isn't the one of the configuration.
    try TreeBuilder.shell(
      "mkdir x; tar -xf d.tar -C x; layer=$(ls x | grep tar$); printf x >> x/$layer; tar -cf d.tar -C x .",
      in: directory.path)
    #expect(throws: ImageRejected.self) {
      try verify(image: "docker-archive:\(directory.appending("d.tar").string)", running: .nothing)
    }
  }

  @Test(arguments: [
    ("printf x >> $(ls -S blobs/sha256/* | head -1)", "bytes, not"),
    ("mv $(ls -S blobs/sha256/* | head -1) moved; rm moved", "blob missing"),
    ("echo > blobs/sha256/extra", "left over in the layout: blobs/sha256/extra"),
    (#"sed -i 's/"schemaVersion":2/"schemaVersion":3/' index.json"#, "schemaVersion 3 is"),
    (#"sed -i 's/"manifests":/"manifests":[],&/' index.json"#, "a key twice"),
    ("echo { > index.json", "index.json is no JSON"),
    ("sed -i s/1.0.0/2.0.0/ oci-layout", "'2.0.0' is not one of"),
    ("sed -i s/image.manifest.v1/image.other.v1/ index.json", "something of type"),
  ]) func damage(_ command: String, _ complaint: String) throws {
    let directory = try makeImage()
    try TreeBuilder.shell(command, in: directory.appending("image"))
    let error = #expect(throws: ImageRejected.self) {
      try verify(image: "oci:\(directory.appending("image").string)", running: .nothing)
    }
    #expect(error?.description.contains(complaint) == true, "\(error?.description ?? "accepted")")
  }

  @Test func aMissingToolNamesItsPackage() throws {
    let error = #expect(throws: MissingTool.self) { try Tool.run("no-such-tool", []) }
    #expect(error?.description == "no-such-tool isn't installed: install the Debian package no-such-tool")
  }

  @Test func theExecutablesAreFound() throws {
    #expect(try productsDirectory().string.contains(".build"))
  }
}
