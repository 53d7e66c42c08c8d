import Posix
import SystemPackage
import TestSupport
import Testing

/// Needs root, and the machine's Debian archive.
@Suite("The family of recipes")
struct FamilyRecipeTests {
  let folder: TemporaryDirectory

  /// The recipes alone that don't need what isn't built yet.
  init() throws {
    folder = try TemporaryDirectory()
    var root = FilePath(#filePath)
    for _ in 0..<3 { root.removeLastComponent() }
    let names = ["static.yaml", "base.yaml", "nonroot"].map { root.appending("recipes/\($0)").string }
    try Tool.check("mkdir", [folder.appending("recipes").string])
    try Tool.check("cp", ["-r"] + names + [folder.appending("recipes").string])
  }

  private func digest(_ name: String) throws -> String {
    try Tool.check("sha256sum", [folder.appending(name).string]).text.prefix(64).description
  }

  @Test("The certificates of static are those that Debian's package makes, whatever the machine has")
  func certificates() throws {
    let tools = try productsDirectory()
    let script = """
      tools='\(tools)'
      "$tools/garboard-build" -q --cache one -o one static
      # Another machine: its own certificates, time zones and packages.
      unshare --mount sh -euc '
        echo other >other
        for file in /etc/ssl/certs/ca-certificates.crt /etc/services /etc/protocols /var/lib/dpkg/status \\
          /usr/share/zoneinfo/Europe/Berlin
        do mount --bind other $file; done
        exec "$0/garboard-build" -q --cache two -o two static' "$tools"
      "$tools/garboard-squash" -q oci-archive:one/static.oci.tar tar:static.tar
      tar -xOf static.tar etc/ssl/certs/ca-certificates.crt >bundle
      # What the package's own script makes when it is configured.
      "$tools/garboard-bootstrap" -q --cache one --variant minbase --include ca-certificates trixie tar:whole.tar
      tar -xOf whole.tar etc/ssl/certs/ca-certificates.crt >expected
      """
    try Tool.check("sh", ["-euc", script], in: folder.path)
    let (bundle, expected) = (
      try readBytes(folder.appending("bundle")), try readBytes(folder.appending("expected"))
    )
    #expect(expected.count > 100_000)
    #expect(bundle == expected)
    #expect(try digest("one/static.oci.tar") == digest("two/static.oci.tar"))
    let tree = try TreeListing.ofTar(folder.appending("static.tar"))
    let line = try #require(tree.lines.first { $0.path == "etc/ssl/certs/ca-certificates.crt" })
    #expect(line["mode"] == "0644")
    for path in ["etc/apt", "usr/share/ca-certificates", "usr/sbin/update-ca-certificates"] {
      #expect(!tree.lines.contains { $0.path == path || $0.path.hasPrefix(path + "/") }, "\(path)")
    }
    // dpkg still knows the package, and no file that isn't there.
    let status = try Tool.check(
      "sh",
      [
        "-euc",
        """
        mkdir tree; tar -xf static.tar -C tree --exclude dev
        dpkg-query --admindir tree/var/lib/dpkg -W -f '${Package}\\n' | grep -x ca-certificates
        while read -r path; do [ -e "tree$path" ] || [ -L "tree$path" ] || echo "$path is missing"; done \\
          <tree/var/lib/dpkg/info/ca-certificates.list
        """,
      ], in: folder.path)
    #expect(status.text == "ca-certificates\n")
  }

  @Test("base has the layer of static, and one more")
  func layers() throws {
    try Tool.check(
      builtProgram("garboard-build").string, ["-q", "--cache", "cache", "--all"], in: folder.path)
    func layers(_ name: String) throws -> [Substring] {
      try Tool.check(
        "skopeo",
        [
          "inspect", "--format", "{{range .Layers}}{{.}} {{end}}",
          "oci-archive:\(folder.appending("output/\(name).oci.tar"))",
        ]
      ).text.split { $0 == " " || $0 == "\n" }
    }
    let (lower, upper) = (try layers("static"), try layers("base"))
    #expect(lower.count == 1)
    #expect(upper.count == 2)
    #expect(upper.first == lower.first)
  }
}
