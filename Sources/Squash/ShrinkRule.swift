public import Rootfs

/// A named set of files that an image can do without, at a cost.
public struct ShrinkRule: Sendable {
  /// Its name, as `--shrink` takes it.
  public var name: String
  /// What it leaves out, in words.
  public var removes: String
  /// What that costs, in words.
  public var costs: String
  /// Whether running programs don't notice.
  public var isSafe: Bool
  /// What goes; see `Glob`.
  var excluded: [String]
  /// What stays of it.
  var included: [String] = []
  /// Directories that stay, though they be empty.
  var staying: [String] = []
  /// Directories, links and devices stay.
  var takesFilesOnly = false
  /// Compiled Python goes only where its source is.
  var needsSource = false

  /// All rules, in the order in which they are tried.
  public static let all: [ShrinkRule] = [
    ShrinkRule(
      name: "man", removes: "manual pages and their translations, below /usr/share/man and /usr/local",
      costs: "man finds no pages; the directories stay, because packages put links there", isSafe: true,
      excluded: ["/usr/share/man/*", "/usr/local/share/man/*"],
      staying: ["/usr/share/man/man*", "/usr/local/share/man/man*"]),
    ShrinkRule(
      name: "docs",
      removes: "what is in the folders of /usr/share/doc, doc-base, help, gtk-doc, lintian's overrides",
      costs: "no READMEs, changelogs and examples; copyright files and licences stay", isSafe: true,
      excluded: [
        "/usr/share/doc/*/**", "/usr/local/share/doc/*/**", "/usr/share/doc-base/*", "/usr/share/help/*",
        "/usr/share/gtk-doc/*", "/usr/share/lintian/overrides/*",
      ],
      included: ShrinkRule.licences),
    ShrinkRule(
      name: "info", removes: "manuals in GNU's info format",
      costs: "info finds no manuals", isSafe: true,
      excluded: ["/usr/share/info/*", "/usr/local/share/info/*"]),
    ShrinkRule(
      name: "locales",
      removes: "translations and compiled locales but C, C.UTF-8 and POSIX (--keep-locale keeps more)",
      costs: "programs speak English, and LANG of another locale has no effect", isSafe: false,
      excluded: ["/usr/share/locale/*", "/usr/local/share/locale/*", "/usr/lib/locale/*"],
      included: ["C", "C.*", "POSIX"].flatMap(ShrinkRule.localeFolders) + [
        "/usr/share/locale/locale.alias", "/usr/share/locale/languages", "/usr/share/locale/all_languages",
        "/usr/share/locale/currency", "/usr/share/locale/l10n",
      ]),
    ShrinkRule(
      name: "apt-lists", removes: "the package lists of apt", costs: "apt-get update before apt-get install",
      isSafe: true, excluded: ["/var/lib/apt/lists/**"], takesFilesOnly: true),
    ShrinkRule(
      name: "caches",
      removes: "files below /var/cache and .cache in /root and /home, not debconf's answers and font caches",
      costs: "they are made or fetched anew when they are needed", isSafe: true,
      excluded: ["/var/cache/**", "/root/.cache/**", "/home/*/.cache/**"],
      included: ["/var/cache/debconf/*.dat", "/var/cache/fontconfig"], takesFilesOnly: true),
    ShrinkRule(
      name: "logs", removes: "files below /var/log, but wtmp and btmp, which must be there to be written",
      costs: "what happened while the image was made is not known any more", isSafe: true,
      excluded: ["/var/log/**"], included: ["/var/log/wtmp", "/var/log/btmp"], takesFilesOnly: true),
    ShrinkRule(
      name: "pyc", removes: "__pycache__, and .pyc and .pyo files beside their source",
      costs: "Python compiles what it imports, each time when it can't write there", isSafe: false,
      excluded: ["__pycache__", "*.pyc", "*.pyo"], needsSource: true),
    ShrinkRule(
      name: "static-libs",
      removes: "lib*.a and lib*.la in the library directories, but glibc's stubs and the compilers' own",
      costs: "nothing can be linked statically against them", isSafe: false,
      excluded: ["/lib", "/usr/lib", "/usr/local/lib"].flatMap { folder in
        ["/lib*.a", "/lib*.la", "/*-linux-*/lib*.a", "/*-linux-*/lib*.la"].map { folder + $0 }
      },
      // Since glibc 2.34 -lpthread and the like find these alone; gcc links lib*_nonshared always.
      included: ["lib*_nonshared.a"]
        + ["pthread", "dl", "rt", "util", "anl", "crypt", "mcheck", "g"].map { "lib\($0).a" }),
    ShrinkRule(
      name: "debug", removes: "debug files: /usr/lib/debug, *.debug below lib directories",
      costs: "debuggers show no source lines of these programs", isSafe: true,
      excluded: [
        "/usr/lib/debug/*", "/usr/src/debug/*", "/lib/**/*.debug", "/usr/lib/**/*.debug",
        "/usr/local/lib/**/*.debug",
      ]),
    ShrinkRule(
      name: "copyright", removes: "copyright files and licences in /usr/share/doc and /usr/share/licenses",
      costs: "most licences want them beside the programs; in no set, so it must be named", isSafe: false,
      excluded: ShrinkRule.licences + ["/usr/share/licenses/*"]),
  ]

