import Glibc
import SystemPackage
import TestSupport

/// Runs the fixture to its end.
func fixture(_ arguments: String..., environment: [String] = []) throws -> TestSupport.Tool.Result {
  try Tool.run(builtProgram("tool-fixture").string, arguments, environment: environment)
}

/// Sets a variable of this process's environment, for exit tests alone.
func setVariable(_ name: String, _ value: String) { setenv(name, value, 1) }
