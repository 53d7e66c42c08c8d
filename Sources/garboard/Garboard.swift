import ArgumentParser
import CommandSupport
import Glibc
import Spelling

/// The front of the suite: finds `garboard-NAME` and becomes it.
@main
struct Garboard: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "garboard",
    abstract: "Make container base images without a daemon.",
    usage: """
      garboard TOOL [ARGUMENT ...]
      garboard help [TOOL]
      """,
    discussion: "Runs garboard-TOOL, which is looked for beside this program and then in PATH.",
    version: "garboard \(garboardVersion)")

  @Argument(help: "The tool to run, or help.", completion: .custom { _, _, _ in ToolFinder().names })
  var tool: String?

  @Argument(parsing: .captureForPassthrough, help: "The tool's own arguments.")
  var arguments: [String] = []

  static func main() {
    Console.shared.setName("garboard")
    let given = Array(CommandLine.arguments.dropFirst())
    let finder = ToolFinder()
    // A tool's arguments are its own: our parser never sees them.
    if let name = given.first, !name.hasPrefix("-") {
      if name != "help" { become(name, Array(given.dropFirst()), finder) }
      if given.count > 1 { become(given[1], ["--help"], finder) }
    }
    if given.isEmpty || given == ["help"] || given == ["--help"] || given == ["-h"] {
      printHelp(finder)
      return
    }
    do {
      _ = try parseAsRoot(given)
    } catch {
      Glibc.exit(exitStatus(reporting: error, of: Self.self))
    }
  }

  /// Runs a tool in place of this process. Returns never.
  private static func become(_ name: String, _ arguments: [String], _ finder: ToolFinder) -> Never {
    guard let path = finder.path(of: name) else {
      var message = "there is no tool \"\(name)\""
      if let nearest = nearest(to: name, in: finder.names) { message += "; is it \"\(nearest)\"?" }
      complain(message + " (\"garboard help\" lists all)", status: EX_USAGE)
    }
    var words: [UnsafeMutablePointer<CChar>?] = (["garboard-" + name] + arguments).map { strdup($0) }
    words.append(nil)
    execv(path, &words)
    complain("can't run \(path): \(String(cString: strerror(errno)))", status: EXIT_FAILURE)
  }

  private static func complain(_ message: String, status: Int32) -> Never {
    Console.shared.error(message)
    Glibc.exit(status)
  }

  private static func printHelp(_ finder: ToolFinder) {
    var text = helpMessage()
    while text.last == "\n" { text.removeLast() }
    var table = Table([.left("TOOLS:"), .left("")])
    for name in finder.names {
      table.add(["  " + name, finder.path(of: name).flatMap(abstract(ofProgram:)) ?? ""])
    }
    if table.isEmpty {
      text += "\n\nNo tools were found beside this program or in PATH.\n"
    } else {
      text += "\n\n" + table.lines().joined(separator: "\n") + "\n"
    }
    print(text, terminator: "")
  }
}
