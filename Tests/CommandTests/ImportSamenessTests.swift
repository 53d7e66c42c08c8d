import Posix
import SystemPackage
import TestSupport
import Testing

/// The same tree gives the same layer, however it comes and whoever imports it. Needs root.
@Suite("garboard-import: the same layer")
struct ImportSamenessTests {
  /// A tree with everything in it, and one with times in whole seconds and only what cpio holds too.
  private static let trees = Result { () throws -> TemporaryDirectory in
    let folder = try TemporaryDirectory()
    try TreeBuilder.nasty(in: folder.appending("nasty"))
    try TreeBuilder.shell(
      """
      mkdir -p simple/b/c simple/a; cd simple; printf x >b/c/f; ln b/c/f a/hard; ln -s ../b a/link
      seq 100000 >ab; chmod 4755 ab; mkfifo p; mknod null c 1 3; printf y >"$(printf 'latin-\\344')"
      find . -exec touch -h -d @1400000000 {} +; touch -d @1500000000 ab; chmod 755 .
      chown 12:34 a/link -h
      """, in: folder.path)
    return folder
  }

  /// The digest of the layer, as the tool tells it.
  private func layer(
    _ arguments: [String], input: String? = nil, environment: [String] = [], in directory: FilePath? = nil
  ) throws -> String {
    let folder = try TemporaryDirectory()
    let tool = try productsDirectory().appending("garboard-import").string
    let script =
      input.map { "\($0) | exec \"$0\" \"$@\"" } ?? "exec \"$0\" \"$@\""
    let result = try Tool.check(
      "sh", ["-c", script, tool] + arguments + ["-q", "--json", "-o", folder.appending("x.oci.tar").string],
      environment: environment, in: directory ?? Self.trees.get().path)
    return try Self.field("digest", of: result.text, at: "images", "layers")
  }

  private static func field(_ name: String, of json: String, at keys: String...) throws -> String {
    try Tool.python(
      """
      import json, sys
      value = json.loads(sys.stdin.read())
      for key in sys.argv[2:]: value = value[key][0]
      print(value[sys.argv[1]])
      """, [name] + keys, input: Array(json.utf8)
    ).text
  }

  private static let complete = "--format=posix --xattrs '--xattrs-include=*' --acls"

  @Test("A directory with everything in it, and GNU tar's pax archive of it")
  func nasty() throws {
    let folder = try TemporaryDirectory()
    // A tar has parts of seconds, which it keeps; a directory's are dropped.
    try TreeBuilder.shell(
      """
      cp -a '\(Self.trees.get().path)/nasty' .; rm nasty/socket
      """, in: folder.path)
    try Tool.python(
      """
      import os, sys
      for path, _, files in os.walk(os.fsencode(sys.argv[1]), topdown=False):
          for name in files + _ + [b"."]:
              name = os.path.join(path, name)
              s = os.lstat(name)
              os.utime(name, (s.st_atime_ns // 10**9, s.st_mtime_ns // 10**9), follow_symlinks=False)
      """, [folder.appending("nasty").string])
    try TreeBuilder.shell("tar -C nasty \(Self.complete) --numeric-owner -cf a.tar .", in: folder.path)
    #expect(try layer([folder.appending("nasty").string]) == layer([folder.appending("a.tar").string]))
  }

  @Test(
    "A directory, and every archive of it, as a file and from standard input",
    arguments: [
      "tar -C simple -c .", "tar -C simple -cz .", "tar -C simple --sort=name -c .",
      "tar -C simple -c $(ls -A simple) .",
      "tar -C simple --format=posix -c .", "tar -C simple --format=oldgnu -c .",
      "tar -C simple --format=ustar -c .",
      "tar -C simple -P -c --transform 's,^\\./,/,S' .",
      "bsdtar -C simple --format newc -c .", "bsdtar -C simple --format pax -c .",
      "bsdtar -C simple --format odc -c .",
    ])
  func archives(_ command: String) throws {
    let folder = try TemporaryDirectory()
    let archive = folder.appending("archive").string
    let trees = try Self.trees.get().path
    try Tool.check("sh", ["-c", "export LC_ALL=C; \(command) >'\(archive)'"], in: trees)
    let expected = try layer(["simple"])
    #expect(try layer([archive]) == expected)
    #expect(try layer(["-"], input: command) == expected)
    #expect(try layer(["-"], input: "cat '\(archive)'") == expected)
    #expect(try layer(["file://\(archive)"]) == expected)
  }

  /// One way to run the tool: a prefix of the command, its environment, and further arguments.
  struct Way: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var prefix = ""
    var environment: [String] = []
    var arguments: [String] = []
  }

  static let ways = [
    Way(testDescription: "umask 077", prefix: "umask 077;"),
    Way(testDescription: "umask 0", prefix: "umask 0;"),
    Way(testDescription: "another time zone", environment: ["TZ=Pacific/Kiritimati"]),
    Way(testDescription: "a UTF-8 locale", environment: ["LC_ALL=C.UTF-8", "LANGUAGE=de"]),
    Way(testDescription: "the C locale", environment: ["LC_ALL=C"]),
    Way(testDescription: "another user", prefix: "exec setpriv --reuid=65534 --regid=65534 --clear-groups"),
    Way(testDescription: "another working directory", prefix: "cd /proc;"),
    Way(testDescription: "one job", arguments: ["--jobs", "1"]),
    Way(testDescription: "seven jobs", arguments: ["--jobs", "7"]),
    Way(testDescription: "another folder for what is temporary", environment: ["TMPDIR=/tmp"]),
  ]

  @Test("The image is the same in another surrounding", arguments: ways)
  func surroundings(_ way: Way) throws {
    let folder = try TemporaryDirectory()
    // Unsorted, and with more than one block for the compressor.
    try TreeBuilder.shell(
      """
      tar -C '\(Self.trees.get().path)' \(Self.complete) --numeric-owner -cf in.tar simple nasty
      mkdir t; cp /usr/bin/python3 /usr/bin/perl t; tar -rf in.tar t; mkdir one two
      chmod 755 .; chmod 644 in.tar; chmod 777 one two; cp "$(readlink -f '\(productsDirectory())/garboard-import')" tool
      """, in: folder.path)
    func digest(_ way: Way, _ output: String) throws -> String {
      let target = folder.appending(output).appending("x.oci.tar").string
      let result = try Tool.check(
        "sh",
        [
          "-c", "\(way.prefix) \"$0\" \"$@\"", folder.appending("tool").string,
          folder.appending("in.tar").string,
        ]
          + ["-o", target, "-t", "base:1", "--json", "-q"] + way.arguments,
        environment: way.environment, in: folder.path)
      let sum = try Tool.check("sha256sum", ["x.oci.tar"], in: folder.appending(output)).text
      return try Self.field("digest", of: result.text, at: "images") + sum
    }
    #expect(try digest(way, "one") == digest(Way(testDescription: ""), "two"))
  }

  @Test("The day does not matter, and SOURCE_DATE_EPOCH does not change the layer")
  func days() throws {
    let plain = try layer(["nasty"])
    #expect(try layer(["nasty"], environment: ["SOURCE_DATE_EPOCH=1"]) == plain)
    #expect(try layer(["nasty", "--created", "2001-02-03T04:05:06Z"]) == plain)
    #expect(try layer(["nasty", "--clamp-mtime"], environment: ["SOURCE_DATE_EPOCH=1"]) != plain)
  }
}
