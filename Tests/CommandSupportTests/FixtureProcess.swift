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

/// Sets a variable of this process's environment, for exit tests alone.
func setVariable(_ name: String, _ value: String) { setenv(name, value, 1) }
