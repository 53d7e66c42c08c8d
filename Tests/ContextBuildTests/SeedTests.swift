import Image
import OCI
import Posix
import SystemPackage
import TestSupport
import Testing

@Suite("The seed example runs in podman, as root", .serialized)
struct SeedTests {
  @Test("FROM scratch, ADD some_binary /, CMD")
  func seed() throws {
    let folder = try TemporaryDirectory()
    let source = try folder.write(
      "main.c", "#include <stdio.h>\nint main(void) { puts(\"it runs\"); return 0; }\n")
    let context = folder.appending("context")
    try Tool.check(
      "sh", ["-c", "mkdir context && gcc -static -o context/some_binary \(source)"], in: folder.path)
    let file = try folder.write("Dockerfile", "FROM scratch\nADD some_binary /\nCMD [\"/some_binary\"]\n")
    for joined in [false, true] {
      let layout = folder.appending("image\(joined)")
      let result = try garboard(
        "garboard-scratch",
        [
          "-f", file.string, context.string, "-o", "oci:\(layout):seed", "--cache",
          folder.appending("c").string,
        ]
          + (joined ? ["--single-layer"] : []))
      #expect(result.status.isSuccess, "\(result.errorText)")
      let images = try verify(image: "oci:\(layout)", running: .configured)
      #expect(images.first?.output?.contains("it runs") == true)
      #expect(images.first?.layers.count == 1)
    }
  }

  @Test("From a Dockerfile and from the program itself: the same image but for its history")
  func same() throws {
    let folder = try TemporaryDirectory()
    let build = try TestBuild(
      "printf 'int main(void) { return 0; }' | gcc -static -x c -o some_binary -",
      "FROM scratch\nADD some_binary /\nCMD [\"/some_binary\"]", in: folder)
    let layouts = [folder.appending("dockerfile"), folder.appending("program")]
    let results = [
      try build.run("oci:\(layouts[0]):x"),
      try garboard(
        "garboard-scratch", [build.context.appending("some_binary").string, "-o", "oci:\(layouts[1]):x"]),
    ]
    var configs: [ImageConfig] = []
    for (layout, result) in zip(layouts, results) {
      #expect(result.status.isSuccess, "\(result.errorText)")
      let image = try ImageSource(.layout(layout, name: "x")).select()
      var config = image.config.content
      config.history = []
      configs.append(config)
    }
    #expect(configs[0] == configs[1])
  }

  @Test("Layers, history and --single-layer on a base")
  func layers() throws {
    let folder = try TemporaryDirectory()
    let build = try TestBuild(
      DockerfileCase.files, "FROM scratch\nCOPY a /a\nENV X=1\nCOPY d /d\nCMD [\"/a\"]", in: folder)
    let base = folder.appending("base")
    #expect(try build.run("oci:\(base):b").status.isSuccess)
    #expect(try verify(image: "oci:\(base)", running: .nothing).first?.layers.count == 2)
    let next = try folder.write(
      "Next", "FROM oci:\(base):b\nCOPY b /a\nCOPY e /d\nCOPY one.txt two.txt /d/\nUSER 5\n")
    for (options, count) in [([], 4), (["--single-layer"], 3)] as [([String], Int)] {
      let layout = folder.appending("next\(count)")
      let result = try build.run("oci:\(layout):n", options, dockerfile: next)
      #expect(result.status.isSuccess, "\(result.errorText)")
      let image = try #require(try verify(image: "oci:\(layout)", running: .nothing).first)
      #expect(image.layers.count == count)
      #expect(image.tree.field("size", of: "d/one.txt") == "2")
      let config = try ImageSource(.layout(layout, name: "n")).select().config.content
      #expect(config.history.filter { !$0.emptyLayer }.count == count)
      #expect(config.history.first?.createdBy == "COPY a /a")
      #expect(config.runtime.user == "5")
      #expect(config.runtime.command == ["/a"])
    }
  }
}
