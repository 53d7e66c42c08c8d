import Posix
import SystemPackage
import TestSupport
import Testing

/// What tests of garboard-scratch share: programs compiled here, and the loader's own view of them.
enum ScratchFixture {
  /// Compiles a program or library.
  static func compile(
    _ text: String, _ output: FilePath, _ options: [String] = [], with compiler: String = "gcc"
  )
    throws
  {
    let folder = try TemporaryDirectory()
    let source = try folder.write(compiler == "g++" ? "source.cc" : "source.c", text)
    try Tool.check(compiler, [source.string, "-o", output.string] + options)
  }

  /// The files of libraries that the machine's loader takes for a program, links followed; and the names of
  /// those that it doesn't find.
  static func ldd(_ program: String, root: String? = nil) throws -> (found: Set<String>, missing: Set<String>)
  {
    let text: String
    if let root {
      text = try Tool.check("chroot", [root, "/lib64/ld-linux-x86-64.so.2", "--list", program]).text
    } else {
      text = try Tool.run("ldd", [program]).text
    }
    var found: Set<String> = []
    var missing: Set<String> = []
    for line in text.split(separator: "\n") {
      let words = line.split { $0 == " " || $0 == "\t" }
      if line.hasSuffix("not found"), let name = words.first {
        missing.insert(String(name))
      } else if let path = words.first(where: { $0.hasPrefix("/") }) {
        let real = try root.map {
          try Tool.check("chroot", [$0, "/bin/busybox", "readlink", "-f", String(path)])
        }
        found.insert(String((try real ?? Tool.check("readlink", ["-f", String(path)])).text.dropLast()))
      }
    }
    return (found, missing)
  }

  /// The libraries in a tree: regular files whose names have `.so`.
  static func libraries(in root: FilePath) throws -> Set<String> {
    let text = try Tool.check(
      "find", [root.string, "-type", "f", "-name", "*.so*", "-not", "-name", "*.cache", "-printf", "/%P\\n"]
    ).text
    return Set(text.split(separator: "\n").map(String.init))
  }

  /// Runs a program in a tree, with /proc, which the loader reads its own path from.
  static func run(_ program: String, in root: FilePath) throws -> String {
    try Tool.check(
      "unshare",
      [
        "--mount", "sh", "-euc",
        "mkdir -p \"$0/proc\"; mount --bind /proc \"$0/proc\"; exec chroot \"$0\" \"$1\"",
        root.string, program,
      ]
    ).text
  }

  /// Makes an image with the given options into a plain tree, and gives the tree.
  @discardableResult
  static func tree(_ folder: TemporaryDirectory, _ name: String, _ arguments: [String]) throws -> FilePath {
    let root = folder.appending(name)
    let result = try garboard("garboard-scratch", arguments + ["-o", "rootfs:\(root.string)"])
    #expect(result.status.isSuccess, "\(arguments): \(result.errorText)")
    return root
  }
}
