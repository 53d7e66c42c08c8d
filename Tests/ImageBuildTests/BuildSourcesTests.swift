import OCI
import Posix
import SystemPackage
import TestSupport
import Testing

/// Needs root.
@Suite("garboard-build: sources and places")
struct BuildSourcesTests {
  @Test("Several platforms are joined in an index that skopeo reads")
  func platforms() throws {
    let fixture = try BuildFixture()
    try fixture.write(
      "both",
      """
      platforms: [linux/amd64, linux/arm64]
      source: {import: {from: app}}
      config: {labels: {which: "${arch}"}}
      tags: ["both:1"]
      """)
    let run = try fixture.build("both")
    #expect(run.built == ["both/import", "both/import"])
    let raw = try Tool.check("skopeo", ["inspect", "--raw", "oci-archive:\(fixture.output("both"))"])
    let index = try JSONValue(parsing: raw.output)
    let manifests = try #require(index.object?["manifests"]?.array).compactMap(\.object)
    #expect(manifests.compactMap { $0["platform"]?.object?["architecture"]?.string } == ["amd64", "arm64"])
    #expect(manifests.map { $0["digest"]?.string } == run.images.map { $0.object?["digest"]?.string })
    for architecture in ["amd64", "arm64"] {
      let inspected = try Tool.check(
        "skopeo", ["inspect", "--override-arch", architecture, "oci-archive:\(fixture.output("both"))"])
      let image = try JSONValue(parsing: inspected.output)
      #expect(image.object?["Labels"]?.object?["which"]?.string == architecture)
    }
    #expect(try fixture.build("both").built == [])
    _ = try fixture.takeRuns()
    #expect(try fixture.build("both").images.count == 2)
    #expect(try fixture.takeRuns() == [])
  }

  @Test("Dockerfiles, images that are there, other destinations, and configuration alone")
  func others() throws {
    let fixture = try BuildFixture()
    try fixture.folder.write("recipes/app/Dockerfile", "FROM below\nARG name\nCOPY one /$name\n")
    try fixture.folder.write("recipes/app/.dockerignore", "ignored\n")
    try fixture.write(
      "docker",
      "source: {dockerfile: {context: app, images: {below: base}, arguments: {name: uno}}}\noutputs: [\"oci:../layout:docker\", \"tar:../docker.tar\"]")
    try fixture.write("labelled", "source: {recipe: base}\nconfig: {labels: {a: b}}")
    _ = try fixture.build("docker", "labelled")
    let docker = try verify(image: "oci:\(fixture.folder.appending("layout"))", running: .nothing)
    #expect(docker[0].tree.lines.contains { $0.path == "uno" })
    let names = try Tool.check("tar", ["-tf", fixture.folder.appending("docker.tar").string]).text
    #expect(names.split(separator: "\n").contains("uno"))
    // What isn't asked for is made, but goes nowhere.
    #expect(!fixture.isThere(fixture.output("base")))
    let labelled = try verify(image: "oci-archive:\(fixture.output("labelled"))", running: .nothing)
    #expect(labelled[0].configuration.contains(#""a":"b""#))
    try fixture.folder.write("recipes/app/ignored", "1")
    #expect(try fixture.build("docker", "labelled").built == [])
    // An output that was removed comes back, and only that.
    try Tool.check("rm", [fixture.output("docker").string])
    _ = try fixture.takeRuns()
    #expect(try fixture.build("docker", "labelled").built == [])
    #expect(try fixture.takeRuns() == ["copy"])

    try fixture.write("copied", "source: {image: \"oci:../layout:docker\"}\nsteps: [{squash: {}}]")
    let copied = try fixture.build("copied")
    #expect(copied.built == ["copied/image", "copied/squash"])
    #expect(copied.layers("copied").count == 1)
    #expect(try fixture.build("copied").built == [])
  }

  @Test("Programs are taken from the tree of another image; what is added from this machine runs")
  func programs() throws {
    let fixture = try BuildFixture()
    try fixture.write("program", "source: {scratch: {files: [\"/bin/busybox:/bin/busybox\"]}}")
    try fixture.write(
      "taken", "source: {scratch: {root: {recipe: program}, files: [/bin/busybox], tmp: true, user: \"app:7:7\"}}")
    let run = try fixture.build("taken")
    #expect(run.built == ["program/scratch", "taken/scratch"])
    let images = try verify(
      image: "oci-archive:\(fixture.output("taken"))", running: .command(["/bin/busybox", "id", "-u"]))
    #expect(images[0].output == "7\n")
    #expect(try fixture.build("taken").built == [])
  }

  @Test("The same inputs give the same files in another folder, at another time, with another umask")
  func reproducible() throws {
    var sums: [String] = []
    for (umask, name) in [("022", "a"), ("077", "b")] {
      let fixture = try BuildFixture()
      try fixture.write(
        "program",
        """
        source: {scratch: {files: ["/bin/busybox:/bin/sh"]}}
        steps: [{files: [{source: app, destination: /app}, {text: x, destination: /x}]}]
        """)
      try Tool.check("sh", ["-c", "umask \(umask); cp -r app \(name); rm -r app; sleep 1; cp -r \(name) app"], in: fixture.folder.appending("recipes"))
      _ = try fixture.build("program")
      sums.append(String(try Tool.check("sha256sum", [fixture.output("program").string]).text.prefix(64)))
    }
    #expect(sums.count == 2 && sums[0] == sums[1])
  }
}
