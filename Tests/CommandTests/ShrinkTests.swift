import Posix
import SystemPackage
import TestSupport
import Testing

/// What squashing leaves out, on handmade trees. Needs root.
@Suite("garboard-squash leaves out")
struct ShrinkTests {
  /// An image `x.oci.tar` of one layer for each script, each run in an empty folder.
  private func image(_ layers: [String]) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    var script = "umoci init --layout l; umoci new --image l:x\n"
    for (number, layer) in layers.enumerated() {
      try TreeBuilder.shell("mkdir \(number); cd \(number); \(layer)", in: folder.path)
      script += """
        tar -C \(number) --sort=name --numeric-owner --xattrs -cf \(number).tar .
        umoci raw add-layer --image l:x \(number).tar

        """
    }
    _ = try Tool.find("umoci")
    try Tool.check(
      "sh", ["-euc", script + "skopeo copy --quiet oci:l:x oci-archive:x.oci.tar"], in: folder.path)
    return folder
  }

  @discardableResult
  private func squash(_ arguments: String..., in folder: TemporaryDirectory) throws -> Tool.Result {
    let result = try garboard("garboard-squash", arguments, in: folder.path)
    #expect(result.status.isSuccess, "\(arguments): \(result.errorText)")
    return result
  }

  /// The paths of the tree that an image makes.
  private func paths(_ image: String, in folder: TemporaryDirectory) throws -> Set<String> {
    let tar = folder.appending("flat-\(image).tar")
    try squash("-q", image, tar.string, in: folder)
    return Set(try TreeListing.ofExtracted(tar).lines.map(\.path))
  }

  /// The tree that the kernel makes of an image's layers, which have no opaque markers.
  private func overlay(_ image: String, in folder: TemporaryDirectory) throws -> TreeListing {
    let script = """
      mount -t tmpfs none mnt; cd mnt; mkdir l m out empty empty2
      tar -C l -xf ../$1
      dirs=empty; number=0
      python3 -I -c 'import json
      i = json.load(open("l/index.json"))["manifests"][0]["digest"].split(":")[1]
      for x in json.load(open("l/blobs/sha256/" + i))["layers"]: print(x["digest"].split(":")[1])' >list
      while read -r digest; do
        number=$((number + 1)); mkdir "$number"
        tar -C "$number" -xpf "l/blobs/sha256/$digest" --numeric-owner --xattrs --xattrs-include='*'
        (cd "$number"; [ -z "$(find . -name '.wh..wh..opq')" ]
         find . -name '.wh.*' | while read -r path; do
           name=${path##*/.wh.}; rm "$path"; mknod "${path%/*}/$name" c 0 0; done)
        dirs="$number:$dirs"
      done <list
      mount -t overlay overlay -o "lowerdir=$dirs:empty2" m
      tar -C m --sort=name --numeric-owner --xattrs --xattrs-include='*' -cf "$2" .
      """
    try makeDirectories(folder.appending("mnt"))
    let tar = folder.appending("overlay.tar")
    try Tool.check(
      "unshare", ["--mount", "sh", "-euc", script, "sh", image, tar.string], in: folder.path)
    return try TreeListing.ofExtracted(tar)
  }

  @Test(
    "A pattern takes a directory with all below it; what is included stays, with the directories it needs")
  func patterns() throws {
    let folder = try image([
      "mkdir -p a/b/c d; echo 1 >a/b/c/keep; echo 2 >a/b/c/go; echo 3 >a/x; echo 4 >d/a; echo 5 >d/go"
    ])
    try squash("-q", "--exclude", "/a", "--include", "/a/b/c/keep", "x.oci.tar", "s.oci.tar", in: folder)
    #expect(
      try paths("s.oci.tar", in: folder) == [".", "a", "a/b", "a/b/c", "a/b/c/keep", "d", "d/a", "d/go"])
    try squash("-q", "--exclude", "go", "--exclude", "/a/x", "x.oci.tar", "t.oci.tar", in: folder)
    #expect(
      try paths("t.oci.tar", in: folder) == [".", "a", "a/b", "a/b/c", "a/b/c/keep", "d", "d/a"])
  }

  @Test("A file stays while one of its names does, and the first of these has its data")
  func hardlinks() throws {
    let folder = try image([
      "mkdir a b; echo data >a/first; ln a/first b/second; ln a/first b/third; echo z >a/z; ln a/z a/zz"
    ])
    let result = try squash("--json", "--exclude", "/a", "x.oci.tar", "s.tar", in: folder)
    let lines = try TreeListing.ofTar(folder.appending("s.tar")).lines
    #expect(lines.map(\.path) == [".", "b", "b/second", "b/third"])
    #expect(lines[2]["type"] == "file" && lines[2]["size"] == "5")
    #expect(lines[3]["type"] == "hardlink" && lines[3]["to"] == "b/second")
    // "data" is still stored; "z" isn't.
    let said = try Tool.python(
      "import json, sys; print(json.load(sys.stdin)['images'][0]['savings'])", [], input: result.output
    ).text
    #expect(said == "[{'bytes': 2, 'kind': 'exclude', 'name': '/a', 'paths': 4}]\n")
  }

  @Test("Rules on what Debian's minimal tree doesn't have")
  func rules() throws {
    let folder = try image([
      """
      mkdir -p usr/lib/python3/m/__pycache__ opt/sourceless usr/lib/x86_64-linux-gnu usr/lib/ocaml
      cd usr/lib/python3/m; touch a.py a.pyc __pycache__/a.cpython-313.pyc; cd ../../../..
      touch opt/sourceless/b.pyc
      cd usr/lib/x86_64-linux-gnu; touch libx.a libx.la libpthread.a libc_nonshared.a x.a libx.so; cd ../../..
      touch usr/lib/ocaml/libocaml.a
      mkdir -p usr/share/locale/de/LC_MESSAGES usr/share/locale/pt_BR usr/share/locale/C usr/lib/locale/C.utf8
      touch usr/share/locale/de/LC_MESSAGES/x.mo usr/share/locale/pt_BR/y usr/share/locale/C/z
      touch usr/lib/locale/locale-archive usr/lib/locale/C.utf8/LC_CTYPE
      mkdir -p usr/share/doc/p usr/lib/debug/x; touch usr/share/doc/p/copyright usr/share/doc/p/README
      ln -s p usr/share/doc/q; touch usr/lib/debug/x/y
      mkdir -p usr/share/man/man1 usr/share/man/de/man1; touch usr/share/man/man1/x.1 usr/share/man/de/man1/x.1
      """
    ])
    func gone(_ arguments: String...) throws -> Set<String> {
      let result = try garboard(
        "garboard-squash", ["-q"] + arguments + ["x.oci.tar", "s.oci.tar"], in: folder.path)
      #expect(result.status.isSuccess, "\(result.errorText)")
      return try paths("x.oci.tar", in: folder).subtracting(paths("s.oci.tar", in: folder))
    }
    #expect(
      try gone("--shrink", "pyc") == [
        "usr/lib/python3/m/__pycache__", "usr/lib/python3/m/__pycache__/a.cpython-313.pyc",
        "usr/lib/python3/m/a.pyc",
      ])
    #expect(
      try gone("--shrink", "static-libs") == [
        "usr/lib/x86_64-linux-gnu/libx.a", "usr/lib/x86_64-linux-gnu/libx.la",
      ])
    let locales: Set = [
      "usr/share/locale/de", "usr/share/locale/de/LC_MESSAGES", "usr/share/locale/de/LC_MESSAGES/x.mo",
      "usr/share/locale/pt_BR", "usr/share/locale/pt_BR/y", "usr/lib/locale/locale-archive",
    ]
    #expect(try gone("--shrink", "locales") == locales)
    #expect(
      try gone("--shrink", "locales", "--keep-locale", "de_DE.UTF-8") == [
        "usr/share/locale/pt_BR", "usr/share/locale/pt_BR/y",
      ])
    #expect(try gone("--shrink", "locales", "--include", "/usr") == [])
    #expect(
      try gone("--shrink", "docs,man,debug") == [
        "usr/share/doc/p/README", "usr/share/man/man1/x.1", "usr/share/man/de", "usr/share/man/de/man1",
        "usr/share/man/de/man1/x.1", "usr/lib/debug/x", "usr/lib/debug/x/y",
      ])
    #expect(try gone("--shrink", "copyright") == ["usr/share/doc/p/copyright"])
  }

  /// A base with a package of dpkg's, a layer in the middle, and one on top.
  private static let layered = [
    """
    mkdir -p etc usr/share/man/man1 usr/share/doc/p usr/bin usr/lib var/lib/dpkg/info; ln -s usr/lib lib
    echo conf >etc/p.conf; echo man >usr/share/man/man1/p.1; echo doc >usr/share/doc/p/README
    echo prog >usr/bin/p; ln usr/bin/p usr/share/doc/p/link; echo x >usr/lib/x; echo y >usr/lib/y
    printf '/.\\n/etc/p.conf\\n/usr/bin/p\\n/usr/share/man/man1/p.1\\n/usr/share/doc/p/README\\n/lib/x\\n/lib/y\\n' \
      >var/lib/dpkg/info/p.list
    echo /etc/p.conf >var/lib/dpkg/info/p.conffiles
    printf '0  usr/bin/p\\n1  usr/share/man/man1/p.1\\n2  lib/x\\n' >var/lib/dpkg/info/p:amd64.md5sums
    printf '/usr/bin/p\\n' >var/lib/dpkg/info/other.list
    """,
    "mkdir -p usr/share/doc/p; echo two >usr/share/doc/p/two; mkdir usr/share/new; echo n >usr/share/new/n",
    "mkdir -p usr/share/doc/p; echo three >usr/share/doc/p/three; echo top >top; ln top usr/share/doc/top",
  ]

  @Test(
    "Joined above layers that stay, what is left out is hidden, and the kernel sees the tree of all joined",
    arguments: [["--last", "1"], ["--last", "2"], ["--from", "2"], ["--max-layers", "2"]])
  func partial(_ selection: [String]) throws {
    let folder = try image(Self.layered)
    let rules = [
      "-q", "--exclude", "/usr/share/doc", "--shrink", "man", "--exclude", "/lib/*", "--exclude",
      "/usr/lib/x",
      "--exclude", "/etc/p.conf",
    ]
    for arguments in [
      rules + ["x.oci.tar", "whole.tar"],
      rules + selection + ["--compression", "none", "x.oci.tar", "part.oci.tar"],
    ] {
      let result = try garboard("garboard-squash", arguments, in: folder.path)
      #expect(result.status.isSuccess, "\(result.errorText)")
    }
    let whole = try TreeListing.ofExtracted(folder.appending("whole.tar"))
    let seen = try overlay("part.oci.tar", in: folder)
    // A directory's time changes in the merged mount when the kernel makes a whiteout, not here.
    #expect(whole.differences(seen, ignoring: [.directoryTimes]) == [])
    let paths = Set(whole.lines.map(\.path))
    #expect(paths.contains("usr/share/new/n") && paths.contains("usr/share/man/man1"))
    for path in ["usr/share/doc", "usr/share/man/man1/p.1", "usr/lib/x", "etc/p.conf"] {
      #expect(!paths.contains(path))
    }
    // The lists without what is gone, but for the configuration file.
    func content(_ path: String) throws -> String {
      try Tool.check("tar", ["-xOf", "whole.tar", path], in: folder.path).text
    }
    #expect(try content("var/lib/dpkg/info/p.list") == "/.\n/etc/p.conf\n/usr/bin/p\n/lib/y\n")
    #expect(try content("var/lib/dpkg/info/p:amd64.md5sums") == "0  usr/bin/p\n")
    #expect(try content("var/lib/dpkg/info/other.list") == "/usr/bin/p\n")
  }

  @Test("Layers that stay on top of a run: what the run leaves out isn't there for them")
  func below() throws {
    let folder = try image([
      "mkdir a; echo 1 >a/1; echo 2 >b", "mkdir a; echo 3 >a/3",
      "mkdir c; head -c 100000 /dev/urandom >c/large", "echo 5 >e",
      "echo 6 >f; head -c 100000 /dev/urandom >g",
    ])
    try squash(
      "-q", "--max-layers", "3", "--exclude", "/a", "--compression", "none", "x.oci.tar", "s.oci.tar",
      in: folder)
    try squash("-q", "--exclude", "/a", "x.oci.tar", "whole.tar", in: folder)
    let above = try garboard(
      "garboard-squash", "-q", "--max-layers", "4", "--exclude", "/f", "x.oci.tar", "t.oci.tar",
      in: folder.path)
    #expect(above.errorText.contains("some paths (1) that were to be left out come from layers above"))
    #expect(try paths("t.oci.tar", in: folder).contains("f"))
    let unjoined = try garboard(
      "garboard-squash", "-q", "--max-layers", "5", "--exclude", "/f", "x.oci.tar", "t.oci.tar",
      in: folder.path)
    #expect(unjoined.errorText.contains("no layers were joined"))
    #expect(try paths("t.oci.tar", in: folder).contains("f"))
    let whole = try TreeListing.ofExtracted(folder.appending("whole.tar"))
    #expect(whole.differences(try overlay("s.oci.tar", in: folder), ignoring: [.directoryTimes]) == [])
  }

  @Test("--shrink list says of each rule what it costs; what is no rule is wrong usage")
  func usage() throws {
    let listed = try garboard("garboard-squash", "--shrink", "list")
    #expect(listed.status.isSuccess)
    let lines = listed.text.split(separator: "\n").map(String.init)
    for rule in [
      "man", "docs", "info", "locales", "apt-lists", "caches", "logs", "pyc", "static-libs", "debug",
    ] {
      let place = try #require(lines.firstIndex(of: rule), "no rule \(rule)")
      #expect(lines[place + 1].hasPrefix("  leaves out ") && lines[place + 2].hasPrefix("  costs: "))
    }
    for arguments in [["--shrink", "mann", "x", "y"], ["--keep-locale", "de", "x", "y"], []] {
      let result = try garboard("garboard-squash", arguments)
      #expect(result.status == .exited(64), "\(arguments): \(result.status)")
    }
  }

  @Test("Files of the same content become one, where programs are, as inodes show")
  func dedupe() throws {
    let folder = try image([
      """
      mkdir -p usr/a usr/b etc opt
      for f in usr/a/1 usr/b/2 usr/b/z etc/1 etc/2 opt/1 opt/2; do echo same >$f; done
      touch -d @1 usr/b/z; echo same >usr/b/mode; chmod 600 usr/b/mode; echo same >usr/b/owner; chown 5 usr/b/owner
      echo same >usr/b/attribute; setfattr -n user.x -v y usr/b/attribute; echo SAME >usr/b/other
      touch usr/a/empty usr/b/empty; echo linked >usr/a/l1; ln usr/a/l1 usr/a/l2; echo linked >usr/b/l3
      echo half >usr/a/half; ln usr/a/half etc/half; echo half >usr/b/half
      echo py >usr/a/m.py; echo py >usr/b/m.py; echo py >usr/b/n.py; touch -d @5 usr/a/m.py usr/b/m.py
      touch -d @6 usr/b/n.py
      """
    ])
    func groups(_ tar: String) throws -> [String] {
      try Tool.check(
        "sh",
        [
          "-euc",
          """
          rm -rf out; mkdir out; tar -C out -xf "$1" --xattrs --xattrs-include='*'
          cd out; find . -type f -links +1 -printf '%i %P\\n' | sort |
            awk '{g[$1] = g[$1] " " $2} END {for (i in g) print g[i]}' | sort
          """, "sh", tar,
        ], in: folder.path
      ).text.split(separator: "\n").map(String.init)
    }
    try squash("-q", "x.oci.tar", "plain.tar", in: folder)
    #expect(try groups("plain.tar") == [" etc/half usr/a/half", " usr/a/l1 usr/a/l2"])
    let result = try squash("--json", "--dedupe", "x.oci.tar", "s.tar", in: folder)
    #expect(
      try groups("s.tar") == [
        " etc/half usr/a/half", " usr/a/1 usr/b/2 usr/b/z", " usr/a/l1 usr/a/l2 usr/b/l3",
        " usr/a/m.py usr/b/m.py",
      ])
    let said = try Tool.python(
      "import json, sys; print(json.load(sys.stdin)['images'][0]['savings'])", [], input: result.output
    ).text
    #expect(said == "[{'bytes': 20, 'kind': 'dedupe', 'name': '', 'paths': 4}]\n")
    // Contents, modes, owners and attributes as before, through every name.
    try Tool.check(
      "sh", ["-euc", "mkdir p q; tar -C p -xf plain.tar; tar -C q -xf s.tar; diff -r p q"], in: folder.path)
    let plain = try TreeListing.ofExtracted(folder.appending("plain.tar"))
    let changes = plain.differences(try TreeListing.ofExtracted(folder.appending("s.tar")))
    #expect(
      changes.map { $0.split(separator: " ")[1] } == ["usr/b/2", "usr/b/l3", "usr/b/m.py", "usr/b/z"],
      "\(changes)")
    try squash("-q", "--dedupe-path", "/opt", "x.oci.tar", "o.tar", in: folder)
    #expect(
      try groups("o.tar") == [" etc/half usr/a/half", " opt/1 opt/2", " usr/a/l1 usr/a/l2"])
  }
}
