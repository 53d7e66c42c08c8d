import Posix
import SystemPackage
import TestSupport
import Testing

/// What `garboard-report --shared` says, against a layout that skopeo filled.
@Suite("garboard-report --shared")
struct SharedTests {
  /// The archives `a`, `b` and `c.oci.tar`: the first two have a layer in common, the last has it and those of
  /// the second; `layout` has all three, put there by skopeo.
  private func images() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    for tool in ["umoci", "skopeo"] { _ = try Tool.find(tool) }
    let script = """
      for layer in base left right top; do
        mkdir $layer; head -c ${#layer}0000 /dev/urandom >$layer/$layer; tar -C $layer -cf $layer.tar $layer
      done
      umoci init --layout made
      image() {
        name=$1; shift
        umoci new --image made:$name
        for layer in "$@"; do
          umoci raw add-layer --image made:$name --history.created 2020-01-01T00:00:00Z $layer.tar
        done
        skopeo copy --quiet oci:made:$name oci-archive:$name.oci.tar
        skopeo copy --quiet oci:made:$name oci:layout:$name
      }
      image a base left
      image b base right
      image c base right top
      """
    try Tool.check("sh", ["-euc", script], in: folder.path)
    return folder
  }

  private let oracle = """
    import json, os, sys
    folder = sys.argv[1] + '/blobs/sha256/'
    index = json.load(open(sys.argv[1] + '/index.json'))['manifests']
    def blobs(entry):
        manifest = json.load(open(folder + entry['digest'][7:]))
        return {entry['digest']} | {x['digest'] for x in [manifest['config']] + manifest['layers']}
    images = [blobs(entry) for entry in sorted(index, key=lambda e: str(e['annotations']))]
    size = lambda digests: sum(os.path.getsize(folder + digest[7:]) for digest in digests)
    rows = []
    for number, image in enumerate(images):
        others = set().union(*(other for index, other in enumerate(images) if index != number))
        rows.append((size(image), size(image & others), size(image - others)))
    print(sum(os.path.getsize(folder + name) for name in os.listdir(folder)), rows)
    """

  private let reading = """
    import json, sys
    d = json.load(sys.stdin)
    assert d['total'] == d['shared'] + sum(i['unique'] for i in d['images'])
    assert d['separate'] == sum(i['size'] for i in d['images'])
    print(d['total'], [(i['size'], i['shared'], i['unique']) for i in d['images']])
    """

  @Test("Archives one by one, and the images of a layout: the bytes of the files of skopeo's layout")
  func numbers() throws {
    let folder = try images()
    let truth = try Tool.python(oracle, [folder.appending("layout").string]).text
    for arguments in [["a.oci.tar", "b.oci.tar", "c.oci.tar"], ["oci:layout"]] {
      let result = try garboard("garboard-report", ["--json", "--shared"] + arguments, in: folder.path)
      #expect(result.status.isSuccess, "\(result.errorText)")
      #expect(try Tool.python(reading, [], input: result.output).text == truth)
    }
    // The layers that several have, and which.
    let layers = try Tool.python(
      "import json,sys; d=json.load(sys.stdin); print([l['images'] for l in d['layers']], d['layerCount'])",
      [],
      input: try garboard("garboard-report", "--json", "--shared", "oci:layout", in: folder.path).output)
    #expect(layers.text == "[[0, 1, 2], [1, 2]] 4\n")
  }

  @Test("The table, one image alone, the same image twice, and what excludes it")
  func table() throws {
    let folder = try images()
    let table = try garboard("garboard-report", "--shared", "a.oci.tar", "c.oci.tar", in: folder.path)
    #expect(table.status.isSuccess)
    let lines = table.text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(lines.count == 4)
    #expect(lines[0] == ["#", "size", "shared", "unique", "layers", "image"])
    #expect(lines[1].suffix(2) == ["2", "a.oci.tar"])
    #expect(lines[2].suffix(2) == ["3", "c.oci.tar"])
    #expect(table.text.contains("4  together, each byte once: "))
    for (images, shared) in [(["a.oci.tar"], "0"), (["a.oci.tar", "oci:layout:a"], "all")] {
      let json = try garboard("garboard-report", ["--json", "--shared"] + images, in: folder.path).output
      let told = try Tool.python(
        "import json,sys; d=json.load(sys.stdin); i=d['images'][0]; "
          + "print('all' if i['shared'] == i['size'] == d['total'] else i['shared'])", [], input: json)
      #expect(told.text == shared + "\n")
    }
    let excluded = [
      ["--by", "layer"], ["--top", "2"], ["--compare", "b.oci.tar"], ["--budget", "total<1"],
    ]
    for wrong in excluded {
      let result = try garboard("garboard-report", ["--shared", "a.oci.tar"] + wrong, in: folder.path)
      #expect(result.status == .exited(64))
    }
  }
}
