import Glibc

/// Which paths of packages are left out, as dpkg decides it by `path-exclude` and `path-include`.
///
/// A pattern is matched against the whole path from `/`, by fnmatch(3) without flags: `*` and `?`
/// match `/` too. The last rule that matches wins. See dpkg(1) and `src/main/filters.c` of dpkg.
public struct PathRules: Sendable, Equatable {
  /// One rule.
  public struct Rule: Sendable, Equatable {
    /// Whether it brings paths back (`path-include`) or leaves them out.
    public var includes: Bool
    /// The pattern, from `/`.
    public var pattern: String

    /// Leaves out what matches.
    public static func exclude(_ pattern: String) -> Rule { Rule(includes: false, pattern: pattern) }
    /// Brings back what matches.
    public static func include(_ pattern: String) -> Rule { Rule(includes: true, pattern: pattern) }

    /// The rule as a line of dpkg's configuration.
    public var option: String { (includes ? "path-include=" : "path-exclude=") + pattern }
  }

  /// The rules, in the order in which they are asked.
  public var rules: [Rule]

  /// These rules.
  public init(_ rules: [Rule] = []) { self.rules = rules }

  /// What Debian's slim images leave out: documentation, manuals, translations. Copyright files stay,
  /// as licences ask. The lists are debuerreotype's `.slimify-excludes` and `.slimify-includes`, as
  /// they were when the slim images of trixie came out.
  public static let slim = PathRules([
    .exclude("/usr/share/doc/*"),
    .exclude("/usr/share/groff/*"),
    .exclude("/usr/share/info/*"),
    .exclude("/usr/share/linda/*"),
    .exclude("/usr/share/lintian/overrides/*"),
    .exclude("/usr/share/locale/*"),
    .exclude("/usr/share/man/*"),
    .include("/usr/share/doc/*/copyright"),
    .include("/usr/share/doc/kde/HTML/C/*"),
    .include("/usr/share/gnome/help/*/C/*"),
    .include("/usr/share/locale/all_languages"),
    .include("/usr/share/locale/currency/*"),
    .include("/usr/share/locale/l10n/*"),
    .include("/usr/share/locale/languages"),
    .include("/usr/share/locale/locale.alias"),
    .include("/usr/share/omf/*/*-C.emf"),
  ])

  /// Whether a path is left out. `path` starts with `/`; `mayHoldOthers` says that it is a directory or
  /// a symlink, which may lead to something that is kept.
  public func leavesOut(_ path: [UInt8], mayHoldOthers: Bool) -> Bool {
    if rules.isEmpty || path.contains(0) { return false }
    let name = path.map { CChar(bitPattern: $0) } + [0]
    var isOut = false
    for rule in rules where fnmatch(rule.pattern, name, 0) == 0 { isOut = !rule.includes }
    guard isOut, mayHoldOthers else { return isOut }
    // As dpkg: a directory or symlink is kept when an include's literal beginning is a beginning of it
    // too. And, other than dpkg, when it leads to such a beginning.
    for rule in rules where rule.includes {
      let literal = rule.pattern.utf8.prefix { !"*?[\\".utf8.contains($0) }
      var prefix = Array(literal)
      while prefix.last == 0x2f { prefix.removeLast() }
      if path.starts(with: prefix) || prefix.starts(with: path + [0x2f]) { return false }
    }
    return true
  }
}
