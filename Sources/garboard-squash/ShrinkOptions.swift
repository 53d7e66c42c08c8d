import ArgumentParser
import CommandSupport
import Rootfs
import Squash

/// What an image can do without.
struct ShrinkOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Leave out what these rules say: names divided by commas; may be repeated; list explains them.",
      valueName: "rules"),
    transform: { text in
      let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      if names != ["list"] { _ = try ShrinkRule.named(names) }
      return names
    })
  var shrink: [[String]] = []

  @Option(
    help: ArgumentHelp(
      "A locale that --shrink locales keeps, as de, pt_BR or de_DE.UTF-8; may be repeated.",
      valueName: "locale"))
  var keepLocale: [String] = []

  @Flag(
    help: "Make files of the same content, mode, owner and attributes hardlinks, below /usr, /bin, /lib….")
  var dedupe = false

  @Option(
    help: ArgumentHelp(
      "Look for duplicates here instead (implies --dedupe); may be repeated.", valueName: "glob"),
    transform: { try Glob($0) })
  var dedupePath: [Glob] = []

  func validate() throws {
    if isListing, shrink.count > 1 { throw ValidationError("--shrink list stands alone.") }
    if !keepLocale.isEmpty, !(try rules().contains { $0.name == "locales" }) {
      throw ValidationError("--keep-locale is of use only with --shrink locales.")
    }
  }

  /// Whether the rules are to be explained.
  var isListing: Bool { shrink.contains(["list"]) }

  private func rules() throws -> [ShrinkRule] { try ShrinkRule.named(shrink.flatMap { $0 }) }

  /// What is left out: by the user's patterns, then by rules.
  func removals(excluding excluded: [Glob], including included: [Glob]) throws -> [Removal] {
    try excluded.map { .exclude($0, including: included) }
      + rules().map { try $0.removal(keepingLocales: keepLocale, including: included) }
  }

  /// Where duplicates are looked for; nil for nowhere.
  func deduping() throws -> Dedupe? {
    if !dedupePath.isEmpty { return Dedupe(in: dedupePath) }
    return dedupe ? Dedupe(in: try Dedupe.programPaths.map { try Glob($0) }) : nil
  }

  /// The rules with what they leave out and cost, then the sets.
  static var list: String {
    var lines: [String] = []
    for rule in ShrinkRule.all {
      lines += ["\(rule.name)", "  leaves out \(rule.removes)", "  costs: \(rule.costs)"]
    }
    for set in ShrinkRule.sets { lines += ["\(set.name)", "  \(set.rules.joined(separator: ", "))"] }
    return lines.joined(separator: "\n") + "\n"
  }
}
