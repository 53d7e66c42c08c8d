import Glibc
import OCI
import Posix
import SystemPackage
import TestSupport
import Testing

/// Needs root.
@Suite("garboard-build in trouble")
struct BuildTroubleTests {
  @Test("What the cache lost is made again, and the image is the same")
  func evicted() throws {
    let fixture = try BuildFixture()
    try fixture.writeFamily()
    let first = try fixture.build("--all")
    // One layer of the base is gone, and one of another image is damaged without a change of its size.
    let base = try #require(first.layers("base").first).dropFirst(7)
    let other = try #require(first.layers("more").last).dropFirst(7)
    let blobs = fixture.folder.appending("cache/blobs")
    try Tool.check("rm", [blobs.appending(String(base)).string])
    try Tool.check("sh", ["-c", "printf x | dd of=\"$0\" bs=1 seek=20 conv=notrunc", blobs.appending(String(other)).string])
    // All images have the base's layer.
    let second = try fixture.build("--all")
    #expect(second.built == ["base/bootstrap", "more/packages"])
    #expect(second.reasons("base/bootstrap") == ["evicted: a blob of it is no longer in the cache"])
    #expect(second.image("more")?["digest"] == first.image("more")?["digest"])
    #expect(try fixture.build("--all").built == [])
    // A cache that can keep nothing is enough for one run.
    for name in ["output", "cache"] { try Tool.check("rm", ["-r", fixture.folder.appending(name).string]) }
    let small = try fixture.build("--all", "--cache-limit", "0")
    #expect(small.built.count == 5)
    _ = try verify(image: "oci-archive:\(fixture.output("files"))", running: .nothing)
  }

  @Test("Two builds at once make each stage once")
  func together() throws {
    let fixture = try BuildFixture()
    try fixture.writeFamily()
    let runs = try (0..<2).map { try fixture.start("--all", "-o", "output\($0)") }
    var built: [String] = []
    for run in runs {
      #expect(try run.child.wait().isSuccess)
      let json = try JSONValue(parsing: try readBytes(run.output))
      built += BuildFixture.Document(json: json).built
    }
    #expect(built.sorted() == ["base/bootstrap", "files/files", "files/squash", "more/packages", "program/scratch"])
    for name in ["base", "files", "more", "program"] {
      let sums = try Tool.check("sha256sum", ["output0/\(name).oci.tar", "output1/\(name).oci.tar"], in: fixture.folder.path)
        .text.split(separator: "\n").map { $0.prefix(64) }
      #expect(sums.count == 2 && sums[0] == sums[1])
    }
    #expect(try fixture.listing("cache/work") == "")
  }

  @Test("A build that is ended goes on where it was", arguments: [SIGKILL, SIGTERM, SIGINT])
  func ended(_ signal: Int32) throws {
    let fixture = try BuildFixture()
    try fixture.writeFamily()
    try fixture.folder.write("block-squash", "")
    let run = try fixture.start("files")
    try fixture.waitForBlock()
    run.child.signal(signal)
    let status = try run.child.wait()
    #expect(status == (signal == SIGKILL ? .signalled(SIGKILL) : .exited(128 + signal)))
    #expect(!fixture.isThere(fixture.output("files")))
    if signal != SIGKILL { #expect(try fixture.listing("cache/work") == "") }
    try Tool.check("rm", [fixture.folder.appending("block-squash").string])
    _ = try fixture.takeRuns()
    let second = try fixture.build("files")
    #expect(second.built == ["files/squash"])
    #expect(second.stages("cached") == ["base/bootstrap", "files/files"])
    #expect(try fixture.takeRuns() == ["squash", "copy"])
    // What the killed one left is gone too.
    #expect(try fixture.listing("cache/work") == "")
  }

  @Test("A broken budget fails the build, names it, and publishes nothing")
  func budgets() throws {
    let fixture = try BuildFixture()
    try fixture.write(
      "program", "source: {scratch: {files: [\"/bin/busybox:/bin/sh\"]}}\nbudgets: [\"total<2kB\", \"entries<3\", \"total<1GB\"]")
    for _ in 0..<2 {
      let run = try fixture.run("program")
      #expect(run.result.status == .exited(1))
      #expect(run.result.errorText.contains("recipes/program.yaml:1:7: program: over budget: total<2kB, but it is "))
      #expect(!run.result.errorText.contains("total<1GB"))
      #expect(!fixture.isThere(fixture.output("program")))
    }
    try fixture.write(
      "program", "source: {scratch: {files: [\"/bin/busybox:/bin/sh\"]}}\nbudgets: [\"total<1GB\"]")
    #expect(try fixture.build("program").built == [])
    #expect(fixture.isThere(fixture.output("program")))
  }

  @Test("An error says recipe, stage and what the tool said; --keep-going makes what it can")
  func keepGoing() throws {
    let fixture = try BuildFixture()
    try fixture.writeFamily()
    try fixture.write(
      "more", "source: {recipe: base}\nsteps: [{packages: {variant: extract, include: [no-such-thing]}}]")
    try fixture.write("above", "source: {recipe: more}\nsteps: [{squash: {}}]")
    let run = try fixture.run("--all", "--keep-going")
    #expect(run.result.status == .exited(1))
    let errors = run.result.errorText.split(separator: "\n")
    #expect(errors.count == 1, "\(run.result.errorText)")
    #expect(
      errors.first?.hasPrefix("garboard-build: error: recipes/more.yaml:1:7: more, packages: garboard-bootstrap: ") == true)
    #expect(errors.first?.contains("no-such-thing") == true)
    #expect(run.image("above")?["status"]?.string == "skipped")
    #expect(run.image("more")?["status"]?.string == "failed")
    #expect(run.built == ["base/bootstrap", "files/files", "files/squash", "program/scratch"])
    for name in ["base", "files", "program"] { #expect(fixture.isThere(fixture.output(name))) }
    for name in ["more", "above"] { #expect(!fixture.isThere(fixture.output(name))) }
    // Without it the failure is the same, and what was made stays made.
    let short = try fixture.run("--all")
    #expect(short.result.status == .exited(1))
    #expect(short.built == [])
  }

  @Test("Wrong usage and wrong recipes are told before anything is made")
  func usage() throws {
    let fixture = try BuildFixture()
    #expect(try fixture.run().result.status == .exited(64))
    #expect(try fixture.run("--all", "base").result.status == .exited(64))
    let unknown = try fixture.run("bsae")
    #expect(unknown.result.status == .exited(1))
    #expect(unknown.result.errorText.contains("base"))
    let setting = try fixture.run("base", "--set", "nothing=1")
    #expect(setting.result.status == .exited(1))
    #expect(setting.result.errorText.contains("nothing"))
    #expect(try fixture.takeRuns() == [])
  }
}
