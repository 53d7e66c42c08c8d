import Posix
import SystemPackage
import TestSupport
import Testing

/// Special hooks of `garboard-bootstrap` for an ordinary user, against mmdebstrap's own. Needs root.
@Suite("Special hooks, as root")
struct SpecialHookTests {
  private let folder: TemporaryDirectory
  private let archive: DebianArchive

  init() throws {
    folder = try TemporaryDirectory()
    archive = try DebianArchive(packages: [.init("hooked", files: [("usr/share/hooked/file", "f")])])
    try Tool.check("sh", ["-euc", Self.files], in: folder.path)
  }

  private var mirror: String {
    "deb [signed-by=\(archive.keyring)] copy:\(archive.folder) \(archive.suite) main"
  }

  /// What hooks bring: all kinds of files, of several owners.
  private static let files = """
    chmod 755 .; mkdir -p in/tree/sub/deep in/tree/empty in/sync/etc in/sync/under
    cd in; echo 1 >tree/one; ln tree/one tree/sub/two; ln -s one tree/link; ln -s /etc/shadow tree/absolute
    ln -s ../../../../etc/shadow tree/up; ln -s nowhere tree/dangling; mkfifo tree/fifo
    : >"$(printf 'tree/\\377\\351 name')"; echo long >"tree/$(printf '%0200d' 0)"
    truncate -s 3M tree/sparse; echo end >>tree/sparse
    echo a >tree/attribute; setfattr -n user.hello -v world tree/attribute; setfattr -n user.dir -v d tree/sub
    echo l >tree/acl; echo s >sync/etc/synced; echo r >sync/under/y; echo u >up; cp /bin/true able
    chown -R 4711:4711 .; chown 1:2 sync/under/y; echo o >tree/other; chown 3:4 tree/other
    setfacl -m u:33:r tree/acl; setfacl -d -m u:33:rx tree/empty; setcap cap_net_raw+ep able
    chmod 4711 tree/one; chmod 2750 tree/sub; chmod 1777 tree/sub/deep; chmod 500 tree/empty; chmod 600 up
    find . -exec touch -hd 2001-02-03 {} +
    tar cf t.tar -C tree --xattrs --xattrs-include='*' .; xz -k t.tar
    # Without directories, below a symlink that the root has.
    mkdir -p lib/one/two; echo s >lib/one/two/service; tar cf below.tar lib/one/two/service
    chown 4711:4711 *.tar *.xz; touch -d 2001-02-03 *.tar *.xz
    """

  /// What is in the root: for hooks that take it out.
  private static let root = """
    mkdir -p "$1/srv/d" "$1/opt" "$1/etc/x" "$1/usr/lib/one"; cd "$1/srv"; ln -s usr/lib "$1/lib" 2>/dev/null || :
    echo f >f; chown 5:6 f; chmod 4755 f; ln f hard; echo g >d/g; chmod 666 d/g; chmod 2777 d; ln -s d relative
    echo s >setgid; chmod 2755 setgid; mkdir ro; echo r >ro/x; chmod 555 ro; ln -s nowhere dangling; mkfifo fifo
    ln -s /etc/passwd absolute; echo inside >"$1/etc/passwd"; ln -s / all; ln -s ../opt to-opt; ln -s /etc to-etc
    setfattr -n user.a -v b d/g; cp /bin/true able; setcap cap_net_raw+ep able; truncate -s 1M sparse
    chmod 0 sparse; find . "$1/etc/passwd" -exec touch -hd 2002-03-04 {} +
    """

