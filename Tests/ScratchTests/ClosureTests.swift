import Posix
import SystemPackage
import TestSupport
import Testing

/// The dynamic loader is asked what it takes; the image must have exactly that. Needs root.
@Suite("The libraries of a program, as root")
struct ClosureTests {
  /// A layout of libraries: how it is made by a shell in its folder, where `cc` compiles. The program is `bin/p`.
  struct Layout: CustomTestStringConvertible, Sendable {
    var name: String
    var script: String
    var testDescription: String { name }
  }

  private static let prelude = """
    mkdir -p bin a b lib
    echo 'int b(void) { return 20; }' >b.c
    echo 'int b(void); int a(void) { return 1 + b(); }' >a.c
    echo '#include <stdio.h>' >p.c
    echo 'int a(void); int main(void) { printf("%d%c", a(), 10); return 0; }' >>p.c
    old=-Wl,--disable-new-dtags new=-Wl,--enable-new-dtags late=-Wl,--allow-shlib-undefined
    late="$late -Wl,--unresolved-symbols=ignore-in-shared-libs"
    lib() { out=$1 soname=$2; shift 2; gcc -shared -fPIC -Wl,-soname,$soname -o $out "$@"; }

    """

  static let layouts = [
    Layout(
      name: "RPATH is inherited by the libraries of a library",
      script: """
        lib a/libb.so libb.so b.c; lib a/liba.so liba.so a.c a/libb.so
        gcc p.c -o bin/p a/liba.so $late $old '-Wl,-rpath,$ORIGIN/../a'
        """),
    Layout(
      name: "RUNPATH is not",
      script: """
        lib a/libb.so libb.so b.c; lib a/liba.so liba.so a.c a/libb.so
        gcc p.c -o bin/p a/liba.so $late $new '-Wl,-rpath,$ORIGIN/../a'
        """),
    Layout(
      name: "a library's RUNPATH takes the program's RPATH from it",
      script: """
        lib a/libb.so libb.so b.c; lib a/liba.so liba.so a.c a/libb.so $new -Wl,-rpath,/nowhere
        gcc p.c -o bin/p a/liba.so $late $old '-Wl,-rpath,$ORIGIN/../a'
        """),
    Layout(
      name: "a library's own RUNPATH from its own folder",
      script: """
        lib b/libb.so libb.so b.c; lib a/liba.so liba.so a.c b/libb.so $new '-Wl,-rpath,${ORIGIN}/../b'
        gcc p.c -o bin/p a/liba.so $late $new '-Wl,-rpath,$ORIGIN/../a'
        """),
    Layout(
      name: "what is loaded already is found by its soname",
      script: """
        lib b/libb-file.so libb.so.1 b.c; ln -s libb-file.so b/libb.so.1
        lib a/liba.so liba.so a.c b/libb-file.so
        gcc p.c -o bin/p -Wl,--no-as-needed b/libb-file.so a/liba.so $late $new '-Wl,-rpath,$ORIGIN/../b:$ORIGIN/../a'
        """),
    Layout(
      name: "libraries that need each other",
      script: """
        lib a/libb.so libb.so b.c; lib a/liba.so liba.so a.c a/libb.so $new '-Wl,-rpath,$ORIGIN'
        lib a/libb.so libb.so b.c -Wl,--no-as-needed a/liba.so $new '-Wl,-rpath,$ORIGIN'
        gcc p.c -o bin/p a/liba.so $late $new '-Wl,-rpath,$ORIGIN/../a'
        """),
    Layout(
      name: "the first of two folders wins, and $LIB and $PLATFORM have values",
      script: """
        mkdir -p root/lib/x86_64-linux-gnu x/x86_64
        lib root/lib/x86_64-linux-gnu/libb.so libb.so b.c; lib b/libb.so libb.so b.c
        lib x/x86_64/liba.so liba.so a.c b/libb.so $new '-Wl,-rpath,$ORIGIN/../../root/$LIB:$ORIGIN/../../b'
        gcc p.c -o bin/p x/x86_64/liba.so $late $new '-Wl,-rpath,$ORIGIN/../x/$PLATFORM:$ORIGIN/../x/x86_64'
        """),
    Layout(
      name: "a library by its path, and a chain of symlinks",
      script: """
        gcc -shared -fPIC -o a/libb.so.1.2.3 b.c; ln -s libb.so.1.2.3 a/libb.so.1; ln -s ../a/libb.so.1 b/libb.so
        lib a/liba.so liba.so a.c $PWD/b/libb.so
        gcc p.c -o bin/p a/liba.so $late $new '-Wl,-rpath,$ORIGIN/../a'
        """),
    Layout(
      name: "a file for another machine is passed over",
      script: """
        lib b/libb.so libb.so b.c; cp b/libb.so a/libb.so; printf '\\267' | dd of=a/libb.so bs=1 seek=18 conv=notrunc
        lib a/liba.so liba.so a.c b/libb.so $new '-Wl,-rpath,$ORIGIN:$ORIGIN/../b'
        gcc p.c -o bin/p a/liba.so $late $new '-Wl,-rpath,$ORIGIN/../a'
        """),
  ]

