import Archive
import Posix
import Rootfs
import SystemPackage
import TestSupport
import Testing

@Suite struct DirectoryScanTests {
  @Test func scanEqualsWhatPythonSees() throws {
    let directory = try TemporaryDirectory()
    try TreeBuilder.nasty(in: directory.path)
    let scanned = try TreeListing.of(DirectoryScan(directory.path))
    let differences = try TreeListing.of(directory.path).differences(scanned)
    #expect(differences == [])
    #expect(scanned.lines.count > 50)
  }

  @Test func orderIsThatOfPaths() throws {
    let directory = try TemporaryDirectory()
    try TreeBuilder.nasty(in: directory.path)
    let scan = try DirectoryScan(directory.path)
    var paths: [EntryPath] = []
    while let entry = try scan.next() { paths.append(entry.path) }
    #expect(paths.first == .root)
    #expect(paths == paths.sorted())
  }

  @Test func socketsAreReported() throws {
    let directory = try TemporaryDirectory()
    try TreeBuilder.nasty(in: directory.path)
    var notices: [String] = []
    var options = DirectoryScan.Options()
    options.notice = { notices.append($0.description) }
    let scan = try DirectoryScan(directory.path, options: options)
    while try scan.next() != nil {}
    #expect(notices == ["socket: socket skipped"])
  }

  @Test func deeperThanDescriptorsAndPathsGo() throws {
    let directory = try TemporaryDirectory()
    let depth = 3000
    // Below PATH_MAX only calls relative to a directory get on.
    try Tool.python(
      """
      import os, sys
      os.chdir(sys.argv[1])
      for i in range(int(sys.argv[2])):
          os.mkdir("d"); open("z", "w").close(); os.chdir("d")
      """, [directory.path.string, String(depth)])
    let scan = try DirectoryScan(directory.path)
    var count = 0
    var last: EntryPath?
    while let entry = try scan.next() {
      count += 1
      last = entry.path
    }
    #expect(count == 1 + 2 * depth)
    #expect(last == (try EntryPath("z")))
  }

  @Test func aFileThatGrowsIsAnError() throws {
    let directory = try TemporaryDirectory()
    let file = try directory.write("grows", "1234")
    let scan = try DirectoryScan(directory.path)
    _ = try scan.next()
    #expect(try scan.next()?.size == 4)
    try directory.write("grows", "12345678")
    let error = #expect(throws: ScanError.self) { try drain(scan) }
    #expect(error?.description == "\(file.string) changed its size while it was read")
  }

  @Test func aFileThatShrinksIsAnError() throws {
    let directory = try TemporaryDirectory()
    try directory.write("shrinks", "12345678")
    let scan = try DirectoryScan(directory.path)
    _ = try scan.next()
    _ = try scan.next()
    try directory.write("shrinks", "1")
    let error = #expect(throws: ScanError.self) { try drain(scan) }
    #expect(error?.reason == .sizeChanged)
  }

  @Test func aFileReplacedByAFifoIsAnError() throws {
    let directory = try TemporaryDirectory()
    try directory.write("file", "12345678")
    let scan = try DirectoryScan(directory.path)
    _ = try scan.next()
    _ = try scan.next()
    try TreeBuilder.shell("rm file; mkfifo file", in: directory.path)
    let error = #expect(throws: ScanError.self) { try drain(scan) }
    #expect(error?.reason == .replaced)
  }

  @Test func aDirectoryThatIsNotEnteredIsAnEntry() throws {
    let directory = try TemporaryDirectory()
    try TreeBuilder.shell("mkdir -p a/b c; touch a/b/f c/g", in: directory.path)
    var options = DirectoryScan.Options()
    options.enters = { $0.description != "a/b" }
    let scan = try DirectoryScan(directory.path, options: options)
    var paths: [String] = []
    while let entry = try scan.next() { paths.append(entry.path.description) }
    #expect(paths == [".", "a", "a/b", "c", "c/g"])
  }

  @Test func anotherFileSystemStaysEmptyWhenAsked() throws {
    // /proc is one on every machine; nothing else is gone into.
    for oneFileSystem in [false, true] {
      var asked: [String] = []
      var notices: [String] = []
      var options = DirectoryScan.Options()
      options.oneFileSystem = oneFileSystem
      options.enters = { path in
        asked.append(path.description)
        return false
      }
      options.notice = { notices.append($0.description) }
      let scan = try DirectoryScan("/", options: options)
      var paths: [String] = []
      while let entry = try scan.next() { paths.append(entry.path.description) }
      #expect(paths.contains("proc"))
      #expect(asked.contains("etc"))
      #expect(asked.contains("proc") == !oneFileSystem)
      #expect(notices.contains("proc: another file system, contents skipped") == oneFileSystem)
    }
  }

  @Test func missingDirectoryIsNamed() throws {
    let directory = try TemporaryDirectory()
    let missing = directory.appending("missing")
    let error = #expect(throws: PosixError.self) { try DirectoryScan(missing) }
    #expect(error?.description == "can't open \(missing.string): No such file or directory")
  }

  @Test func aDanglingSymlinkIsNamed() throws {
    let directory = try TemporaryDirectory()
    try TreeBuilder.shell("ln -s missing-target dir", in: directory.path)
    let error = #expect(throws: PosixError.self) { try DirectoryScan(directory.appending("dir")) }
    #expect(error?.path == directory.appending("dir").string)
  }

  private func drain(_ scan: DirectoryScan) throws {
    var buffer = [UInt8](repeating: 0, count: 3)
    while try buffer.withUnsafeMutableBytes({ try scan.read(into: $0) }) > 0 {}
  }
}
