import Archive
import Glibc
import Posix
import Rootfs
import SystemPackage
import TestSupport
import Testing

/// What somebody gets who isn't root: each test gives up its rights in a process of its own. Needs root.
@Suite struct UnprivilegedTests {
  @Test func allButOwnersIsKept() async {
    await #expect(processExitsWith: .success) {
      try becomeNobody()
      let source = try TemporaryDirectory()
      let target = try TemporaryDirectory()
      try TreeBuilder.nasty(in: source.path)
      let scan = try DirectoryScan(source.path)
      let unpacker = try Unpacker(into: target.path, options: .unprivileged)
      while let entry = try scan.next() { try unpacker.add(entry) { try scan.read(into: $0) } }
      try unpacker.finish()
      let differences = try TreeListing.of(source.path).differences(TreeListing.of(target.path))
      #expect(differences == [])
    }
  }

  @Test func whatIsForbiddenIsReported() async {
    await #expect(processExitsWith: .success) {
      try becomeNobody()
      let target = try TemporaryDirectory()
      var notices: [String] = []
      var options = Unpacker.Options.unprivileged
      options.notice = { notices.append($0.description) }
      let unpacker = try Unpacker(into: target.path, options: options)
      var device = Entry(try EntryPath("null"), .characterDevice, mode: 0o666)
      device.deviceMajor = 1
      device.deviceMinor = 3
      try unpacker.add(device) { _ in 0 }
      var file = Entry(try EntryPath("file"), .file, mode: 0o4444)
      file.user = 0
      file.attributes = [
        ExtendedAttribute(name: Array("trusted.t".utf8), value: [1]),
        ExtendedAttribute(name: Array("user.u".utf8), value: [2]),
      ]
      try unpacker.add(file) { _ in 0 }
      try unpacker.finish()
      #expect(
        notices == [
          "null: no permission to make devices, skipped", "file: attribute trusted.t can't be set, skipped",
        ])
      let lines = try TreeListing.of(target.path).lines
      #expect(lines.map(\.path) == [".", "file"])
      #expect(lines.last?["mode"] == "4444")
      #expect(lines.last?["xattr:user.u"] == "02")
      // Without that leave, it is an error.
      let strict = try Unpacker(into: target.path)
      let error = #expect(throws: PosixError.self) { try strict.add(device) { _ in 0 } }
      #expect(error?.description.hasSuffix("null: Operation not permitted") == true)
    }
  }

  @Test func whatCannotBeReadIsAnError() async {
    await #expect(processExitsWith: .success) {
      try becomeNobody()
      let directory = try TemporaryDirectory()
      try TreeBuilder.shell("mkdir d e; echo > d/f; chmod 0 d/f; chmod 0 e", in: directory.path)
      let scan = try DirectoryScan(directory.path)
      while let entry = try scan.next(), entry.kind == .directory {}
      var byte: UInt8 = 0
      let file = #expect(throws: PosixError.self) {
        try withUnsafeMutableBytes(of: &byte) { try scan.read(into: $0) }
      }
      #expect(file?.description == "can't open \(directory.path.string)/d/f: Permission denied")
      let folder = #expect(throws: PosixError.self) { while try scan.next() != nil {} }
      #expect(folder?.description == "can't open \(directory.path.string)/e: Permission denied")
      try TreeBuilder.shell("chmod 700 e", in: directory.path)
    }
  }
}

/// Gives up root for good.
private func becomeNobody() throws {
  try #require(setgroups(0, nil) == 0, "this test must be run as root")
  try #require(setgid(65534) == 0 && setuid(65534) == 0)
}