  @Test("An ordinary user's hooks do what mmdebstrap's do")
  func ordinary() throws {
    let script = """
      as=$1; tool=$2; mirror=$3; here=$4; root=$5
      cp "$tool" tool; mkdir -m 777 theirs ours; chmod 755 in
      make() {
        "$as" env TMPDIR="$here/$2" "$here/tool" -q --engine "$1" --mode unshare --variant custom \\
          --cache "$here/$2/cache" --setup-hook "$root" \\
          --setup-hook "copy-in '$here/in/tree' $here/in/able /srv" \\
          --extract-hook "sync-in $here/in/sync /etc" --extract-hook "tar-in $here/in/$3 /opt" \\
          --essential-hook "upload $here/in/up /srv/to-etc/x/up" --essential-hook "copy-in $here/in/up /srv/to-opt" \\
          --customize-hook "tar-in $here/in/below.tar /" \\
          --customize-hook "copy-out /srv $here/$2/copied" --customize-hook "sync-out /srv $here/$2/synced" \\
          --customize-hook "copy-out /srv/absolute /srv/relative /srv/able $here/$2/links" \\
          --customize-hook "tar-out /srv/relative $here/$2/some.tar" \\
          --customize-hook "download /srv/absolute $here/$2/passwd" trixie "$here/$2/root.tar" "$mirror"
        mkdir "$2/some"; tar -C "$2/some" --numeric-owner --xattrs --xattrs-include='*' -xpf "$2/some.tar"
        rm -rf "$2/cache" "$2/some.tar"; touch -d 2003-04-05 "$2/passwd"
      }
      # mmdebstrap has its tar read from a pipe, where that knows no compression.
      make mmdebstrap theirs t.tar; make native ours t.tar.xz
      cat ours/passwd; stat -c %u:%a ours/passwd ours/copied/srv/f
      """
    let said = try OrdinaryUser.check(
      script,
      [
        try builtProgram("garboard-bootstrap").string, mirror, folder.path.string, Self.root,
      ], in: folder.path)
    #expect(said.text == "inside\n4711:644\n4711:755\n")
    func tree(_ name: String) throws -> TreeListing {
      var tree = try TreeListing.ofTar(folder.appending(name).appending("root.tar"))
      // The variant custom has no /usr with mmdebstrap.
      tree.lines.removeAll { line in
        !["srv", "opt", "etc/x", "etc/synced", "etc/under", "usr/lib/one"].contains {
          line.path == $0 || line.path.hasPrefix($0 + "/")
        }
      }
      return tree
    }
    let theirs = try tree("theirs")
    #expect(theirs.differences(try tree("ours"), ignoring: .directoryTimes) == [])
    for path in ["srv/tree/sub/two", "opt/sparse", "etc/x/up", "opt/up", "usr/lib/one/two/service"] {
      #expect(theirs.lines.contains { $0.path == path }, "\(path)")
    }
    try Tool.check("rm", ["theirs/root.tar", "ours/root.tar"], in: folder.path)
    let out = try TreeListing.of(folder.appending("theirs"))
    #expect(out.differences(try TreeListing.of(folder.appending("ours")), ignoring: .directoryTimes) == [])
    #expect(out.lines.contains { $0.path == "copied/srv/d/g" && $0["mode"] == "0644" })
    #expect(out.lines.contains { $0.path == "links/passwd" && $0["size"] == "7" })
  }

  // MARK: Attacks

  /// Runs hooks as root, in a root whose symlinks lead to this folder's `outside`, by absolute and relative ways.
  private func attack(_ hooks: [String], _ output: String = "root.tar") throws -> Tool.Result {
    let place = folder.appending("outside").string
    let setup = """
      mkdir -p "$1/srv" "$1/etc" "$1\(place)"; echo inside >"$1\(place)/victim"; ln -s \(place) "$1/etc/link"
      ln -s \(place)/victim "$1/etc/file"; ln -s \(place)/missing "$1/etc/gone"
      ln -s ../../../../../../../..\(place) "$1/etc/up"
      """
    return try garboard(
      "garboard-bootstrap",
      ["-q", "--mode", "root", "--variant", "custom", "--cache", "cache", "--setup-hook", setup]
        + hooks.flatMap { ["--customize-hook", $0] } + ["trixie", output, mirror], in: folder.path)
  }

  private func outside() throws -> TreeListing {
    try makeDirectories(folder.appending("outside"))
    try folder.write("outside/victim", "outside\n")
    try folder.write("kept", "kept\n")
    return try TreeListing.of(folder.appending("outside"))
  }

