import Posix
import SystemPackage
import TestSupport
import Testing

@Suite("garboard, the front of the suite")
struct GarboardTests {
  /// A copy of the program in a folder of its own, with tools beside it and in PATH.
  private func setUp() throws -> (folder: TemporaryDirectory, program: String) {
    let folder = try TemporaryDirectory()
    let script = """
      mkdir beside path
      cp "$0" beside/garboard
      tool() { printf '#!/bin/sh\\n%s\\n' "$2" >$1; chmod 755 $1; }
      tool beside/garboard-import 'echo "beside: $# $*"; exit 7'
      tool path/garboard-import 'echo "path: $*"'
      tool path/garboard-squash '[ "$1" = --help ] && echo "OVERVIEW: Join layers." || echo "args: <$1> <$2>"'
      tool path/garboard-UPPER 'exit 1'
      echo 'not a program' >path/garboard-data
      mkdir path/garboard-folder
      """
    try Tool.check("sh", ["-c", script, builtProgram("garboard").string], in: folder.path)
    return (folder, folder.appending("beside/garboard").string)
  }

  private func run(_ arguments: String...) throws -> Tool.Result {
    let (folder, program) = try setUp()
    let path = "PATH=\(folder.appending("path").string):/usr/bin:/bin"
    return try Tool.run(program, arguments, environment: [path])
  }

  @Test("A tool beside it comes before one in PATH; arguments and exit status are the tool's own")
  func besideFirst() throws {
    let result = try run("import", "--help", "-v", "a b")
    #expect(result.text == "beside: 3 --help -v a b\n")
    #expect(result.status == .exited(7))
    #expect(try run("squash", "", "--version").text == "args: <> <--version>\n")
  }

  @Test(
    "Alone, with --help and with help it lists the tools and what they do",
    arguments: [[], ["--help"], ["help"]])
  func list(_ arguments: [String]) throws {
    let (folder, program) = try setUp()
    let path = "PATH=\(folder.appending("path").string):/usr/bin:/bin"
    let result = try Tool.run(program, arguments, environment: [path])
    #expect(result.status.isSuccess)
    #expect(result.text.hasPrefix("OVERVIEW: "))
    #expect(result.text.hasSuffix("TOOLS:\n  import\n  squash  Join layers.\n"))
    #expect(result.errors.isEmpty)
  }

  @Test("help TOOL asks the tool")
  func help() throws { #expect(try run("help", "squash").text == "OVERVIEW: Join layers.\n") }

  @Test("An unknown tool is wrong usage, and the nearest name is offered")
  func unknown() throws {
    let near = try run("squahs")
    #expect(near.status == .exited(64))
    #expect(
      near.errorText
        == "garboard: error: there is no tool \"squahs\"; is it \"squash\"? (\"garboard help\" lists all)\n")
    let far = try run("help", "something-else")
    #expect(far.status == .exited(64))
    #expect(!far.errorText.contains("is it"))
    #expect(try run("--nonsense").status == .exited(64))
  }

  @Test("Names with slashes run nothing")
  func slashes() throws { #expect(try run("../path/garboard-squash").status == .exited(64)) }

  @Test("--version")
  func version() throws { #expect(try run("--version").text == "garboard 0.1.0\n") }
}
