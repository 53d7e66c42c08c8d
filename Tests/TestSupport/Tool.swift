import Glibc
public import Posix
public import SystemPackage

/// Programs of the system that tests ask for the truth.
public enum Tool {
  /// What a program left behind.
  public struct Result: Sendable {
    /// How it ended.
    public var status: ChildProcess.Status
    /// What it wrote to standard output.
    public var output: [UInt8]
    /// What it wrote to standard error.
    public var errors: [UInt8]

    /// The output as text.
    public var text: String { String(decoding: output, as: UTF8.self) }
    /// The errors as text.
    public var errorText: String { String(decoding: errors, as: UTF8.self) }
  }

  /// The Debian package of each program that isn't named as its package.
  private static let packages = [
    "apt-ftparchive": "apt-utils", "apt-get": "apt", "bsdtar": "libarchive-tools", "capsh": "libcap2-bin",
    "cpio": "cpio", "dpkg-deb": "dpkg", "fallocate": "util-linux", "getcap": "libcap2-bin",
    "getfacl": "acl", "gpg": "gpg", "gpgv": "gpgv", "mkfifo": "coreutils", "mknod": "coreutils",
    "mount": "mount", "pgrep": "procps", "python3": "python3", "setcap": "libcap2-bin", "setfacl": "acl",
    "setpriv": "util-linux", "sh": "dash", "unshare": "util-linux", "unsquashfs": "squashfs-tools",
    "xz": "xz-utils",
  ]

  /// The path of a program.
  ///
  /// - Throws: `MissingTool`, which names the package to install.
  public static func find(_ name: String) throws -> FilePath {
    guard let path = Command.find(name) else {
      throw MissingTool(program: name, package: packages[name] ?? name)
    }
    return path
  }

  /// Runs a program to its end in a clean environment, whatever its exit code.
  ///
  /// - Parameters:
  ///   - input: what it reads from standard input.
  ///   - environment: `NAME=value`, put before the clean environment's.
  ///   - directory: its working directory; this process's when nil.
  @discardableResult
  public static func run(
    _ name: String, _ arguments: [String], input: [UInt8] = [], environment: [String] = [],
    in directory: FilePath? = nil
  ) throws -> Result {
    try run(
      program: name.contains("/") ? FilePath(name) : find(name), arguments, input: input,
      environment: environment, in: directory)
  }

  /// Runs a program, which must succeed.
  ///
  /// - Throws: `ToolFailure` with what it wrote to standard error.
  @discardableResult
  public static func check(
    _ name: String, _ arguments: [String], input: [UInt8] = [], environment: [String] = [],
    in directory: FilePath? = nil
  ) throws -> Result {
    let result = try run(name, arguments, input: input, environment: environment, in: directory)
    guard result.status.isSuccess else {
      throw ToolFailure(command: ([name] + arguments).joined(separator: " "), result: result)
    }
    return result
  }

  /// Runs a Python script with Debian's Python, which must succeed.
  @discardableResult
  public static func python(_ script: String, _ arguments: [String], input: [UInt8] = []) throws -> Result {
    // -I: nothing of the user's.
    try check("python3", ["-I", "-c", script] + arguments, input: input)
  }

  static func run(
    program: FilePath, _ arguments: [String], input: [UInt8], environment: [String], in directory: FilePath?
  ) throws -> Result {
    // Files and not pipes: nothing can fill up and wait for ever.
    let inputFile = try makeTemporaryFile(in: TemporaryDirectory.base)
    try input.withUnsafeBytes { try inputFile.write($0, at: 0) }
    let output = try makeTemporaryFile(in: TemporaryDirectory.base)
    let errors = try makeTemporaryFile(in: TemporaryDirectory.base)
    var command = Command(program, arguments)
    let named = Set(environment.compactMap { $0.split(separator: "=").first })
    command.environment =
      environment
      + command.environment.filter { !named.contains($0.split(separator: "=").first ?? "") }
    command.workingDirectory = directory
    command.input = .descriptor(inputFile.raw)
    command.output = .descriptor(output.raw)
    command.errors = .descriptor(errors.raw)
    let status = try command.start().wait()
    return Result(status: status, output: try contents(of: output), errors: try contents(of: errors))
  }

  private static func contents(of file: borrowing Descriptor) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}

/// A program that a test needs isn't installed.
public struct MissingTool: Error, CustomStringConvertible {
  /// The program.
  public var program: String
  /// The Debian package that has it.
  public var package: String
  /// What to install.
  public var description: String { "\(program) isn't installed: install the Debian package \(package)" }
}

/// A program failed that a test needs.
public struct ToolFailure: Error, CustomStringConvertible {
  /// The command line.
  public var command: String
  /// What it left behind.
  public var result: Tool.Result
  /// The command, how it ended, and what it said.
  public var description: String {
    "\(command.prefix(400)): \(result.status)\n\(result.errorText)\(result.text.suffix(2000))"
  }
}