  @Test("are those that ldd names, or what ldd doesn't find is missing", arguments: layouts)
  func asLdd(_ layout: Layout) throws {
    let folder = try TemporaryDirectory()
    try Tool.check("sh", ["-euc", Self.prelude + layout.script], in: folder.path)
    let program = folder.appending("bin/p").string
    let oracle = try ScratchFixture.ldd(program)
    if !oracle.missing.isEmpty {
      let result = try garboard(
        "garboard-scratch", "--libraries", program, "-o", folder.appending("x.tar").string)
      #expect(result.status == .exited(1))
      for name in oracle.missing { #expect(result.errorText.contains("\(name) (needed by ")) }
      #expect(result.errorText.split(separator: "\n").count == 1)
      return
    }
    let root = try ScratchFixture.tree(folder, "root-image", ["--libraries", "\(program):\(program)"])
    #expect(try ScratchFixture.libraries(in: root) == oracle.found)
    #expect(try ScratchFixture.run(program, in: root) == "21\n")
  }

  @Test("come along beside a program that goes elsewhere")
  func moved() throws {
    let folder = try TemporaryDirectory()
    try Tool.check("sh", ["-euc", Self.prelude + Self.layouts[3].script], in: folder.path)
    let root = try ScratchFixture.tree(
      folder, "image", ["--libraries", "\(folder.appending("bin/p")):/opt/app/bin/p"])
    #expect(try ScratchFixture.libraries(in: root).contains("/opt/app/b/libb.so"))
    #expect(try ScratchFixture.run("/opt/app/bin/p", in: root) == "21\n")
  }

  @Test("in folders of ld.so.conf get a cache, which the loader and ldconfig read")
  func cache() throws {
    let folder = try TemporaryDirectory()
    // A root of its own: a shell's closure and ldconfig.
    let base = try ScratchFixture.tree(
      folder, "base",
      ["--libraries", "--shell", "/usr/bin/true:/usr/bin/true", "/sbin/ldconfig:/sbin/ldconfig"])
    try Tool.check(
      "sh",
      [
        "-euc",
        """
        \(Self.prelude)
        mkdir -p base/opt/one base/opt/two base/opt/three base/etc/ld.so.conf.d
        lib base/opt/one/libb.so.1.10 libb.so.1 b.c; ln -s libb.so.1.10 base/opt/one/libb.so.1
        lib base/opt/two/libb.so.1 libb.so.1 b.c
        lib base/opt/three/liba.so liba.so a.c base/opt/one/libb.so.1
        gcc p.c -o base/usr/bin/p base/opt/three/liba.so $late
        echo 'include ld.so.conf.d/*.conf # all' >base/etc/ld.so.conf
        echo /opt/one >base/etc/ld.so.conf.d/1.conf; printf '/opt/two\\n/opt/three\\n' >base/etc/ld.so.conf.d/2.conf
        ldconfig -r base
        """,
      ], in: folder.path)
    let oracle = try ScratchFixture.ldd("/usr/bin/p", root: base.string)
    #expect(oracle.found.contains("/opt/one/libb.so.1.10"))
    let root = try ScratchFixture.tree(
      folder, "image",
      ["--libraries", "--root", base.string, "\(base.appending("usr/bin/p")):/usr/bin/p"])
    #expect(try ScratchFixture.libraries(in: root) == oracle.found)
    #expect(try Tool.check("chroot", [root.string, "/usr/bin/p"]).text == "21\n")
    let listed = try Tool.check("ldconfig", ["-p", "-C", root.appending("etc/ld.so.cache").string]).text
    let lines = listed.split(separator: "\n").map { $0.drop { $0 == "\t" } }
    #expect(lines.contains("libb.so.1 (libc6,x86-64) => /opt/one/libb.so.1"))
    #expect(lines.contains("liba.so (libc6,x86-64) => /opt/three/liba.so"))
    #expect(listed.hasPrefix("2 libs found"))
    // Without the need for one there is none.
    let plain = try ScratchFixture.tree(folder, "plain", ["--libraries", "/usr/bin/true"])
    #expect(try !Tool.run("test", ["-e", plain.appending("etc/ld.so.cache").string]).status.isSuccess)
  }

  @Test("have all variants of glibc-hwcaps that a machine may choose")
  func capabilities() throws {
    let folder = try TemporaryDirectory()
    let base = try ScratchFixture.tree(
      folder, "base", ["--libraries", "--shell", "/usr/bin/true:/usr/bin/true"])
    try Tool.check(
      "sh",
      [
        "-euc",
        """
        \(Self.prelude)
        caps=base/usr/lib/x86_64-linux-gnu/glibc-hwcaps; mkdir -p $caps/x86-64-v2 $caps/x86-64-v4
        lib base/usr/lib/x86_64-linux-gnu/liba.so liba.so b.c -Db=a
        cp base/usr/lib/x86_64-linux-gnu/liba.so $caps/x86-64-v2; cp $caps/x86-64-v2/liba.so $caps/x86-64-v4
        gcc p.c -o base/usr/bin/p base/usr/lib/x86_64-linux-gnu/liba.so
        """,
      ], in: folder.path)
    let chosen = try ScratchFixture.ldd("/usr/bin/p", root: base.string).found
    #expect(chosen.contains { $0.contains("glibc-hwcaps") })
    let root = try ScratchFixture.tree(
      folder, "image", ["--libraries", "--root", base.string, "\(base.appending("usr/bin/p")):/usr/bin/p"])
    let libraries = try ScratchFixture.libraries(in: root)
    #expect(chosen.isSubset(of: libraries))
    #expect(libraries.filter { $0.hasSuffix("/liba.so") }.count == 3)
    #expect(try Tool.check("chroot", [root.string, "/usr/bin/p"]).text == "20\n")
  }

  @Test("of a program for musl are those of musl's loader")
  func musl() throws {
    let folder = try TemporaryDirectory()
    try Tool.check(
      "sh",
      [
        "-euc",
        """
        \(Self.prelude)
        musl-gcc -shared -fPIC -Wl,-soname,libb.so -o b/libb.so b.c
        musl-gcc -shared -fPIC -Wl,-soname,liba.so -o a/liba.so a.c b/libb.so
        # RUNPATH is inherited here.
        musl-gcc p.c -o bin/p a/liba.so $late $new '-Wl,-rpath,$ORIGIN/../a:$ORIGIN/../b'
        """,
      ], in: folder.path)
    let program = folder.appending("bin/p").string
    let listed = try Tool.check("/lib/ld-musl-x86_64.so.1", ["--list", program]).text
    var expected: Set<String> = []
    for word in listed.split(whereSeparator: \.isWhitespace) where word.hasPrefix("/") {
      expected.insert(String(try Tool.check("readlink", ["-f", String(word)]).text.dropLast()))
    }
    #expect(expected.count == 3)
    let root = try ScratchFixture.tree(folder, "root-image", ["--libraries", "\(program):\(program)"])
    #expect(try ScratchFixture.libraries(in: root) == expected)
    #expect(try ScratchFixture.run(program, in: root) == "21\n")
  }

  @Test("are taken from inside the root, whatever its symlinks say")
  func inside() throws {
    let folder = try TemporaryDirectory()
    let base = try ScratchFixture.tree(folder, "base", ["--libraries", "/usr/bin/true:/usr/bin/true"])
    // Absolute, and through more ".." than there are folders.
    try Tool.check(
      "sh",
      [
        "-euc",
        """
        cd base; mkdir deep; mv usr/lib/x86_64-linux-gnu/libc.so.6 deep/c
        ln -s ../../../../../../../../../deep/c usr/lib/x86_64-linux-gnu/libc.so.6
        """,
      ], in: folder.path)
    let root = try ScratchFixture.tree(
      folder, "image", ["--libraries", "--root", base.string, "\(base.appending("usr/bin/true")):/t"])
    #expect(try ScratchFixture.libraries(in: root).allSatisfy { !$0.contains("libc.so.6") })
    #expect(try Tool.check("chroot", [root.string, "/t"]).status.isSuccess)
  }
}
