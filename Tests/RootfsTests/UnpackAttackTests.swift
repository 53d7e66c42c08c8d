import Archive
import Posix
import Rootfs
import SystemPackage
import TestSupport
import Testing

/// What others wrote outside of their directory for.
@Suite struct UnpackAttackTests {
  /// A place for an attack: `inside` is unpacked into, `outside` must not change.
  private struct Scene {
    let directory: TemporaryDirectory
    let before: TreeListing
    let unpacker: Unpacker

    init() throws {
      directory = try TemporaryDirectory()
      try TreeBuilder.shell(
        "mkdir -p outside/sub inside; echo secret > outside/file; chmod 600 outside/file", in: directory.path)
      before = try TreeListing.of(directory.appending("outside"))
      unpacker = try Unpacker(into: directory.appending("inside"))
    }

    var outside: String { directory.appending("outside").string }

    func add(_ path: String, _ kind: EntryKind, to target: String? = nil) throws {
      var entry = Entry(try EntryPath(path), kind, size: kind == .file ? 4 : 0)
      entry.modified = Timestamp(seconds: 1)
      entry.attributes =
        kind == .hardlink ? [] : [ExtendedAttribute(name: Array("trusted.t".utf8), value: [1])]
      if kind == .symlink { entry.linkTarget = Array((target ?? "").utf8) }
      if kind == .hardlink { entry.hardlinkTarget = try EntryPath(target ?? "") }
      try unpacker.add(entry) { buffer in
        buffer.initializeMemory(as: UInt8.self, repeating: 0x58)
        return buffer.count
      }
    }

    /// The message of the attempt.
    func refusal(_ path: String, _ kind: EntryKind, to target: String? = nil) -> String {
      do {
        try add(path, kind, to: target)
        return "done"
      } catch {
        return "\(error)"
      }
    }

    func expectOutsideUntouched() throws {
      let differences = try before.differences(TreeListing.of(directory.appending("outside")))
      #expect(differences == [])
    }
  }

  @Test(arguments: ["absolute", "relative"]) func throughASymlink(_ kind: String) throws {
    let scene = try Scene()
    try scene.add("link", .symlink, to: kind == "absolute" ? scene.outside : "../outside")
    for path in ["link/new", "link/file", "link/sub/new", "link/a/b"] {
      let expected =
        "\(path) is below a symlink (\(path == "link/sub/new" ? "link/sub" : path == "link/a/b" ? "link/a" : "link") or above), refused"
      #expect(scene.refusal(path, .file) == expected)
    }
    #expect(scene.refusal("link/d", .directory) == "link/d is below a symlink (link or above), refused")
    #expect(scene.refusal("x", .hardlink, to: "link/file").hasSuffix("which is below a symlink, refused"))
    try scene.unpacker.finish()
    try scene.expectOutsideUntouched()
  }

  @Test func throughASymlinkInsideOfTheTree() throws {
    let scene = try Scene()
    try scene.add("usr/lib/x", .file)
    try scene.add("lib", .symlink, to: "usr/lib")
    #expect(scene.refusal("lib/y", .file) == "lib/y is below a symlink (lib or above), refused")
  }

  @Test func overASymlink() throws {
    let scene = try Scene()
    for kind in [EntryKind.file, .directory, .fifo, .characterDevice, .symlink] {
      try scene.add("link", .symlink, to: "../outside/file")
      try scene.add("link", kind, to: "../outside/file")
      try scene.add("directory", .symlink, to: "../outside")
      try scene.add("directory", kind, to: "../outside")
    }
    try scene.unpacker.finish()
    try scene.expectOutsideUntouched()
  }

  @Test func aDirectoryThatBecomesASymlinkKeepsItsMetadataToItself() throws {
    let scene = try Scene()
    try scene.add("d", .directory)
    try scene.add("d/sub", .directory)
    try scene.add("d/sub/f", .file)
    try scene.add("d", .symlink, to: "../outside")
    try scene.unpacker.finish()
    try scene.expectOutsideUntouched()
  }

  @Test func theCachedParentIsNotUsedAfterItWasReplaced() throws {
    let scene = try Scene()
    try scene.add("d/one", .file)
    try scene.add("d", .symlink, to: "../outside")
    #expect(scene.refusal("d/two", .file) == "d/two is below a symlink (d or above), refused")
    try scene.expectOutsideUntouched()
  }

  @Test func hardlinksToWhatIsNotThere() throws {
    let scene = try Scene()
    try scene.add("d/f", .file)
    try scene.add("link", .symlink, to: "../outside/file")
    #expect(scene.refusal("h", .hardlink, to: "missing") == "h is a hardlink to missing, which doesn't exist")
    #expect(scene.refusal("h", .hardlink, to: "d/f/x") == "h is a hardlink to d/f/x, which doesn't exist")
    #expect(scene.refusal("h", .hardlink, to: "d") == "h is a hardlink to d, which is a directory")
    #expect(
      scene.refusal("d", .hardlink, to: "d/f")
        == "d is a hardlink to d/f, which is inside of the directory that it replaces")
    // To a symlink: another name of the symlink, not of what it leads to.
    try scene.add("h", .hardlink, to: "link")
    #expect(throws: PathError.self) { try EntryPath("../outside/file") }
    try scene.unpacker.finish()
    let told = try Tool.check("stat", ["-c", "%F", scene.directory.appending("inside/h").string]).text
    #expect(told == "symbolic link\n")
    try scene.expectOutsideUntouched()
  }

  @Test func belowAFile() throws {
    let scene = try Scene()
    try scene.add("f", .file)
    #expect(scene.refusal("f/x", .file) == "f/x is below something that is no directory (f or above)")
    #expect(scene.refusal("f/x/y", .file) == "f/x/y is below something that is no directory (f/x or above)")
  }

  @Test func theRootIsADirectory() throws {
    let scene = try Scene()
    for kind in [EntryKind.symlink, .file, .hardlink, .fifo] {
      #expect(scene.refusal("/", kind, to: "x") == "the root of the tree must be a directory")
    }
    try scene.add(".", .directory)
    try scene.unpacker.finish()
    try scene.expectOutsideUntouched()
  }

  @Test func ownersThatStandForNone() throws {
    let scene = try Scene()
    var entry = Entry(try EntryPath("f"), .file)
    entry.group = .max
    let error = #expect(throws: UnpackError.self) { try scene.unpacker.add(entry) { _ in 0 } }
    #expect(error?.description == "f has an owner or group 4294967295, which stands for none")
  }

  @Test func dataThatEndsEarlyIsAnError() throws {
    let scene = try Scene()
    var calls = 0
    let entry = Entry(try EntryPath("f"), .file, size: 1 << 40)
    let error = #expect(throws: UnpackError.self) {
      try scene.unpacker.add(entry) { buffer in
        calls += 1
        buffer.initializeMemory(as: UInt8.self, repeating: 1)
        return calls > 1 ? 0 : 10
      }
    }
    #expect(error?.description == "f ends after 10 of \(1 << 40) bytes")
  }

  @Test func attributesThatTheKernelRefusesAreNamed() throws {
    let scene = try Scene()
    var entry = Entry(try EntryPath("f"), .file)
    entry.attributes = [ExtendedAttribute(name: Array("security.capability".utf8), value: [1, 2, 3])]
    let error = #expect(throws: UnpackError.self) { try scene.unpacker.add(entry) { _ in 0 } }
    #expect(error?.description == "can't set the attribute security.capability of f: Invalid argument")
  }
}
