/// A command line that shows what a tool is for. A test runs each of them.
public struct Example: Sendable, Equatable {
  /// What it does, as a phrase without a period.
  public var purpose: String
  /// The command line for a shell.
  public var command: String

  /// An example.
  public init(_ purpose: String, _ command: String) {
    self.purpose = purpose
    self.command = command
  }

  private static let heading = "EXAMPLES:"
  private static let prompt = "    $ "

  /// A tool's explanation with its examples after it, as `--help` shows them.
  public static func discussion(_ text: String, _ examples: [Example]) -> String {
    if examples.isEmpty { return text }
    let lines = examples.flatMap { ["  \($0.purpose):", prompt + $0.command] }
    return ([text, "", heading] + lines).joined(separator: "\n")
  }

  /// The examples of a text that `discussion` made; those of any other text are none.
  public static func examples(inDiscussion text: String) -> [Example] {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard let start = lines.firstIndex(of: heading) else { return [] }
    var examples: [Example] = []
    var purpose = ""
    for line in lines[(start + 1)...] {
      if line.hasPrefix(prompt) {
        examples.append(Example(purpose, String(line.dropFirst(prompt.count))))
      } else if line.hasPrefix("  "), line.hasSuffix(":") {
        purpose = String(line.dropFirst(2).dropLast())
      } else {
        break
      }
    }
    return examples
  }
}
