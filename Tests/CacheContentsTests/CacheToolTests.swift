import Cache
import Digest
import Glibc
import Posix
import SystemPackage
import TestSupport
import Testing

/// `garboard-cache`, on what the tools themselves leave in a cache; sha256sum, find and flock say what is true.
@Suite("garboard-cache")
struct CacheToolTests {
  private let folder: TemporaryDirectory
  private let archive: DebianArchive
  private let server: ArchiveServer
  private var cache: FilePath { folder.appending("cache") }

  /// A cache after two bootstraps of two packages, the second of which keeps their data, and a build of two layers.
  init() throws {
    folder = try TemporaryDirectory()
    archive = try DebianArchive(packages: [
      .init("base", fields: ["Essential: yes", "Depends: lib"], files: [("usr/share/base/data", "base")]),
      .init("lib", files: [("usr/share/lib/data", "lib")]),
    ])
    server = try ArchiveServer(archive.folder)
    for _ in 0..<2 {
      let base = try bootstrap()
      #expect(base.status.isSuccess, "\(base.errorText)")
    }
    try folder.write("a", "one")
    try folder.write("b", "two")
    try folder.write("Dockerfile", "FROM scratch\nCOPY a /\nCOPY b /\n")
    let build = try garboard(
      "garboard-scratch", "-q", "-f", "Dockerfile", "--cache", "cache", "-o", "out.oci.tar", ".",
      in: folder.path)
    #expect(build.status.isSuccess, "\(build.errorText)")
  }

  private func bootstrap() throws -> Tool.Result {
    let result = try garboard(
      "garboard-bootstrap", "-q", "--variant", "extract", "--include", "base", "--keyring",
      archive.keyring.string, "--cache", cache.string, archive.suite, "base.oci.tar", server.url,
      in: folder.path)
    return result
  }

  private func tool(_ arguments: String...) throws -> Tool.Result {
    try garboard("garboard-cache", arguments + ["--cache", "cache"], in: folder.path)
  }

  /// What a shell says in the cache's directory.
  private func shell(_ script: String) throws -> String {
    try Tool.check("sh", ["-euc", script], in: cache).text
  }

  private func facts(_ json: [UInt8], _ expression: String) throws -> String {
    try Tool.python("import json, sys; d = json.load(sys.stdin); print((\(expression)))", [], input: json)
      .text
  }

