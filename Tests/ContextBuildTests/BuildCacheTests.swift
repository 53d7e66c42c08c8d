import Glibc
import Posix
import SystemPackage
import TestSupport
import Testing

@Suite struct BuildCacheTests {
  private static let ten = "FROM scratch\n" + (0..<10).map { "COPY f\($0) /" }.joined(separator: "\n")
  private static let script = "for i in 0 1 2 3 4 5 6 7 8 9; do echo $i >f$i; touch -d @1000 f$i; done"

  /// Which of the steps were found.
  private func steps(_ result: Tool.Result) throws -> [Bool] {
    #expect(result.status.isSuccess, "\(result.errorText)")
    return result.errorText.split(separator: "\n").filter { $0.contains("] COPY ") }.map {
      $0.hasSuffix("  CACHED")
    }
  }

  private func output(_ build: TestBuild, _ name: String) -> String {
    "oci:\(build.folder.appending(name)):x"
  }

  @Test("What changed is made anew with what follows, and nothing before")
  func invalidation() throws {
    let build = try TestBuild(Self.script, Self.ten, in: try TemporaryDirectory())
    let first = try build.digest("first")
    #expect(try steps(try build.run(output(build, "1"))) == [Bool](repeating: true, count: 10))
    for change in ["touch -d @2000 f4", "echo x >f4; touch -d @2000 f4", "chmod 600 f4"] {
      try Tool.check("sh", ["-c", change], in: build.context)
      let found = try steps(try build.run(output(build, "2")))
      #expect(found == [Bool](repeating: true, count: 4) + [Bool](repeating: false, count: 6), "\(change)")
      #expect(try steps(try build.run(output(build, "3"))) == [Bool](repeating: true, count: 10))
    }
    // The old content is known still.
    try Tool.check("sh", ["-c", "echo 4 >f4; chmod 644 f4; touch -d @1000 f4"], in: build.context)
    #expect(try steps(try build.run(output(build, "4"))) == [Bool](repeating: true, count: 10))
    #expect(try build.digest("again") == first)
    // Another owner or destination is another layer; without the cache all is made, and the same.
    let other = try build.folder.write(
      "Other", Self.ten.replacing("COPY f7 /", with: "COPY --chown=1:1 f7 /") + "\n")
    let changed = try steps(try build.run(output(build, "5"), dockerfile: other))
    #expect(changed == [Bool](repeating: true, count: 7) + [Bool](repeating: false, count: 3))
    #expect(
      try steps(try build.run(output(build, "6"), ["--no-cache"])) == [Bool](repeating: false, count: 10))
    #expect(try build.digest("7", ["--no-cache"]) == first)
  }

  @Test("A flipped bit in any cached file is noticed, and the image is the same")
  func damage() throws {
    let build = try TestBuild(Self.script, Self.ten, in: try TemporaryDirectory())
    let first = try build.digest("first")
    let files = try Tool.check("sh", ["-c", "ls -d cache/blobs/* cache/records/*"], in: build.folder.path)
      .text
      .split(separator: "\n").map { build.folder.path.pushing(FilePath(String($0))) }
    #expect(files.count == 20)
    for (number, file) in files.enumerated() where number % 3 == 0 {
      var bytes = try readBytes(file)
      bytes[bytes.count / 2] ^= 1
      try bytes.withUnsafeBytes { try openFile(file, .update).write($0) }
      let result = try build.run(output(build, "d"))
      #expect(try steps(result).filter { !$0 }.count == 1)
      #expect(try build.digest("e\(number)") == first)
    }
  }

  @Test("Two builds at once don't spoil it")
  func together() throws {
    let build = try TestBuild(Self.script, Self.ten, in: try TemporaryDirectory())
    let workers = (0..<4).map { number in
      Worker {
        for round in 0..<3 {
          let result = try build.run(
            "oci:\(build.folder.appending("t\(number)-\(round)")):x", round == 1 ? ["--no-cache"] : [])
          if !result.status.isSuccess { throw PosixError(result.errorText, "", .ioError) }
        }
      }
    }
    for worker in workers { try worker.join() }
    let first = try build.digest("t0-0")
    for number in 0..<4 {
      for round in 0..<3 { #expect(try build.digest("t\(number)-\(round)") == first) }
    }
    #expect(try steps(try build.run(output(build, "after"))) == [Bool](repeating: true, count: 10))
  }

  @Test("The limit holds, and a build needs no more than it")
  func limit() throws {
    let script = "for i in 0 1 2 3 4 5 6 7 8 9; do head -c 20000 /dev/urandom >f$i; done"
    let build = try TestBuild(script, Self.ten, in: try TemporaryDirectory())
    let whole = try build.digest("whole", ["--cache-limit", "1MB"])
    for limit in [60_000, 1000, 0] {
      #expect(try build.digest("l\(limit)", ["--cache-limit", "\(limit)"]) == whole)
      let size = try Tool.check(
        "sh", ["-c", "find cache -type f -printf '%s\\n' | awk '{ s += $1 } END { print s + 0 }'"],
        in: build.folder.path)
      #expect(try #require(Int(size.text.split(separator: "\n")[0])) <= limit)
    }
  }

  @Test("The same inputs give the same digest: umask, user, zone, day, cores")
  func reproducible() throws {
    let dockerfile = """
      FROM scratch AS s
      WORKDIR /w/x
      COPY --chown=3:4 . /new/dir/
      COPY <<EOF /text
      text
      EOF
      FROM s
      COPY --from=s /new /again
      ADD t.tar /t/
      """
    let script = Self.script + "; tar -cf ../t.tar .; mv ../t.tar .; touch -d @5000 t.tar"
    let folder = try TemporaryDirectory()
    let build = try TestBuild(script, dockerfile, in: folder)
    let first = try build.digest("one", ["--no-cache"])
    #expect(
      try build.digest("two", ["--no-cache", "--jobs", "3"], environment: ["TZ=Asia/Tokyo", "LC_ALL=C"])
        == first)
    let program = try builtProgram("garboard-scratch")
    for (number, command) in [
      "umask 077; exec \"$@\"", "umask 0; exec \"$@\"",
      "chmod 755 .; exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"",
    ].enumerated() {
      let layout = "/tmp/garboard-user-\(getpid())-\(number)"
      try Tool.check("sh", ["-c", "mkdir -m 777 \(layout); chmod 755 ."], in: folder.path)
      defer { _ = try? Tool.run("rm", ["-rf", layout]) }
      let result = try Tool.run(
        "sh",
        [
          "-c", command, "sh", program.string, "-f", build.file.string, build.context.string, "-o",
          "oci:\(layout)/o:x", "--cache", "\(layout)/c",
        ], in: folder.path)
      #expect(result.status.isSuccess, "\(result.errorText)")
      let index = String(decoding: try readBytes(FilePath("\(layout)/o/index.json")), as: UTF8.self)
      #expect(index.contains(first), "\(command)")
    }
    #expect(try build.digest("epoch", environment: ["SOURCE_DATE_EPOCH=7"]) != first)
  }
}
