import Posix
import SystemPackage
import TestSupport
import Testing

/// What comes out of an import: every kind of place, and what the image says of itself. Needs root.
@Suite("garboard-import: outputs")
struct ImportOutputTests {
  /// A folder with `tree`, a tree with a shell, and `tree.tar`, an archive of it.
  private func setUp() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try TreeBuilder.shell(
      """
      mkdir -p tree/etc tree/usr/share/doc/p tree/tmp; chmod 1777 tree/tmp
      for file in /bin/sh /bin/cat $(ldd /bin/sh /bin/cat | grep -o '/[^ :]*'); do install -D "$file" "tree$file"; done
      echo text >tree/etc/text; ln tree/etc/text tree/etc/hard; ln -s text tree/etc/link
      echo 1 >tree/usr/share/doc/p/copyright; echo 2 >tree/usr/share/doc/p/changelog
      chown 1000:1001 tree/etc/text; find tree -exec touch -h -d @1234567890 {} +
      tar -C tree -cf tree.tar .
      """, in: folder.path)
    return folder
  }

  @discardableResult
  private func run(
    _ folder: TemporaryDirectory, _ arguments: String..., environment: [String] = []
  ) throws -> Tool.Result {
    try run(folder, arguments, environment: environment)
  }

  @discardableResult
  private func run(
    _ folder: TemporaryDirectory, _ arguments: [String], environment: [String] = []
  ) throws -> Tool.Result {
    let result = try garboard("garboard-import", arguments, environment: environment, in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
    return result
  }

  private func image(_ folder: TemporaryDirectory, _ source: String) throws -> VerifiedImage {
    let parts = source.split(separator: ":", maxSplits: 1)
    return try #require(
      try verify(image: "\(parts[0]):\(folder.appending(String(parts[1])).string)", running: .nothing).first)
  }

  @Test("One run fills every kind of place, and all hold the same")
  func everywhere() throws {
    let folder = try setUp()
    let tars = ["t.tar", "t.tar.gz", "t.tar.xz", "t.tar.zst", "t.tar.bz2"]
    try run(
      folder,
      [
        "tree.tar", "base:1", "-o", "layout:1", "-o", "oci-archive:o.tar", "-o",
        "docker-archive:d.tar:other:2",
        "-o", "rootfs:root",
      ] + tars.flatMap { ["-o", $0] })
    let expected = try TreeListing.ofExtracted(folder.appending("tree.tar"))
    for source in ["oci:layout", "oci-archive:o.tar", "docker-archive:d.tar"] {
      let images = try verify(
        image: source.replacing(":", with: ":\(folder.path)/"), running: .shellIfPresent)
      #expect(images.count >= 1)
      for image in images {
        #expect(expected.differences(image.tree) == [], "\(source)")
        #expect(image.output == "it runs\n")
      }
    }
    #expect(expected.differences(try TreeListing.of(folder.appending("root"))) == [])
    let kinds = try Tool.check("file", ["-b"] + tars, in: folder.path).text.split(separator: "\n")
    for (kind, word) in zip(kinds, ["POSIX tar", "gzip", "XZ", "Zstandard", "bzip2"]) {
      #expect(kind.contains(word))
    }
    for tar in tars {
      #expect(expected.differences(try TreeListing.ofExtracted(folder.appending(tar))) == [])
    }
  }

  @Test("A pipe into podman load, which runs it")
  func pipe() throws {
    let folder = try setUp()
    // As verify(image:) does: a mount namespace of its own, and a storage that goes with it.
    let script = """
      set -e
      umount /sys/fs/cgroup/unified 2>/dev/null || :
      run=$(mktemp -d /run/garboard.XXXXXX)
      trap 'umount -R "$run/root" "$PWD/storage/overlay" 2>/dev/null; rm -rf "$run" "$PWD/storage"' EXIT
      p() {
        podman --root "$PWD/storage" --runroot "$run/root" --tmpdir "$run/tmp" --storage-driver overlay "$@"
      }
      tar -C tree -c . | "$0" - -q -t base:1 -c 'CMD ["/bin/sh", "-c", "cat /etc/text"]' -o - | p load -q >&2
      p run --rm --cgroups=disabled --network=host --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 base:1
      """
    _ = try Tool.find("podman")
    let tool = try productsDirectory().appending("garboard-import").string
    let told = try Tool.check("unshare", ["--mount", "sh", "-c", script, tool], in: folder.path)
    #expect(told.text == "text\n")
  }

  @Test("Names, remark, annotations, configuration and time are in the image")
  func contents() throws {
    let folder = try setUp()
    try run(
      folder, "tree.tar", "example.org/base:1", "-t", "more", "-m", "a remark", "--annotation", "a.b=c=d",
      "-c", "CMD [\"/bin/sh\"]", "-c", "ENV A=1 B=2", "-c", "LABEL x=y", "-c", "USER 5", "--platform",
      "linux/arm/v7", "--created", "2001-02-03T04:05:06Z", "-o", "oci:layout")
    let images = try verify(image: "oci:\(folder.appending("layout").string)", running: .nothing)
    #expect(Set(images.map(\.platform)) == ["linux/arm/v7"])
    let names = Set(images.compactMap(\.reference))
    #expect(
      names.count == 2 && names.contains { $0.hasSuffix("1") } && names.contains { $0.hasSuffix("latest") },
      "\(names)")
    let manifest = try Tool.check(
      "sh", ["-c", "cat layout/blobs/sha256/\(try #require(images.first).digest.dropFirst(7))"],
      in: folder.path
    ).text
    #expect(manifest.contains("\"annotations\":{\"a.b\":\"c=d\"}"))
    let told = try Tool.python(
      """
      import json, sys
      c = json.loads(sys.stdin.read())
      h = c["history"]
      print(c["created"], c["config"]["Cmd"], c["config"]["Env"], c["config"]["Labels"], c["config"]["User"],
            h[0]["comment"], h[0]["created_by"], len(h), sep="\\n")
      """, [], input: Array(try #require(images.first).configuration.utf8)
    ).text
    #expect(
      told == """
        2001-02-03T04:05:06Z
        ['/bin/sh']
        ['A=1', 'B=2']
        {'x': 'y'}
        5
        a remark
        garboard-import
        1

        """)
  }

  @Test("The platform is that of the programs; the time that of the newest file, or SOURCE_DATE_EPOCH")
  func detected() throws {
    let folder = try setUp()
    // The machine's number in the ELF header: AArch64.
    try TreeBuilder.shell(
      """
      cp -a tree foreign
      find foreign -type f -exec sh -c 'head -c4 "$1" | grep -q ELF || exit 0
        printf "\\267\\000" | dd of="$1" bs=1 seek=18 conv=notrunc status=none; touch -d @1234567890 "$1"' - {} \\;
      """, in: folder.path)
    try run(folder, "foreign", "-o", "foreign.oci.tar")
    let foreign = try image(folder, "oci-archive:foreign.oci.tar")
    #expect(foreign.platform.hasPrefix("linux/arm64"))
    #expect(foreign.configuration.contains("\"created\":\"2009-02-13T23:31:30Z\""))
    try run(folder, "tree", "-o", "own.oci.tar", environment: ["SOURCE_DATE_EPOCH=86400"])
    let own = try image(folder, "oci-archive:own.oci.tar")
    let machine = try Tool.check("dpkg", ["--print-architecture"]).text.prefix { $0 != "\n" }
    #expect(own.platform == "linux/\(machine)")
    #expect(own.configuration.contains("\"created\":\"1970-01-02T00:00:00Z\""))
  }

  @Test("Filters: what is left out, whose it is, and when", arguments: ["tree", "tree.tar"])
  func filters(_ source: String) throws {
    let folder = try setUp()
    try run(
      folder, source, "--exclude", "/usr/share/doc", "--include", "copyright", "--exclude", "/tmp", "--owner",
      "7:8", "--clamp-mtime", "--created", "1000000000", "-o", "x.oci.tar")
    let tree = try image(folder, "oci-archive:x.oci.tar").tree
    let paths = tree.lines.map(\.path)
    #expect(paths.contains("usr/share/doc/p/copyright") && !paths.contains("usr/share/doc/p/changelog"))
    #expect(!paths.contains("tmp") && paths.contains("etc/text"))
    #expect(tree.lines.allSatisfy { $0["owner"] == nil || $0["owner"] == "7:8" })
    #expect(tree.lines.allSatisfy { $0["mtime"] == nil || $0["mtime"] == "1000000000.000000000" })
    // The name that had the data may go: the others keep it.
    try run(folder, source, "--exclude", "/etc/hard", "--owner", "7", "-o", "y.oci.tar")
    let line = try image(folder, "oci-archive:y.oci.tar").tree.lines.first { $0.path == "etc/text" }
    #expect(
      line?["type"] == "file" && line?["size"] == "5" && line?["owner"] == "7:7",
      "\(String(describing: line))")
  }

  @Test("--json tells what the image is; --report writes the same; the table goes to standard error")
  func json() throws {
    let folder = try setUp()
    let result = try run(
      folder, "tree.tar", "base:1", "--json", "--report", "r.json", "-o", "x.oci.tar", "-o", "y.tar.zst")
    #expect(try readBytes(folder.appending("r.json")) == result.output)
    let made = try image(folder, "oci-archive:x.oci.tar")
    let layer = try #require(made.layers.first)
    let told = try Tool.python(
      """
      import json, sys
      document = json.loads(sys.stdin.read())
      (i,), (l,) = document["images"], document["images"][0]["layers"]
      print(sorted(document), sorted(i), sorted(l))
      print(i["reference"], i["platform"], i["digest"], *i["outputs"])
      print(l["digest"], l["diffID"], l["mediaType"], l["size"], l["uncompressedSize"], l["entries"],
            l["createdBy"])
      """, [], input: result.output
    ).text.split(separator: "\n").map(String.init)
    #expect(
      told == [
        "['images'] ['digest', 'layers', 'outputs', 'platform', 'reference'] "
          + "['createdBy', 'diffID', 'digest', 'entries', 'mediaType', 'size', 'uncompressedSize']",
        "docker.io/library/base:1 \(made.platform) \(made.digest) x.oci.tar y.tar.zst",
        "\(layer.digest) \(layer.diffID) \(layer.mediaType) \(layer.size) \(layer.uncompressedSize) "
          + "\(made.tree.lines.count) garboard-import",
      ])
    let table = result.errorText.split(separator: "\n").map(String.init)
    #expect(table.first == "x.oci.tar  base:1  \(made.platform)  \(made.digest.prefix(13))…", "\(table)")
    #expect(table.contains { $0.contains(String(layer.digest.dropFirst(7).prefix(12))) })
    #expect(try run(folder, "tree.tar", "-q", "-o", "z.tar").errors.isEmpty)
  }
}