  private static let licences = ["/usr/share/doc", "/usr/local/share/doc"].flatMap { folder in
    ["copyright", "COPYING*", "LICENSE*", "LICENCE*", "NOTICE*"].map { "\(folder)/*/\($0)" }
  }

  static func localeFolders(_ name: String) -> [String] {
    ["/usr/share/locale/", "/usr/local/share/locale/", "/usr/lib/locale/"].map { $0 + name }
  }

  /// Sets of rules by name: `safe` costs running programs nothing, `all` is every rule but `copyright`.
  public static let sets: [(name: String, rules: [String])] = [
    ("safe", all.filter(\.isSafe).map(\.name)),
    ("all", all.map(\.name).filter { $0 != "copyright" }),
  ]

  /// The rules that names of rules and sets mean, each once, in the order of `all`.
  ///
  /// - Throws: `UnknownShrinkRule`.
  public static func named(_ names: [String]) throws(UnknownShrinkRule) -> [ShrinkRule] {
    var chosen: Set<String> = []
    for name in names {
      if let set = sets.first(where: { $0.name == name }) {
        chosen.formUnion(set.rules)
      } else if all.contains(where: { $0.name == name }) {
        chosen.insert(name)
      } else {
        throw UnknownShrinkRule(name: name)
      }
    }
    return all.filter { chosen.contains($0.name) }
  }

  /// What the rule leaves out.
  ///
  /// - Parameters:
  ///   - locales: locales that stay, as `de`, `pt_BR` or `de_DE.UTF-8`.
  ///   - included: what the user wants to stay.
  /// - Throws: `GlobError` for a locale that is none.
  public func removal(keepingLocales locales: [String], including included: [Glob]) throws -> Removal {
    var removal = Removal(.shrink, name)
    var globs = self.included
    if name == "locales" { globs += locales.flatMap(Self.patterns(ofLocale:)) }
    removal.filter.rules =
      try excluded.map { .init(.exclude, try Glob($0)) } + globs.map { .init(.include, try Glob($0)) }
      + included.map { .init(.include, $0) }
    removal.staying = try staying.map { try Glob($0) }
    removal.takesFilesOnly = takesFilesOnly
    removal.needsSource = needsSource
    return removal
  }

  /// The folders with what a locale needs: its language's translations too, and its names in glibc.
  private static func patterns(ofLocale locale: String) -> [String] {
    let place = locale.prefix { $0 != "." && $0 != "@" }
    let language = place.prefix { $0 != "_" }
    // glibc has all compiled locales in one file, unless it is told otherwise.
    var patterns = ["\(place)", "\(place).*", "\(place)@*"].flatMap(localeFolders)
    patterns += localeFolders("\(language)") + ["/usr/lib/locale/locale-archive"]
    if language == place { patterns += localeFolders("\(language)_*") }
    return patterns
  }
}

/// A name that neither a rule nor a set has.
public struct UnknownShrinkRule: Error, Sendable, Equatable, CustomStringConvertible {
  /// The name.
  public var name: String
  /// Which there are.
  public var description: String {
    let names = ShrinkRule.all.map(\.name) + ShrinkRule.sets.map(\.name)
    return "there is no rule \"\(name)\": the rules are \(names.joined(separator: ", ")); list says more"
  }
}
