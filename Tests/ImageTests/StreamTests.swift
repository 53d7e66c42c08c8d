import Glibc
import Image
import Posix
import SystemPackage
import Testing
import TestSupport

/// Images on standard input and output.
@Suite struct StreamTests {
  @Test func standardOutputIsADockerArchive() async throws {
    let result = try await #require(processExitsWith: .success, observing: [\.standardOutputContent]) {
      try ImageFixture.write(to: ["-"], tags: ["a/b:c"])
    }
    let directory = try TemporaryDirectory()
    let path = try directory.write("out", result.standardOutputContent)
    let image = try ImageSource(.detected(path, name: nil)).select(name: "a/b:c")
    #expect(try image.validate() == [])
    try ImageFixture.write(to: [directory.appending("x.docker.tar").string], tags: ["a/b:c"])
    #expect(try readBytes(directory.appending("x.docker.tar")) == result.standardOutputContent)
  }

  @Test func aBrokenPipeIsAnError() async throws {
    await #expect(processExitsWith: .success) {
      signal(SIGPIPE, SIG_IGN)
      var ends: [Int32] = [0, 0]
      guard pipe(&ends) == 0, dup2(ends[1], STDOUT_FILENO) == STDOUT_FILENO else { exit(2) }
      close(ends[0])
      close(ends[1])
      do {
        try ImageFixture.write(to: ["-"])
        exit(3)
      } catch let error as PosixError {
        exit("\(error)" == "can't write to standard output: Broken pipe" ? 0 : 4)
      }
    }
  }

  @Test func killedInTheMiddle() async throws {
    let directory = try TemporaryDirectory()
    try ImageFixture.write(to: ["oci:" + directory.appending("old").string + ":t"])
    let before = try LayoutTests.files(directory.path)
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = directory.path.string as String] in
      let writer = try ImageWriter(destinations: [
        .layout(FilePath(path).appending("old"), name: "t"),
        .layout(FilePath(path).appending("new"), name: nil),
        .ociArchive(FilePath(path).appending("file"), name: nil),
      ])
      _ = try ImageFixture.layer(["x": "y"], writer)
      let sink = try writer.beginBlob()
      try [1, 2, 3].withUnsafeBytes { try sink.write($0) }
      raise(SIGKILL)
    }
    #expect(try LayoutTests.files(directory.path) == before)
  }

  @Test func standardInputIsDetected() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.appending("x.oci.tar")
    try ImageFixture.write(to: [path.string], tags: ["a:b"])
    await #expect(processExitsWith: .success) { [file = path.string as String] in
      guard dup2(open(file, O_RDONLY), STDIN_FILENO) == STDIN_FILENO else { exit(2) }
      let problems = try ImageSource(.stream).select().validate()
      exit(problems.isEmpty ? 0 : 3)
    }
  }
}
