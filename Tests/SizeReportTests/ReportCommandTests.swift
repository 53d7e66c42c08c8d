import Posix
import SystemPackage
import TestSupport
import Testing

@Suite("garboard-report")
struct ReportCommandTests {
  /// A layout `layout` with `latest` of three layers for amd64 and `other` of one for arm64, made by umoci;
  /// the first as `image.oci.tar` and `output/debian-trixie.oci.tar`, made by skopeo.
  private func images() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    var base = HandmadeTar()
    base.add("./", type: "5", mode: "0000755")
    base.add("usr/bin/tool", data: String(repeating: "t", count: 1500))
    base.add("usr/share/doc/a", data: String(repeating: "a", count: 700))
    base.add("usr/share/doc/b.gz", data: String(repeating: "b", count: 300))
    base.add("var/lib/dpkg/info/tool.list", data: "/bin/tool\n")
    base.add("bin", type: "2", link: "usr/bin")
    var middle = HandmadeTar()
    middle.add("usr/share/doc/.wh..wh..opq")
    middle.add("usr/share/doc/new", data: String(repeating: "n", count: 40))
    var top = HandmadeTar()
    top.add("usr/bin/tool", data: String(repeating: "u", count: 2500))
    for (name, tar) in [("base", base), ("middle", middle), ("top", top)] {
      try folder.write(name + ".tar", tar.finished)
    }
    let script = """
      umoci init --layout layout
      add() { umoci raw add-layer --image layout:$1 --history.created "2020-01-01T00:00:00Z" \
      --history.created_by "$2" $3.tar; }
      umoci new --image layout:latest
      umoci config --image layout:latest --architecture amd64
      add latest 'make base' base
      add latest "RUN one
      \ttwo" middle
      add latest 'COPY tool' top
      umoci new --image layout:other
      umoci config --image layout:other --architecture arm64
      add other 'make other' base
      umoci gc --layout layout
      skopeo copy --quiet oci:layout:latest oci-archive:image.oci.tar
      skopeo copy --quiet oci:layout:latest docker-archive:image.docker.tar:example/x:1
      mkdir output
      cp image.oci.tar output/debian-trixie.oci.tar
      """
    for tool in ["umoci", "skopeo"] { _ = try Tool.find(tool) }
    try Tool.check("sh", ["-euc", script], in: folder.path)
    return folder
  }

  private func run(_ arguments: String..., in folder: TemporaryDirectory, input: [UInt8] = []) throws
    -> Tool.Result
  {
    try garboard("garboard-report", arguments, input: input, in: folder.path)
  }

  /// Facts of a JSON document by a Python expression over `d`, one a line.
  private func facts(_ json: [UInt8], _ expression: String) throws -> String {
    try Tool.python("import json, sys; d = json.load(sys.stdin); print(\(expression))", [], input: json).text
  }

  /// Columns of the lines of a table.
  private func words(_ text: String) -> [[String]] {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.split(separator: " ").map(String.init) }
  }

  @Test("The table: a row a layer, then the whole")
  func table() throws {
    let folder = try images()
    let result = try run("layout:latest", in: folder)
    #expect(result.status.isSuccess)
    #expect(result.errors.isEmpty)
    let lines = words(result.text)
    #expect(lines.count == 7)
    #expect(lines[0].prefix(3) == ["layout:latest", "latest", "linux/amd64"])
    #expect(
      lines[1] == [
        "#", "layer", "compressed", "uncompressed", "entries", "added", "changed", "removed", "wasted",
        "created", "by",
      ])
    let sizes = lines[2...4].map { Array($0[4...]) }
    #expect(
      sizes == [
        ["7.7", "kB", "6", "2.5", "kB", "0", "B", "0", "B", "2.5", "kB", "make", "base"],
        ["2.6", "kB", "2", "40", "B", "0", "B", "1.0", "kB", "0", "B", "RUN", "one", "two"],
        ["4.1", "kB", "1", "0", "B", "2.5", "kB", "0", "B", "0", "B", "COPY", "tool"],
      ])
    #expect(lines[5].first == "total")
    #expect(
      lines[5].suffix(13) == [
        "kB", "9", "2.5", "kB", "2.6", "kB", "in", "3", "files", "of", "the", "final", "tree",
      ])
    // No line ends in a blank.
    #expect(!result.text.contains(" \n"))
  }

  @Test("JSON: sizes and digests are those of the blobs, as Python sees them")
  func json() throws {
    let folder = try images()
    let result = try run("--json", "--top", "2", "--by", "package", "layout:latest", in: folder)
    #expect(result.status.isSuccess)
    #expect(
      try facts(
        result.output,
        "[(l['createdBy'], l['entries'], l['added'], l['addedPaths'], l['changed'], l['changedPaths'], "
          + "l['removed'], l['removedPaths'], l['wasted'], l['whiteouts']) for l in d['images'][0]['layers']]"
      )
        == "[('make base', 6, 2510, 13, 0, 0, 0, 0, 2500, 0), ('RUN one\\n\\ttwo', 2, 40, 1, 0, 0, 1000, 2, 0, 1), "
        + "('COPY tool', 1, 0, 0, 2500, 1, 0, 0, 0, 0)]\n")
    #expect(
      try facts(
        result.output,
        "[d['images'][0]['totals'][k] for k in ('entries', 'storedBytes', 'wasted', 'bytes', 'files')]")
        == "[9, 5050, 2500, 2550, 3]\n")
    #expect(
      try facts(result.output, "[(p['name'], p['bytes']) for p in d['images'][0]['by']['package']]")
        == "[('tool', 2500), ('(none)', 50)]\n")
    #expect(
      try facts(result.output, "[(f['path'], f['layer'], f['package']) for f in d['images'][0]['largest']]")
        == "[('usr/bin/tool', 3, 'tool'), ('usr/share/doc/new', 2, None)]\n")
    #expect(
      try facts(result.output, "[(f['path'], f['bytes'], f['layers']) for f in d['images'][0]['mostWasted']]")
        == "[('usr/bin/tool', 1500, [1]), ('usr/share/doc/a', 700, [1])]\n")
    let script = #"""
      import gzip, hashlib, json, os, sys
      document, layout = json.load(sys.stdin), sys.argv[1]
      blob = lambda digest: open(layout + "/blobs/sha256/" + digest.split(":")[1], "rb").read()
      image = document["images"][0]
      manifest = json.loads(blob(image["digest"]))
      config = json.loads(blob(manifest["config"]["digest"]))
      assert [l["digest"] for l in manifest["layers"]] == [l["digest"] for l in image["layers"]]
      assert config["rootfs"]["diff_ids"] == [l["diffID"] for l in image["layers"]]
      for l, m in zip(image["layers"], manifest["layers"]):
          data = blob(l["digest"])
          tar = gzip.decompress(data)
          assert (l["size"], l["uncompressedSize"], l["mediaType"]) == (len(data), len(tar), m["mediaType"])
          assert l["diffID"] == "sha256:" + hashlib.sha256(tar).hexdigest()
      assert image["totals"]["size"] == sum(m["size"] for m in manifest["layers"])
      assert (image["platform"], image["reference"], image["location"]) == ("linux/amd64", "latest", "layout:latest")
      # The keys are sorted, as they are printed.
      sys.stdin.seek(0)
      assert json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n" == sys.stdin.read()
      """#
    try Tool.python(script, [folder.appending("layout").string], input: result.output)
  }

  @Test(
    "The same image at other places and on a stream",
    arguments: [
      "image.oci.tar", "oci-archive:image.oci.tar", "image.docker.tar", "docker-archive:image.docker.tar",
      "-",
    ])
  func places(_ place: String) throws {
    let folder = try images()
    let expression =
      "[(l['diffID'], l['added'], l['removed'], l['wasted']) for l in d['images'][0]['layers']]"
    let layout = try facts(try run("--json", "oci:layout:latest", in: folder).output, expression)
    let input = place == "-" ? try readBytes(folder.appending("image.oci.tar")) : []
    let result = try run("--json", place, in: folder, input: input)
    #expect(result.errorText == "")
    #expect(try facts(result.output, expression) == layout)
  }

  @Test("All platforms, or the one that is asked for")
  func platforms() throws {
    let folder = try images()
    let expression = "[(i['platform'], i['names']) for i in d['images']]"
    #expect(
      try facts(try run("--json", "layout", in: folder).output, expression)
        == "[('linux/amd64', ['latest']), ('linux/arm64', ['other'])]\n")
    #expect(
      try facts(try run("--json", "--platform", "linux/arm64", "layout", in: folder).output, expression)
        == "[('linux/arm64', ['other'])]\n")
    #expect(
      try facts(try run("--json", "layout:other", "image.oci.tar", in: folder).output, expression)
        == "[('linux/arm64', ['other']), ('linux/amd64', [])]\n")
    #expect(try run("--platform", "linux/s390x", "layout", in: folder).status == .exited(1))
    #expect(try run("--platform", "nonsense", "layout", in: folder).status == .exited(64))
  }

  @Test("By package, directory, file, extension and layer; --top cuts, and says what it cut")
  func by() throws {
    let folder = try images()
    func rows(_ arguments: String...) throws -> [String] {
      let text = try garboard("garboard-report", arguments + ["layout:latest"], in: folder.path).text
      return text.split(separator: "\n").drop { !$0.contains(" files ") || $0.contains("final tree") }
        .dropFirst()
        .map { $0.split(separator: " ").joined(separator: " ") }
    }
    #expect(try rows("--by", "package") == ["2.5 kB 1 tool", "50 B 2 (none)"])
    #expect(try rows("--by", "directory") == ["2.5 kB 1 usr/bin", "40 B 1 usr/share", "10 B 1 var/lib"])
    #expect(try rows("--by", "directory", "--depth", "1") == ["2.5 kB 2 usr", "10 B 1 var"])
    #expect(try rows("--by", "extension") == ["2.5 kB 2 (none)", "10 B 1 .list"])
    #expect(try rows("--by", "layer") == ["10 B 1 1", "40 B 1 2", "2.5 kB 1 3"])
    #expect(try rows("--by", "file", "--top", "1") == ["2.5 kB 1 usr/bin/tool", "50 B 2 (2 more)"])
    #expect(try rows("--by", "file", "--layer", "2") == ["40 B 1 usr/share/doc/new"])
  }

  @Test("One layer: its facts, and what of it is wasted")
  func layer() throws {
    let folder = try images()
    let text = try run("--layer", "1", "layout:latest", in: folder).text
    let lines = words(text).map { $0.joined(separator: " ") }
    #expect(lines.contains("stores 2.5 kB in 4 files"))
    #expect(lines.contains("added 2.5 kB in 13 paths"))
    #expect(lines.contains("10 B 1 (none) var/lib/dpkg/info/tool.list"))
    #expect(lines.contains("1.5 kB 1 usr/bin/tool"))
    #expect(!text.contains("COPY tool"))
    let missing = try run("--layer", "4", "layout:latest", in: folder)
    #expect(missing.status == .exited(64))
    #expect(missing.errorText.contains("There is no layer 4 in layout:latest: it has 3."))
  }

  @Test("A broken budget: exit 1, and the actual value; -q prints nothing else")
  func budgets() throws {
    let folder = try images()
    let result = try run(
      "-q", "--budget", "wasted<=49%", "--budget", "package:tool<2kB", "--budget", "uncompressed<1MB",
      "--budget", "layer<=3", "layout:latest", in: folder)
    #expect(result.status == .exited(1))
    #expect(result.output.isEmpty)
    let lines = result.errorText.split(separator: "\n").map(String.init)
    #expect(lines.count == 3)
    #expect(
      lines.first
        == "garboard-report: error: layout:latest: over budget: wasted<=49%, but it is 2.5 kB (2,500 bytes) "
        + "or 49.50% of 5.1 kB")
    #expect(
      lines.dropFirst().first
        == "garboard-report: error: layout:latest: over budget: package:tool<2kB, but it is 2.5 kB (2,500 bytes)"
    )
    #expect(lines.last?.hasSuffix(" in layer 1") == true)
    let kept = try run("-q", "--budget", "wasted<50%", "--budget", "entries<=9", "layout:latest", in: folder)
    #expect(kept.status.isSuccess)
    #expect(kept.errors.isEmpty)
    let absent = try run("-q", "--budget", "package:tol<1kB", "layout:latest", in: folder)
    #expect(absent.status.isSuccess)
    #expect(absent.errorText.contains("warning: layout:latest: nothing in it is what \"package:tol<1kB\""))
    let json = try run("--json", "--budget", "entries<9", "layout:latest", in: folder)
    #expect(json.status == .exited(1))
    #expect(
      try facts(
        json.output,
        "[(b['expression'], b['actual'], b['limit'], b['holds']) for b in d['images'][0]['budgets']]")
        == "[('entries<9', 9, 9, False)]\n")
  }

  @Test("Wrong usage is 64, and says what and where")
  func usage() throws {
    let folder = try TemporaryDirectory()
    let bad = try run("--budget", "total<3mb", "x", in: folder)
    #expect(bad.status == .exited(64))
    #expect(bad.errorText.contains("\"total<3mb\", character 8: \"mb\" is no unit"))
    for arguments in [
      [], ["--top", "0", "x"], ["--layer", "0", "x"], ["--by", "colour", "x"], ["--depth", "-1", "x"],
    ] {
      #expect(try garboard("garboard-report", arguments, in: folder.path).status == .exited(64))
    }
  }

  @Test("A damaged layer is one line of error, and no report")
  func damaged() throws {
    let folder = try images()
    let json = try run("--json", "layout:latest", in: folder).output
    let digest = try facts(json, "d['images'][0]['layers'][1]['digest'].split(':')[1]").dropLast()
    let blob = folder.appending("layout/blobs/sha256/" + digest)
    for command in ["printf x | dd of=\"$0\" bs=1 seek=9 conv=notrunc", "truncate -s -3 \"$0\"", "rm \"$0\""]
    {
      try Tool.check("sh", ["-euc", command, blob.string])
      let result = try run("layout:latest", in: folder)
      #expect(result.status == .exited(1))
      #expect(result.output.isEmpty)
      #expect(result.errorText.split(separator: "\n").count == 1)
      #expect(result.errorText.contains(digest.prefix(12)))
    }
    let missing = try run("no-such-image", in: folder)
    #expect(missing.status == .exited(1))
    #expect(missing.errorText.hasPrefix("garboard-report: error: "))
  }

  @Test("Each example of --help and of docs/report.md runs")
  func examples() throws {
    let folder = try images()
    // The budgets of the examples are for an image that wastes nothing.
    try Tool.check(
      "skopeo", ["copy", "--quiet", "oci:layout:other", "oci-archive:image.oci.tar"], in: folder.path)
    let project = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
    let texts = [
      try run("--help", in: folder).text,
      String(decoding: try readBytes(project.appending("docs/report.md")), as: UTF8.self),
    ]
    let commands = texts.flatMap { $0.split(separator: "\n") }.filter { $0.hasPrefix("    $ ") }
      .map { String($0.dropFirst(6)) }
    #expect(commands.count == 13)
    let program = try productsDirectory()
    for command in commands {
      let result = try Tool.run(
        "sh", ["-euc", command], environment: ["PATH=\(program.string):/usr/bin:/bin"], in: folder.path)
      #expect(result.status.isSuccess, "\(command): \(result.errorText)")
    }
  }
}
