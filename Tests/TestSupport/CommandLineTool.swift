import Glibc
import Posix
public import SystemPackage

/// The folder that the executables were built into, beside the tests.
///
/// - Throws: `MissingExecutable` where a test runs from somewhere else.
public func productsDirectory() throws -> FilePath {
  var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
  let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
  // Where the test is its own program, that is in the folder; else it is an argument of swift's runner.
  var candidates: [FilePath] = []
  if count > 0 {
    let path = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    candidates.append(FilePath(path).removingLastComponent())
  }
  for argument in CommandLine.arguments where argument.contains(".build/") {
    var path = FilePath(argument)
    while path.lastComponent != nil {
      path = path.removingLastComponent()
      candidates.append(path)
      if path.lastComponent == ".build" { break }
    }
  }
  for candidate in candidates {
    let tool = candidate.appending("garboard-import")
    if tool.withPlatformString({ access($0, X_OK) }) == 0 { return candidate }
  }
  throw MissingExecutable(searched: candidates.map(\.string))
}

/// An executable of this package's own build.
public func builtProgram(_ name: String) throws -> FilePath { try productsDirectory().appending(name) }

/// Runs a tool of this package to its end, whatever its exit code, in a clean environment.
///
/// - Parameters:
///   - environment: `NAME=value`, put before the clean environment's.
///   - directory: its working directory; this process's when nil.
@discardableResult
public func garboard(
  _ name: String, _ arguments: String..., input: [UInt8] = [], environment: [String] = [],
  in directory: FilePath? = nil
) throws -> Tool.Result {
  try garboard(name, arguments, input: input, environment: environment, in: directory)
}

/// Runs a tool of this package with a list of arguments.
@discardableResult
public func garboard(
  _ name: String, _ arguments: [String], input: [UInt8] = [], environment: [String] = [],
  in directory: FilePath? = nil
) throws -> Tool.Result {
  try Tool.run(
    program: builtProgram(name), arguments, input: input, environment: environment,
    in: directory)
}

/// The executables were not found.
public struct MissingExecutable: Error, CustomStringConvertible {
  /// Where they were searched.
  public var searched: [String]
  /// What to do.
  public var description: String {
    "the executables of the package are not in \(searched.joined(separator: ", ")): build it with swift build"
  }
}
