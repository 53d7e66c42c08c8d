import Posix
import SystemPackage
import TestSupport
import Testing

@Suite("Files on the host")
struct TemporaryTests {
  @Test("an atomic file is there only after its commit, and replaces what was there")
  func atomic() throws {
    let folder = try TemporaryDirectory()
    let path = try folder.write("file", "before")
    do {
      let file = try AtomicFile(path)
      try Array("after".utf8).withUnsafeBytes { try file.descriptor.write($0) }
    }
    #expect(try readBytes(path) == Array("before".utf8))
    do {
      var file = try AtomicFile(path)
      try Array("after".utf8).withUnsafeBytes { try file.descriptor.write($0) }
      try file.commit()
    }
    #expect(try readBytes(path) == Array("after".utf8))
    #expect(try Tool.check("ls", ["-A", folder.path.string]).text == "file\n")
  }

  @Test("a removed tree takes nothing with it that a symlink points at")
  func removal() throws {
    let folder = try TemporaryDirectory()
    _ = try folder.write("keep", "x")
    let script =
      "mkdir -p t/a/b && ln -s ../keep t/link && ln -s \"$PWD\" t/a/up && touch t/a/b/c && chmod 0 t/a/b"
    try Tool.check("sh", ["-c", script], in: folder.path)
    try removeTree(folder.path.appending("t"))
    try removeTree(folder.path.appending("missing"))
    #expect(try Tool.check("ls", ["-A", folder.path.string]).text == "keep\n")
  }

  @Test("a program gets the streams, folder and environment that were said, and nothing else")
  func spawn() throws {
    var pipe = try Pipe()
    let writer = pipe.takeWriter()
    var command = Command(
      "/bin/sh",
      ["-c", "pwd; echo $NAME; echo ${LEAK-none}; umask; for fd in /proc/self/fd/*; do echo ${fd##*/}; done"])
    command.environment = ["NAME=value"]
    command.workingDirectory = "/usr"
    command.output = .descriptor(writer.raw)
    let child = try command.start()
    _ = consume writer
    let source = DescriptorSource(pipe.takeReader(), name: "the pipe")
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 100)
    while case let count = try buffer.withUnsafeMutableBytes({ try source.read(into: $0) }), count > 0 {
      text += buffer[..<count]
    }
    #expect(try child.wait() == .exited(0))
    // The last is the folder that the shell itself reads.
    #expect(String(decoding: text, as: UTF8.self) == "/usr\nvalue\nnone\n0022\n0\n1\n2\n3\n")
  }

  @Test("a program that isn't there is an error at its start")
  func missingProgram() throws {
    #expect(throws: PosixError.self) { _ = try Command("/nonexistent/program", []).start() }
  }

  @Test(
    "errors show bytes that a terminal would act on",
    arguments: [
      ("plain", "plain"), ("caf\u{e9}", "caf\u{e9}"), ("a\u{1b}[31m", "a\\033[31m"), ("a\nb", "a\\nb"),
    ])
  func display(_ text: String, _ expected: String) { #expect(displayed(Array(text.utf8)) == expected) }

  @Test("A file takes no device's and no pipe's place")
  func devices() throws {
    let folder = try TemporaryDirectory()
    let pipe = folder.appending("pipe")
    try Tool.check("mkfifo", [pipe.string])
    for target in [pipe, FilePath("/dev/null")] {
      let error = #expect(throws: PosixError.self) { _ = try AtomicFile(target) }
      #expect(error?.description == "can't replace \(target): Operation not supported")
    }
    #expect(try Tool.check("stat", ["-c", "%F", "/dev/null"]).text == "character special file\n")
  }
}
