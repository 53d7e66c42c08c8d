import Glibc
public import SystemPackage

/// An executable of this package's own build: beside the test bundle.
///
/// - Throws: `ToolFailure` when the process doesn't know its own program.
public func builtProgram(_ name: String) throws -> FilePath {
  let bundle = try Tool.check("readlink", ["/proc/\(getpid())/exe"]).text.dropLast()
  return FilePath(String(bundle)).removingLastComponent().appending(name)
}
