import OCI
import Posix
import SystemPackage
import TestSupport
import Testing

/// Needs root.
@Suite("garboard-build")
struct BuildTests {
  @Test("A first build makes everything, a second nothing; outside tools agree with what is said of the images")
  func twice() throws {
    let fixture = try BuildFixture()
    try fixture.writeFamily()
    let first = try fixture.build("--all")
    let stages = ["base/bootstrap", "files/files", "files/squash", "more/packages", "program/scratch"]
    #expect(first.built == stages)
    for stage in stages { #expect(first.reasons(stage) == ["never built"]) }
    let runs = try fixture.takeRuns().sorted()
    #expect(
      runs == [
        "bootstrap", "bootstrap", "bootstrap", "bootstrap", "copy", "copy", "copy", "copy", "scratch",
        "scratch", "squash",
      ])
    for name in ["base", "files", "more", "program"] {
      let images = try verify(image: "oci-archive:\(fixture.output(name))", running: .nothing)
      #expect(images.count == 1)
      #expect(images[0].digest == first.image(name)?["digest"]?.string)
      #expect(images[0].layers.map(\.digest) == first.layers(name))
      let sizes = (first.image(name)?["layers"]?.array ?? []).map { $0.object?["uncompressedSize"]?.integer }
      #expect(images[0].layers.map { Int64($0.uncompressedSize) } == sizes)
    }
    // The layers of the base are the same bytes wherever they are.
    let base = first.layers("base")
    #expect(base.count == 1)
    #expect(first.layers("files").count == 2 && first.layers("files").first == base.first)
    #expect(first.layers("more").count == 2 && first.layers("more").first == base.first)
    let more = try verify(image: "oci-archive:\(fixture.output("more"))", running: .nothing)
    #expect(more[0].tree.lines.contains { $0.path == "usr/share/beta/data" })
    let files = try verify(image: "oci-archive:\(fixture.output("files"))", running: .nothing)
    let one = try #require(files[0].tree.lines.first { $0.path == "srv/app/one" })
    #expect("\(one)".contains("7") && "\(one)".contains("8"))
    #expect(files[0].configuration.contains(#"["cat","/etc/motd"]"#))

    let before = try fixture.listing("output")
    let asked = fixture.server.paths.count
    let second = try fixture.build("--all")
    #expect(second.built == [])
    #expect(second.stages("cached") == stages)
    #expect(try fixture.takeRuns() == [])
    // Only the archive's state was asked for, once.
    #expect(Array(fixture.server.paths.dropFirst(asked)) == ["/dists/trixie/InRelease"])
    #expect(try fixture.listing("output") == before)
    for name in ["base", "files", "more", "program"] { #expect(second.image(name)?["digest"] == first.image(name)?["digest"]) }
    #expect(try fixture.listing("cache/work") == "")
    #expect(try fixture.listing("cache/locks") == "")
  }

  @Test("Shared and unique bytes add up to what one layout with all images holds")
  func family() throws {
    let fixture = try BuildFixture()
    try fixture.writeFamily()
    // The same image under another name shares everything.
    try fixture.write("again", "source: {recipe: base}")
    let run = try fixture.build("--all")
    let layout = fixture.folder.appending("all")
    for name in ["base", "files", "more", "program", "again"] {
      try Tool.check(
        "skopeo",
        [
          "copy", "--quiet", "--preserve-digests", "oci-archive:\(fixture.output(name))", "oci:\(layout):\(name)",
        ])
    }
    let sizes = try Tool.check("find", [layout.appending("blobs").string, "-type", "f", "-printf", "%s\\n"])
    let held = sizes.text.split(separator: "\n").compactMap { Int64($0) }.reduce(0, +)
    let family = try #require(run.json.object?["family"]?.object)
    #expect(family["total"]?.integer == held)
    let members = try #require(family["images"]?.array).compactMap(\.object)
    let unique = members.compactMap { $0["unique"]?.integer }.reduce(0, +)
    #expect(try unique + #require(family["shared"]?.integer) == held)
    for member in members {
      #expect(member["size"]?.integer == (member["shared"]?.integer ?? 0) + (member["unique"]?.integer ?? 0))
    }
    let again = try #require(members.first { $0["name"]?.string == "again" })
    #expect(again["unique"]?.integer == 0)
  }

  @Test("What changed is built again with what depends on it, for the reason that is said")
  func reasons() throws {
    let fixture = try BuildFixture()
    try fixture.writeFamily()
    _ = try fixture.build("--all")

    // A variable of one recipe.
    let greeted = try fixture.build("--all", "--set", "greeting=hi")
    #expect(greeted.built == ["files/files", "files/squash"])
    #expect(greeted.reasons("files/files") == ["the text of /etc/motd changed"])
    #expect(greeted.reasons("files/squash").count == 1)
    #expect(greeted.reasons("files/squash")[0].hasPrefix("base files changed: "))
    // And back: it is known still.
    #expect(try fixture.build("--all").built == [])

    // A file that a recipe copies. Times and the umask are none of its content.
    try Tool.check("sh", ["-c", "touch app/one; chmod 600 app/one"], in: fixture.folder.appending("recipes"))
    #expect(try fixture.build("--all").built == [])
    try fixture.folder.write("recipes/app/one", "2\n")
    let copied = try fixture.build("--all")
    #expect(copied.built == ["files/files", "files/squash"])
    #expect(copied.reasons("files/files") == ["app changed (one)"])

    // The configuration alone is the last stage's.
    try fixture.write(
      "more", "source: {recipe: base}\nsteps: [{packages: {variant: extract, include: [beta]}}]\nconfig: {user: \"5\"}")
    let configured = try fixture.build("--all")
    #expect(configured.built == ["more/packages"])
    #expect(configured.reasons("more/packages") == ["recipe changed: + --change=USER \"5\""])

    // What all stand on.
    let text = String(decoding: try readBytes(fixture.folder.appending("recipes/base.yaml")), as: UTF8.self)
    try fixture.folder.write("recipes/base.yaml", text.replacing("[alpha]", with: "[alpha, beta]"))
    let wider = try fixture.build("--all")
    #expect(wider.built == ["base/bootstrap", "files/files", "files/squash", "more/packages"])
    #expect(wider.reasons("base/bootstrap").first == "recipe changed: + --include=beta")
    #expect(wider.reasons("base/bootstrap").contains("packages changed: + beta 1"))
    #expect(wider.reasons("files/files").first?.hasPrefix("base base changed: ") == true)

    // A tool.
    try Tool.check("sh", ["-c", "echo '# new' >>bin/garboard-squash"], in: fixture.folder.path)
    let tooled = try fixture.build("--all")
    #expect(tooled.built == ["files/squash"])
    #expect(tooled.reasons("files/squash") == ["tool changed: garboard-squash"])
  }

  @Test("A changed package is named with its versions; a new state without changes for us makes nothing")
  func packages() throws {
    let fixture = try BuildFixture()
    try fixture.writeFamily()
    let first = try fixture.build("--all")
    // Another date, another key, another package that nobody wants.
    try fixture.serve(BuildFixture.packages() + [.init("gamma")])
    let same = try fixture.build("--all")
    #expect(same.built == [])
    #expect(same.image("base")?["digest"] == first.image("base")?["digest"])
    try fixture.serve(BuildFixture.packages(alpha: "2"))
    let newer = try fixture.build("--all")
    #expect(newer.reasons("base/bootstrap") == ["packages changed: alpha 1 -> 2"])
    #expect(newer.built == ["base/bootstrap", "files/files", "files/squash", "more/packages"])
    let tree = try verify(image: "oci-archive:\(fixture.output("more"))", running: .nothing)[0].tree
    #expect(tree.lines.contains { $0.path == "usr/share/alpha/data" })
  }

  @Test("Offline nobody is asked, and what is known is enough")
  func offline() throws {
    let fixture = try BuildFixture()
    try fixture.writeFamily()
    _ = try fixture.build("--all")
    try fixture.serve(BuildFixture.packages(alpha: "2"))
    let asked = fixture.server.paths.count
    #expect(try fixture.build("--all", "--offline").built == [])
    #expect(fixture.server.paths.count == asked)
    // A dry run tells what would be, and makes nothing.
    let before = try fixture.listing("output")
    _ = try fixture.takeRuns()
    let dry = try fixture.build("--all", "--dry-run")
    #expect(dry.stages("would-build") == ["base/bootstrap", "files/files", "files/squash", "more/packages"])
    #expect(dry.reasons("base/bootstrap") == ["packages changed: alpha 1 -> 2"])
    #expect(try fixture.takeRuns() == ["bootstrap"])
    #expect(try fixture.listing("output") == before)
  }
}
