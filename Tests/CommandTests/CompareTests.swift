import Posix
import SystemPackage
import TestSupport
import Testing

/// What `garboard-report --compare` says, against what was done to the tree.
@Suite("garboard-report --compare")
struct CompareTests {
  private func images() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try TreeBuilder.shell(
      """
      mkdir -p a/usr/bin a/usr/lib a/var/lib/dpkg/info a/gone
      printf '%1000s' x >a/usr/bin/same; printf '%2000s' x >a/usr/bin/grows; printf '%300s' x >a/gone/file
      printf '%50s' x >a/usr/lib/content; printf '%60s' x >a/usr/lib/mode; printf '%70s' x >a/usr/lib/time
      printf '%400s' x >a/usr/lib/one; cp a/usr/lib/one a/usr/lib/two; ln -s one a/usr/lib/link
      printf 'Package: p\\nStatus: install ok installed\\nVersion: 1\\nArchitecture: all\\n' >a/var/lib/dpkg/status
      printf '/usr/bin/grows\\n' >a/var/lib/dpkg/info/p.list
      cp -a a b; cd b
      rm -r gone; printf '%2500s' x >usr/bin/grows; printf '%50s' y >usr/lib/content; chmod 700 usr/lib/mode
      touch -d @1 usr/lib/time; ln -f usr/lib/one usr/lib/two; ln -sf two usr/lib/link
      mkdir new; printf '%900s' x >new/file
      """, in: folder.path)
    for name in ["a", "b"] {
      let result = try garboard("garboard-import", "-q", "\(name)/", "-o", "\(name).oci.tar", in: folder.path)
      #expect(result.status.isSuccess, "\(result.errorText)")
    }
    return folder
  }

  @Test("The document: each path that differs, the sums, the packages")
  func document() throws {
    let folder = try images()
    let result = try garboard(
      "garboard-report", "--json", "--compare", "a.oci.tar", "b.oci.tar", in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
    let lines = try Tool.python(
      """
      import json, sys; d = json.load(sys.stdin); c = d["comparison"]
      print([i["location"] for i in d["images"]])
      for r in c["paths"]: print(r["change"], r["path"], r["before"], r["after"], r["package"])
      for k in ("added", "removed", "changed"): print(k, *(c[k][x] for x in ("paths", "before", "after")))
      for r in c["by"]["package"]: print(r["name"], r["before"], r["after"])
      total = [i["totals"]["bytes"] for i in d["images"]]
      print(total[1] - total[0] == sum(c[k]["after"] - c[k]["before"] for k in ("added", "removed", "changed")))
      """, [], input: result.output
    ).text.split(separator: "\n").map(String.init)
    #expect(
      lines == [
        "['a.oci.tar', 'b.oci.tar']", "removed gone 0 0 None", "removed gone/file 300 0 None",
        "added new 0 0 None", "added new/file 0 900 None", "changed usr/bin/grows 2000 2500 p",
        "changed usr/lib/content 50 50 None", "changed usr/lib/link 0 0 None",
        "changed usr/lib/mode 60 60 None", "changed usr/lib/two 400 0 None", "added 2 0 900",
        "removed 2 300 0", "changed 5 2510 2610", "p 2000 2500", "(none) 2364 2564", "True",
      ], "\(lines.joined(separator: "\n"))")
  }

  @Test("The tables: both images' layers, the sums, the largest differences first")
  func tables() throws {
    let folder = try images()
    let result = try garboard(
      "garboard-report", "--compare", "a.oci.tar", "b.oci.tar", "--top", "2", in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
    let words = result.text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(words.filter { $0.first == "1" }.count == 2)
    #expect(words.contains(["added", "2", "0", "B", "900", "B", "+900", "B"]))
    #expect(words.contains(["removed", "2", "300", "B", "0", "B", "-300", "B"]))
    let place = try #require(words.firstIndex { $0.suffix(2) == ["largest", "differences"] })
    #expect(words[place + 1] == ["+900", "B", "-", "900", "B", "(none)", "new/file"])
    #expect(words[place + 2] == ["+500", "B", "2.0", "kB", "2.5", "kB", "p", "usr/bin/grows"])
    let same = try garboard("garboard-report", "--compare", "a.oci.tar", "a.oci.tar", in: folder.path)
    #expect(!same.text.contains("largest differences") && same.text.contains(" changed"))
    for arguments in [["--compare", "a.oci.tar"], ["--compare", "a.oci.tar", "b.oci.tar", "b.oci.tar"]] {
      #expect(try garboard("garboard-report", arguments, in: folder.path).status == .exited(64))
    }
  }
}
