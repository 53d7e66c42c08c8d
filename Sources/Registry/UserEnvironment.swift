import Glibc
import SystemPackage

/// What the user's environment says; empty counts as not set.
func environmentVariable(_ name: String) -> String? {
  guard let value = getenv(name), value.pointee != 0 else { return nil }
  return String(cString: value)
}

/// All of the user's environment, as `NAME=value`.
func wholeEnvironment() -> [String] {
  var all: [String] = []
  var next = environ
  while let entry = next.pointee {
    all.append(String(cString: entry))
    next += 1
  }
  return all
}

/// The user's home.
func homeDirectory() -> FilePath { FilePath(environmentVariable("HOME") ?? "/root") }

/// The user's number.
func userIdentifier() -> UInt32 { getuid() }
