import Glibc
import SystemPackage
import TestSupport

/// Where the executables of this build are: beside the test bundle.
func builtProgram(_ name: String) throws -> String {
  let bundle = try Tool.check("readlink", ["/proc/\(getpid())/exe"]).text.dropLast()
  return FilePath(String(bundle)).removingLastComponent().appending(name).string
}

/// Runs the fixture to its end.
func fixture(_ arguments: String..., environment: [String] = []) throws -> TestSupport.Tool.Result {
  try Tool.run(builtProgram("tool-fixture"), arguments, environment: environment)
}