  @Test("list: every file but the locks, with its size, and what it is of")
  func list() throws {
    try makeDirectories(cache.appending("foreign/deep"))
    try Tool.check("sh", ["-euc", "echo x >foreign/deep/file; echo y >debs/strange"], in: cache)
    let result = try tool("list", "--json")
    #expect(result.status.isSuccess, "\(result.errorText)")
    let files = try shell(
      "find . -type f ! -name lock ! -name packages.lock -printf '%P %s\\n' | LC_ALL=C sort")
    #expect(
      try facts(result.output, "'\\n'.join(sorted(f\"{i['name']} {i['bytes']}\" for i in d['items']))")
        == files)
    #expect(
      try facts(result.output, "[(k['kind'], k['files']) for k in d['kinds']]")
        == "[('blob', 2), ('record', 2), ('package', 2), ('data', 2), ('index', 1), ('state', 1), ('other', 2)]\n"
    )
    #expect(
      try facts(
        result.output, "sorted(i['of'] for i in d['items'] if i['kind'] in ('package', 'data', 'blob'))")
        == "['base 1 all', 'base 1 all', 'layer', 'layer', 'lib 1 all', 'lib 1 all']\n")
    let text = try tool("list").text
    #expect(text.contains("lib 1 all") && text.contains("foreign/deep/file"))
    let sums = try tool("list", "--summary", "--kind", "package").text.split(separator: "\n")
    #expect(sums.count == 4 && sums[2].split(separator: " ").prefix(2) == ["package", "2"])
    // A cache that isn't there is empty, and is not made.
    let none = try garboard("garboard-cache", "list", "--json", "--cache", "none", in: folder.path)
    #expect(try facts(none.output, "d['files'], d['items']") == "(0, [])\n")
    #expect(try Tool.run("test", ["-e", folder.appending("none").string]).status == .exited(1))
  }

  @Test("verify: finds each damaged file, as sha256sum does, and removes it; the tools make it again")
  func verify() throws {
    #expect(try tool("verify").status.isSuccess)
    let before = try shell("find . -type f | LC_ALL=C sort")
    // One byte in the middle of everything that has a digest.
    let flip = """
      import os, sys
      for name in sys.argv[1:]:
          size = os.path.getsize(name)
          with open(name, 'r+b') as file:
              file.seek(size // 2); byte = file.read(1); file.seek(size // 2); file.write(bytes([byte[0] ^ 1]))
      """
    let hurt = try shell("find blobs records debs data indexes -type f ! -name '*.release' | LC_ALL=C sort")
      .split(separator: "\n").map(String.init)
    #expect(hurt.count == 9)
    try Tool.check("python3", ["-c", flip] + hurt, in: cache)
    let wrong = try Tool.check(
      "sh",
      [
        "-c",
        "for f in blobs/* debs/*; do n=${f##*/}; echo \"${n%.deb}  $f\"; done | sha256sum -c 2>&1; true",
      ],
      in: cache)
    #expect(wrong.text.split(separator: "\n").count { $0.hasSuffix(": FAILED") } == 4)
    let told = try tool("verify", "--json", "--dry-run")
    #expect(told.status == .exited(1))
    #expect(
      try facts(told.output, "'\\n'.join(sorted(i['name'] for i in d['damaged']))")
        == hurt.joined(separator: "\n") + "\n")
    #expect(try shell("find . -type f | LC_ALL=C sort") == before)
    let one = try tool("verify", "--kind", "package")
    #expect(one.status.isSuccess)
    #expect(one.errorText.split(separator: "\n").count { $0.contains("its SHA-256 is") } == 2)
    let rest = try tool("verify")
    #expect(rest.status.isSuccess)
    #expect(rest.errorText.split(separator: "\n").count { $0.hasSuffix("removed") } == 7)
    #expect(try shell("find blobs records debs data indexes -type f").hasSuffix(".release\n"))
    let again = try bootstrap()
    #expect(again.status.isSuccess, "\(again.errorText)")
    #expect(try tool("verify").status.isSuccess)
    #expect(try shell("ls debs | wc -l") == "2\n")
  }

  @Test("prune: by age, by size, by kind; the least recently used go first; states stay")
  func prune() throws {
    let old = try shell(
      "cd debs; set -- *.deb; touch -d '40 days ago' $1; touch -d '10 days ago' $2; echo debs/$1"
    )
    .split(separator: "\n")[0]
    try Tool.check("sh", ["-c", "touch -d '90 days ago' indexes/*.release"], in: cache)
    let before = try shell("find . -type f | LC_ALL=C sort")
    let told = try tool("prune", "--older-than", "30d", "--dry-run", "--json")
    #expect(
      try facts(told.output, "[i['name'] for i in d['removed']], d['dryRun']") == "(['\(old)'], True)\n")
    #expect(try shell("find . -type f | LC_ALL=C sort") == before)
    #expect(try tool("prune", "--older-than", "30d").status.isSuccess)
    #expect(try shell("find . -type f | LC_ALL=C sort") == before.replacing("./\(old)\n", with: ""))
    // To a size: the other package is the oldest now, then an index that was put back.
    try Tool.check("sh", ["-c", "touch -d '5 days ago' indexes/*.index"], in: cache)
    let size = try #require(
      UInt64(
        try shell(
          "find blobs records debs data indexes -type f ! -name '*.release' -printf '%s\\n' | awk '{s+=$1} END {print s}'"
        )
        .trimmed))
    let less = try tool("prune", "--keep-bytes", "\(size - 1)", "--json")
    #expect(try facts(less.output, "[i['kind'] for i in d['removed']]") == "['package']\n")
    #expect(
      try facts(try tool("prune", "--max-size", "0", "--kind", "index", "--json").output, "len(d['removed'])")
        == "1\n")
    let all = try tool("prune", "--max-size", "0")
    #expect(all.status.isSuccess)
    #expect(try shell("find blobs records debs data indexes -type f | wc -l; ls indexes").hasPrefix("1\n"))
    #expect(try tool("prune", "--older-than", "30d", "--kind", "state").status.isSuccess)
    #expect(try shell("find blobs records debs data indexes -type f") == "")
  }

  @Test("What others use stays: packages while a bootstrap runs, a download that is locked, a fresh leftover")
  func inUse() throws {
    let hex = String(repeating: "a", count: 64)
    try Tool.check(
      "sh",
      ["-c", "echo x >debs/\(hex).part; echo y >blobs/.garboard-new-1-abc; touch -d '2 days ago' indexes/*"],
      in: cache)
    _ = try (Tool.find("flock"), Tool.find("sh"))
    // Flock's child is one that has the locks; it lives until its input ends.
    let script = """
      exec 8>packages.lock; flock -s 8
      exec 9>>debs/\(hex).part; flock 9
      "$1" prune --max-size 0 --cache . --json
      """
    let held = try Tool.check(
      "sh", ["-euc", script, "sh", try builtProgram("garboard-cache").string], in: cache)
    #expect(
      try facts(held.output, "sorted(i['kind'] for i in d['kept'])")
        == "['leftover', 'package', 'package', 'part']\n")
    // An index that was not used for two days is nobody's.
    #expect(
      try facts(held.output, "sorted({i['kind'] for i in d['removed']})")
        == "['blob', 'data', 'index', 'record']\n")
    #expect(try shell("ls debs | wc -l") == "3\n")
    let free = try tool("prune", "--max-size", "0", "--json")
    #expect(try facts(free.output, "sorted(i['kind'] for i in d['kept'])") == "['leftover']\n")
    #expect(try shell("ls debs") == "")
    // A process that has a package cache open holds the lock; it ends with the process.
    CacheLock.usePackages(in: cache)
    #expect(try CacheLock.idlePackages(in: cache) == nil)
  }

  @Test("Builds at the same time as prune and verify end well")
  func atOnce() throws {
    let script = """
      scratch=$1; cache=$2
      for round in 1 2 3 4 5 6; do
        ( "$scratch" -q -f Dockerfile --cache cache -o "oci:out$round" . || touch failed ) &
        "$cache" -q prune --max-size 0 --cache cache || touch failed
        "$cache" -q verify --cache cache || touch failed
      done
      wait
      test ! -e failed
      """
    let result = try Tool.run(
      "sh",
      ["-euc", script, "sh", builtProgram("garboard-scratch").string, builtProgram("garboard-cache").string],
      in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
  }

  @Test("Wrong usage")
  func usage() throws {
    for arguments in [
      ["prune"], ["list", "--dry-run"], ["verify", "--max-size", "1"], ["prune", "--older-than", "3y"],
      ["prune", "--max-size", "0", "--kind", "other"], ["list", "--kind", "layer"], ["clean"], [],
    ] {
      #expect(
        try garboard("garboard-cache", arguments, in: folder.path).status == .exited(64), "\(arguments)")
    }
  }
}

extension String {
  fileprivate var trimmed: Substring { prefix { $0 != "\n" } }
}
