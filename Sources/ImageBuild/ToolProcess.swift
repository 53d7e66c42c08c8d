import Glibc
import Posix
public import SystemPackage

/// How sibling executables are found and run.
public struct ToolSet: Sendable {
  /// Finds a tool by its name without `garboard-`.
  public var find: @Sendable (String) -> FilePath?
  /// What the tools get as their environment.
  public var environment: [String]
  /// How often `-v` is passed on.
  public var verbosity: Int

  /// Tools.
  public init(
    environment: [String], verbosity: Int = 0, find: @escaping @Sendable (String) -> FilePath?
  ) {
    self.environment = environment
    self.verbosity = verbosity
    self.find = find
  }

  func path(_ tool: String) throws(ImageBuildError) -> FilePath {
    guard let path = find(tool) else {
      throw ImageBuildError("garboard-\(tool) was not found beside this program or in PATH")
    }
    return path
  }

  /// Runs a tool to its end.
  ///
  /// - Parameters:
  ///   - directory: its working directory.
  ///   - onLine: gets the lines that it says which are no error.
  /// - Returns: what it printed on standard output.
  /// - Throws: `ToolFailure` with what it said.
  func run(
    _ line: CommandLine, in directory: FilePath, input: FilePath? = nil, onLine: (String) -> Void
  ) throws -> [UInt8] {
    let program = try path(line.tool)
    let output = try makeTemporaryFile(in: temporaryDirectory())
    var pipe = try Pipe()
    let reader = pipe.takeReader()
    let writer = pipe.takeWriter()
    let volume = verbosity > 0 ? Array(repeating: "-v", count: verbosity) : ["-q"]
    var command = Command(
      program, volume + ["--progress=none", "--color=never"] + line.words, environment: environment)
    command.workingDirectory = directory
    command.output = .descriptor(output.raw)
    command.errors = .descriptor(writer.raw)
    let child = try command.start()
    _ = consume writer
    var tail: [String] = []
    let name = "garboard-\(line.tool): "
    try Self.lines(reader.raw) { text in
      tail.append(text)
      if tail.count > 40 { tail.removeFirst() }
      if text.hasPrefix(name + "error: ") { return }
      onLine(text.hasPrefix(name) ? String(text.dropFirst(name.count)) : text)
    }
    let status = try child.wait()
    guard status.isSuccess else { throw ToolFailure(tool: line.tool, status: status, lines: tail) }
    var bytes = [UInt8](repeating: 0, count: Int(try output.size()))
    _ = try bytes.withUnsafeMutableBytes { try output.read(into: $0, at: 0) }
    return bytes
  }

  private static func lines(_ raw: Int32, _ onLine: (String) -> Void) throws {
    var rest: [UInt8] = []
    func give(_ line: some Collection<UInt8>) {
      let text = displayed(line)
      if !text.isEmpty { onLine(text) }
    }
    try withUnsafeTemporaryAllocation(byteCount: 1 << 14, alignment: 16) { buffer in
      while case let count = try readSome(raw, into: buffer), count > 0 {
        rest.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        while let end = rest.firstIndex(of: 0x0a) {
          give(rest[..<end])
          rest.removeSubrange(...end)
        }
        // A line without an end is cut, so that no memory is taken by it.
        if rest.count > 1 << 16 {
          give(rest)
          rest = []
        }
      }
    }
    give(rest)
  }
}

/// A tool that failed, and what it said.
struct ToolFailure: Error, CustomStringConvertible {
  var tool: String
  var status: ChildProcess.Status
  var lines: [String]

  var description: String {
    let name = "garboard-\(tool): error: "
    // Its error is one line; what engines said stands before it.
    if let index = lines.lastIndex(where: { $0.hasPrefix(name) }) {
      // How it is used is not for those who didn't write the command line.
      let more = lines[(index + 1)...].prefix { !$0.hasPrefix("Usage: ") }
      let error = ([String(lines[index].dropFirst(name.count))] + more).joined(separator: "\n")
      return "garboard-\(tool): \(error)"
    }
    let how =
      switch status {
      case .exited(let code): "exited with \(code)"
      case .signalled(let number): "was ended by signal \(number)"
      }
    return "garboard-\(tool) \(how)" + (lines.last.map { ": \($0)" } ?? "")
  }
}
