import Posix
import SystemPackage
import TestSupport
import Testing

/// An import that is ended in the middle: its input is a pipe that stalls.
@Suite("garboard-import: signals")
struct ImportSignalTests {
  static let outputs = [
    "oci-archive:out/x", "oci:out/x", "docker-archive:out/x", "tar:out/x", "rootfs:out/x",
  ]

  /// Feeds a part of an archive, sends a signal when it has been taken, and gives the exit status.
  ///
  /// A pipe holds 64 KiB: when `cat` is done, all but those bytes have been read.
  private func interrupt(_ signal: String, _ output: String, in folder: TemporaryDirectory) throws -> String {
    try TreeBuilder.shell(
      """
      mkdir -p tmp out t; dd if=/dev/urandom of=t/a bs=1M count=6 status=none; cp t/a t/b
      tar -C t -cf whole .; head -c 9000000 whole >part; rm -r t whole; mkfifo pipe
      """, in: folder.path)
    let script = """
      exec 3<>pipe
      TMPDIR=$PWD/tmp "$0" - -o "$2" <pipe 3>&- 2>errors & child=$!
      timeout 60 cat part >&3 || { kill -9 $child; exit 99; }
      kill -"$1" $child
      wait $child
      echo $?
      """
    return try Tool.check(
      "sh", ["-c", script, productsDirectory().appending("garboard-import").string, signal, output],
      in: folder.path
    ).text
  }

  @Test("TERM leaves nothing at all", arguments: outputs)
  func terminated(_ output: String) throws {
    let folder = try TemporaryDirectory()
    #expect(try interrupt("TERM", output, in: folder) == "143\n")
    #expect(try Tool.check("find", ["out", "tmp", "-mindepth", "1"], in: folder.path).text == "")
    #expect(try readBytes(folder.appending("errors")).isEmpty)
  }

  @Test("INT and HUP have their own exit status", arguments: [("INT", "130\n"), ("HUP", "129\n")])
  func others(_ signal: String, _ status: String) throws {
    let folder = try TemporaryDirectory()
    var tar = HandmadeTar()
    tar.add("a", data: String(repeating: "data", count: 1 << 20))
    try folder.write("part", Array(tar.bytes.dropLast(1 << 20)))
    // Not by a shell: what that runs in the background ignores INT.
    let script = """
      import signal, subprocess, sys
      child = subprocess.Popen([sys.argv[1], "-", "-o", "x.oci.tar"], stdin=subprocess.PIPE, cwd=sys.argv[2])
      child.stdin.write(open(sys.argv[2] + "/part", "rb").read())
      child.send_signal(getattr(signal, "SIG" + sys.argv[3]))
      print(child.wait())
      """
    let tool = try productsDirectory().appending("garboard-import").string
    #expect(try Tool.python(script, [tool, folder.path.string, signal]).text == status)
    #expect(try Tool.check("ls", [], in: folder.path).text == "part\n")
  }

  @Test("KILL leaves nothing under the final name", arguments: outputs)
  func killed(_ output: String) throws {
    let folder = try TemporaryDirectory()
    #expect(try interrupt("KILL", output, in: folder) == "137\n")
    #expect(try Tool.check("find", ["out", "-name", "x"], in: folder.path).text == "")
    // What it left does not stand in the way of the next one.
    let again = try garboard(
      "garboard-import", ["-", "-q", "-o", output], input: HandmadeTar().finished, in: folder.path)
    #expect(again.status.isSuccess, "\(again.errorText)")
    #expect(try Tool.check("find", ["out", "-name", "x"], in: folder.path).text == "out/x\n")
  }

  @Test("What was under the name stays when the new one fails or is ended", arguments: ["TERM", "KILL"])
  func old(_ signal: String) throws {
    let folder = try TemporaryDirectory()
    try folder.write("small.tar", HandmadeTar().finished)
    for output in Self.outputs.dropLast() {
      try Tool.check("rm", ["-rf", "out"], in: folder.path)
      try TreeBuilder.shell("mkdir out", in: folder.path)
      try Tool.check(
        productsDirectory().appending("garboard-import").string, ["small.tar", "-q", "-o", output],
        in: folder.path)
      let before = try TreeListing.of(folder.appending("out"))
      try Tool.check("rm", ["-f", "pipe"], in: folder.path)
      _ = try interrupt(signal, output, in: folder)
      let after = try TreeListing.of(folder.appending("out"))
      #expect(before.differences(after, ignoring: .directoryTimes) == [], "\(output)")
    }
  }
}
