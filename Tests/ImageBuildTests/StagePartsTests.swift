import Cache
import Digest
import Glibc
import Posix
import SystemPackage
import TestSupport
import Testing

@testable import ImageBuild

@Suite("What decides a stage")
struct StagePartsTests {
  @Test("Packages that differ are named with both versions, new ones and those that are gone")
  func packages() {
    let old = "a amd64 1 aa rest manual\nb amd64 1 bb rest manual\nc all 3 cc rest manual"
    let new = "a amd64 2 dd rest manual\nb amd64 1 ee rest manual\nd all 1 ff rest automatic"
    #expect(PackageList.change(from: old, to: new) == "a 1 -> 2, b 1 (rebuilt), - c 3, + d 1")
    let many = (1...12).map { "p\($0) all 1 aa rest manual" }.joined(separator: "\n")
    #expect(PackageList.change(from: "", to: many).hasSuffix(" and 2 more"))
    #expect(PackageList.change(from: many, to: many) == "the order of packages")
  }

  @Test("Options are compared with their values, and as often as they are there")
  func options() {
    func key(_ options: [[String]]) -> StageKey {
      var line = CommandLine("squash")
      for words in options { line.add(words.map { Word($0) }) }
      line.groups.append([Word("--jobs=9", key: "")])
      var key = StageKey()
      key.add(.arguments, line.keyText)
      return key
    }
    func change(_ old: [[String]], _ new: [[String]]) -> String {
      BuildReason(from: key(old), to: key(new)) { _ in nil }.description
    }
    let one = [["--exclude=/a"], ["-x", "b c"]]
    #expect(key(one) == key(one))
    // Words that run together are others.
    #expect(key(one).cacheKey() != key([["--exclude=/a"], ["-x b", "c"]]).cacheKey())
    #expect(
      change(one, [["--exclude=/b"], ["-x", "b c"]]) == "recipe changed: + --exclude=/b, - --exclude=/a")
    #expect(change(one, one + [["--exclude=/a"]]) == "recipe changed: + --exclude=/a")
    #expect(change(one, one.reversed()) == "recipe changed: the order of options")
  }

  @Test(
    "A file counts by its content: neither by its times, nor is a change without a change of times missed")
  func fingerprints() throws {
    let folder = try TemporaryDirectory()
    let inputs = InputFingerprints(cache: try Cache(folder.appending("cache")))
    try folder.write("input/a", "one")
    try folder.write("input/b/c", "two")
    let path = folder.appending("input")
    func shell(_ script: String) throws { try Tool.check("sh", ["-euc", script], in: path) }
    let first = try inputs.digest(of: path, .content)
    try shell("touch -d @1000 a b b/c; chmod 600 a")
    #expect(try inputs.digest(of: path, .content) == first)
    let modes = try inputs.digest(of: path, .modes)
    try shell("chmod 644 a")
    #expect(try inputs.digest(of: path, .modes) != modes)
    // The same size and time, other bytes.
    try shell("printf eno >a; touch -d @1000 a")
    let second = try inputs.digest(of: path, .content)
    #expect(second != first)
    let (before, after) = (try #require(inputs.listing(first)), try #require(inputs.listing(second)))
    #expect(Set(before.keys).union(after.keys).filter { before[$0] != after[$0] } == ["a"])
    for change in ["chmod 755 a", "mv b d", "ln -s a e", "rm e", "touch f"] {
      let now = try inputs.digest(of: path, .content)
      try shell(change)
      #expect(try inputs.digest(of: path, .content) != now, "\(change)")
    }
    // What is ignored may change.
    let ignoring = try inputs.digest(of: path, .modes) { $0 == Array("f".utf8) }
    try shell("echo >f")
    #expect(try inputs.digest(of: path, .modes) { $0 == Array("f".utf8) } == ignoring)
  }

  @Test("No more run at once than there are places, and what needs more memory than there is runs alone")
  func slots() throws {
    let slots = BuildSlots(count: 3, memory: 100)
    let state = Monitor((running: 0, memory: 0, most: 0, isOver: false))
    let workers = (0..<24).map { number in
      Worker {
        let need = number % 6 == 0 ? 500 : 40
        try slots.run(memory: UInt64(need)) {
          state.change { state in
            state.running += 1
            state.memory += need
            state.most = max(state.most, state.running)
            if state.memory > 100, state.running > 1 { state.isOver = true }
          }
          usleep(2000)
          state.change { state in
            state.running -= 1
            state.memory -= need
          }
        }
      }
    }
    for worker in workers { try worker.join() }
    let (most, isOver) = state.change { ($0.most, $0.isOver) }
    #expect(most == 2)
    #expect(!isOver)
    #expect(BuildSlots.availableMemory() > 1 << 20)
  }

  @Test("A lock has one holder, and leaves no file")
  func locks() throws {
    let folder = try TemporaryDirectory()
    let state = Monitor((inside: 0, clashes: 0))
    let workers = (0..<8).map { _ in
      Worker {
        for _ in 0..<20 {
          let lock = try KeyLock("x", in: folder.path) {}
          state.change { state in
            state.inside += 1
            if state.inside > 1 { state.clashes += 1 }
          }
          usleep(200)
          state.change { $0.inside -= 1 }
          withExtendedLifetime(lock) {}
        }
      }
    }
    for worker in workers { try worker.join() }
    #expect(state.change { $0.clashes } == 0)
    #expect(try Tool.check("ls", [folder.appending("locks").string]).text == "")
  }

  @Test("Names and texts are data in the Dockerfile that is written for files")
  func quoting() throws {
    let folder = try TemporaryDirectory()
    var fixture = FileContext(files: [.init(.text("$HOME"), to: #"/a "b"/$c/\d"#)], time: 5)
    fixture.files[0].mode = "0600"
    #expect(fixture.dockerfile == #"FROM below\#nCOPY --chmod=0600 ["0/text","/a \"b\"/\\$c/\\\\d"]\#n"#)
    try fixture.write(to: folder.path)
    #expect(
      try Tool.check("stat", ["-c", "%Y %a", folder.appending("context/0/text").string]).text == "5 644\n")
  }
}
