import Posix
import SystemPackage
import TestSupport
import Testing

/// What images say of the packages in them, against dpkg's own view. Needs root.
@Suite("Packages and bills of materials, as root")
struct BillTests {
  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  /// Checks a document against the rules of SPDX 2.3 for the fields that it has, and lists its packages as
  /// `NAME VERSION ARCHITECTURE`, decoded from their package URLs.
  private func packages(_ path: String) throws -> [String] {
    let script = """
      import json, re, sys, urllib.parse
      raw = open(sys.argv[1], "rb").read()
      d = json.loads(raw)
      assert d["spdxVersion"] == "SPDX-2.3" and d["dataLicense"] == "CC0-1.0", d
      assert d["SPDXID"] == "SPDXRef-DOCUMENT" and d["name"]
      assert re.fullmatch(r"[a-z][a-z0-9+.-]*:[^#\\s]+", d["documentNamespace"])
      assert re.fullmatch(r"\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ", d["creationInfo"]["created"])
      assert all(re.match("(Tool|Person|Organization): ", c) for c in d["creationInfo"]["creators"])
      known, found = {"SPDXRef-DOCUMENT"}, []
      for p in d["packages"]:
          assert re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", p["SPDXID"]), p
          assert p["SPDXID"] not in known, p
          known.add(p["SPDXID"])
          assert p["name"] and p["downloadLocation"] == "NOASSERTION" and p["filesAnalyzed"] is False
          assert p["supplier"] == "NOASSERTION" or re.match("(Person|Organization): ", p["supplier"])
          for ref in p["externalRefs"]:
              assert ref["referenceCategory"] == "PACKAGE-MANAGER" and ref["referenceType"] == "purl"
              m = re.fullmatch(r"pkg:deb/([^/]+)/([^@]+)@([^?]+)\\?arch=([^&]+)(&distro=.*)?", ref["referenceLocator"])
              if m:
                  found.append(" ".join(urllib.parse.unquote(m.group(i)) for i in (2, 3, 4)))
                  assert found[-1].startswith(p["name"] + " " + p["versionInfo"])
              else: assert ref["referenceLocator"].startswith("pkg:oci/")
      for r in d["relationships"]:
          assert r["spdxElementId"] in known and r["relatedSpdxElement"] in known, r
          assert r["relationshipType"] in ("DESCRIBES", "CONTAINS")
      assert any(r["relationshipType"] == "DESCRIBES" for r in d["relationships"])
      print("\\n".join(found))
      """
    return try Tool.python(script, [path]).text.split(separator: "\n").map(String.init)
  }

  private func installed(_ names: [String]) throws -> [String] {
    try Tool.check("dpkg-query", ["-W", "-f", "${Package} ${Version} ${Architecture}\\n"] + names).text
      .split(separator: "\n").map(String.init).sorted()
  }

  @Test("name exactly the packages that the files are from, with sums and copyright")
  func records() throws {
    let bill = folder.appending("bill.json").string
    let tree = try ScratchFixture.tree(
      folder, "tree",
      ["--libraries", "--tzdata", "--ca-certificates", "/usr/bin/curl:/usr/bin/curl", "--sbom", bill])
    // dpkg's lists have names of before /usr was merged, too.
    var owners: Set<String> = ["ca-certificates"]
    let files = try Tool.check(
      "find", [tree.string, "-type", "f", "-not", "-path", "*/var/lib/dpkg/*", "-printf", "/%P\\n"]
    )
    .text.split(separator: "\n").map(String.init)
    for file in files where !file.hasPrefix("/usr/share/") || file.hasSuffix("/zoneinfo/Etc/UTC") {
      for name in [file, file.replacingPrefix("/usr/lib", "/lib")] {
        let result = try Tool.run("dpkg", ["-S", name])
        if result.status.isSuccess { owners.insert(String(result.text.prefix { $0 != ":" })) }
      }
    }
    #expect(owners.count > 20)
    #expect(try packages(bill).sorted() == (try installed(owners.sorted())))
    // Each has its record and copyright, and finds the files as they were packed.
    try Tool.check(
      "sh",
      [
        "-euc",
        """
        cd "$0"
        for name; do
          test "$(sed -n 's/^Package: //p' var/lib/dpkg/status.d/$name)" = $name
          test -s usr/share/doc/$name/copyright
          if [ -e var/lib/dpkg/status.d/$name.md5sums ]; then md5sum --quiet -c var/lib/dpkg/status.d/$name.md5sums; fi
        done
        cat var/lib/dpkg/status.d/libc6.md5sums | grep -q libc.so.6
        """, tree.string,
      ] + owners.sorted())
  }

  @Test("of an import are its packages; a squash has what the joined tree has")
  func tools() throws {
    let first = folder.appending("first").string
    try Tool.check(
      "sh",
      [
        "-euc",
        """
        mkdir -p first/var/lib/dpkg second/var/lib/dpkg
        paragraph() { printf 'Package: %s\\nStatus: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: A <a@example.org>\\n\\n' "$@"; }
        { paragraph one 'install ok installed' 1:2.0+x; paragraph gone 'deinstall ok config-files' 1; } >first/var/lib/dpkg/status
        { paragraph one 'install ok installed' 1:2.1; paragraph two 'install ok installed' 3~1; } >second/var/lib/dpkg/status
        """,
      ], in: folder.path)
    func bill(_ tool: String, _ arguments: [String]) throws -> [String] {
      let path = folder.appending("bill.json").string
      let result = try garboard(tool, arguments + ["--sbom", path, "-q"])
      #expect(result.status.isSuccess, "\(result.errorText)")
      return try packages(path)
    }
    #expect(
      try bill("garboard-import", [first, "-o", folder.appending("one.oci.tar").string]) == [
        "one 1:2.0+x all"
      ])
    // Two layers by another tool; the upper one replaces the database.
    let layout = folder.appending("layout").string
    try Tool.check(
      "sh",
      [
        "-euc",
        """
        # umoci 0.4.7 forgets to fill up the last block of a layer.
        for tree in first second; do
          python3 -I -c 'import sys; f = open(sys.argv[1], "a"); f.write("\\n" * (-f.tell() % 512))' $tree/var/lib/dpkg/status
        done
        umoci init --layout layout; umoci new --image layout:x
        umoci insert --image layout:x first/var /var; umoci insert --image layout:x second/var /var
        """,
      ], in: folder.path)
    #expect(
      try bill("garboard-squash", ["\(layout):x", "-o", folder.appending("s.oci.tar").string])
        == ["one 1:2.1 all", "two 3~1 all"])
    // The upper layer alone is joined, and the lower one stays.
    #expect(
      try bill("garboard-squash", ["--last", "1", "\(layout):x", "-o", folder.appending("u.oci.tar").string])
        == ["one 1:2.1 all", "two 3~1 all"])
    #expect(
      try bill(
        "garboard-squash",
        ["\(layout):x", "--exclude", "/var/lib/dpkg", "-o", folder.appending("t.oci.tar").string]) == [])
  }
}

extension String {
  fileprivate func replacingPrefix(_ prefix: String, _ other: String) -> String {
    hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
  }
}
