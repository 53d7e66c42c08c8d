import SystemPackage
import TestSupport
import Testing

@testable import Posix

/// Both ways to open a directory below another: openat2(2), and part by part where there is none.
@Suite struct BeneathTests {
  @Test(arguments: [false, true]) func opensOrRefuses(_ byParts: Bool) throws {
    let directory = try TemporaryDirectory()
    try TreeBuilder.shell(
      "mkdir -p r/a/b outside; touch r/f; ln -s a r/l; ln -s ../outside r/o; ln -s / r/root; ln -s gone r/g",
      in: directory.path)
    let root = try openFile(directory.appending("r"), .directory)
    func outcome(_ path: String) -> String {
      do throws(PosixError) {
        let bytes = Array(path.utf8)
        let opened =
          byParts
          ? try openDirectory(byPartsBeneath: root.raw, bytes, shown: path)
          : try openDirectory(beneath: root.raw, bytes, shown: path)
        return try opened.status(shown: path).kind == .directory ? "opened" : "no directory"
      } catch {
        return "\(error.errno)"
      }
    }
    #expect(["", "a", "a/b"].map(outcome) == ["opened", "opened", "opened"])
    #expect(["x", "a/x", "a/x/y"].map(outcome).allSatisfy { $0 == "No such file or directory" })
    #expect(["f", "f/x"].map(outcome).allSatisfy { $0 == "Not a directory" })
    #expect(
      ["l", "l/b", "o", "o/x", "root", "root/etc", "g", "g/x"].map(outcome)
        .allSatisfy { $0 == "Too many levels of symbolic links" })
    #expect(["..", "../outside", "a/../../outside"].map(outcome).allSatisfy { $0 != "opened" })
  }
}