  @Test("Names and symlinks that lead out of the root lead to places in it")
  func inside() throws {
    let before = try outside()
    let place = folder.appending("outside").string
    var absolute = HandmadeTar()
    absolute.add(place + "/absolute", data: "a")
    try folder.write("absolute.tar", absolute.finished)
    var over = HandmadeTar()
    over.add("link/over", data: "o")
    over.add("up/second", type: "1", link: "link/over")
    try folder.write("over.tar", over.finished)
    let result = try attack([
      "copy-out /etc/link/victim /etc/file out", "download /etc/up/victim out/downloaded",
      "tar-out /etc/link out/some.tar", "upload in/up /etc/link/one", "upload in/up /etc/up/two",
      "upload in/up /etc/file", "upload in/up /../../..//etc/three", "copy-in in/up /etc/link",
      "tar-in absolute.tar /srv", "tar-in over.tar /etc", "sync-in in/sync /etc/up",
    ])
    #expect(result.status.isSuccess, "\(result.errorText)")
    #expect(before.differences(try .of(folder.appending("outside"))) == [])
    let out = try Tool.check(
      "sh", ["-c", "cat out/victim out/downloaded; tar -xOf out/some.tar outside/victim; ls out"],
      in: folder.path)
    #expect(out.text == "inside\ninside\ninside\ndownloaded\nsome.tar\nvictim\n")
    let lines = try TreeListing.ofTar(folder.appending("root.tar")).lines
    let inside = String(place.dropFirst())
    for path in [
      "etc/three", "srv/\(inside)/absolute", "\(inside)/one", "\(inside)/two", "\(inside)/up",
      "\(inside)/over", "\(inside)/second", "\(inside)/under/y",
    ] { #expect(lines.contains { $0.path == path }, "\(path)") }
    #expect(lines.first { $0.path == "\(inside)/victim" }?["size"] == "2")
    #expect(lines.first { $0.path == "etc/link" }?["type"] == "symlink")
  }

  /// Archives that nobody should unpack: entries by name, type and link.
  private static let hostile: [(entries: [(name: String, type: Character, link: String)], reason: String)] = [
    ([("../escaped", "0", "")], "has a \"..\" part"),
    ([("a/../../escaped", "0", "")], "has a \"..\" part"),
    ([("own", "2", "PLACE"), ("own/escaped", "0", "")], "below a symlink of the same archive"),
    (
      [("own", "2", "../../../../../../..PLACE"), ("own/a/b", "0", "")], "below a symlink of the same archive"
    ),
    ([("own", "2", "PLACE"), ("copy", "1", "own/victim")], "below a symlink of the same archive"),
    (
      [("d", "5", ""), ("d/x", "0", ""), ("d", "2", "PLACE"), ("d/y", "0", "")], "below a symlink of the same"
    ),
    ([("copy", "1", "/etc/passwd-")], "doesn't exist"),
    ([("copy", "1", "../../../etc/passwd")], "has a \"..\" part"),
    ([("gone/escaped", "0", "")], "can't follow a symlink to"),
  ]

  @Test("Archives that lead out of the root are refused", arguments: hostile.indices)
  func refused(_ number: Int) throws {
    let before = try outside()
    let place = folder.appending("outside").string
    var tar = HandmadeTar()
    for entry in Self.hostile[number].entries {
      tar.add(entry.name, type: entry.type, link: entry.link.replacing("PLACE", with: place))
    }
    try folder.write("hostile.tar", tar.finished)
    let result = try attack(["tar-in hostile.tar /etc"])
    #expect(result.status == .exited(1))
    #expect(result.errorText.contains("the hook tar-in failed: "), "\(result.errorText)")
    #expect(result.errorText.contains(Self.hostile[number].reason), "\(result.errorText)")
    #expect(before.differences(try .of(folder.appending("outside"))) == [])
    #expect(throws: (any Error).self) { try readBytes(folder.appending("root.tar")) }
  }

  @Test(
    "What isn't in the root is refused by its name, and what is outside stays as it was",
    arguments: [
      "download /etc/gone kept", "tar-out /etc/gone kept", "copy-out /etc/gone out", "sync-out /etc/none out",
      "download /etc kept", "sync-out /etc/file out",
    ])
  func missing(_ hook: String) throws {
    _ = try outside()
    let result = try attack([hook])
    #expect(result.status == .exited(1))
    let words = hook.split(separator: " ")
    #expect(result.errorText.contains("the hook \(words[0]) failed: can't "), "\(result.errorText)")
    #expect(try readBytes(folder.appending("kept")) == Array("kept\n".utf8))
    #expect(try Tool.check("ls", [], in: folder.path).text == "cache\nin\nkept\noutside\n")
  }
}
