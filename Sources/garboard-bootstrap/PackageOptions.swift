import ArgumentParser
import Bootstrap
import Debian
import SystemPackage

/// What a base system is made of, and how.
struct PackageOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The set of packages, as mmdebstrap names them; debootstrap has minbase, buildd and standard."))
  var variant = BootstrapRequest.Variant.minbase

  @Option(help: ArgumentHelp("Add packages, separated by commas; may be repeated.", valueName: "packages"))
  var include: [String] = []

  @Option(help: ArgumentHelp("Leave out packages, separated by commas.", valueName: "packages"))
  var exclude: [String] = []

  @Flag(
    name: .customLong("no-dependencies"),
    help: "Take exactly the packages that are named, without what they depend on (variants extract, custom).")
  var leavesOutDependencies = false

  @Option(help: ArgumentHelp("Components of the archive (default: main).", valueName: "components"))
  var components: [String] = []

  @Option(
    help: ArgumentHelp("The architecture, as Debian names it (default: this machine's).", valueName: "arch"))
  var arch: String?

  @Option(
    help: ArgumentHelp(
      "Trust this keyring, a file or folder, and no other; may be repeated.", valueName: "path"),
    completion: .file())
  var keyring: [String] = []

  @Flag(
    name: .customLong("no-check-valid-until"),
    help: "Take archives that have expired: from mirrors that lag, or of days gone by.")
  var takesExpired = false

  @Option(help: "auto, root, or unshare (user namespaces; needs no root).")
  var mode = BootstrapRequest.Mode.auto

  @Option(
    help: ArgumentHelp("Run a command before packages come; $1 is the root directory.", valueName: "command"))
  var setupHook: [String] = []

  @Option(help: ArgumentHelp("Run a command after the first packages are unpacked.", valueName: "command"))
  var extractHook: [String] = []

  @Option(help: ArgumentHelp("Run a command after the essential packages are there.", valueName: "command"))
  var essentialHook: [String] = []

  @Option(help: ArgumentHelp("Run a command before the system is packed.", valueName: "command"))
  var customizeHook: [String] = []

  @Option(help: ArgumentHelp("A line for apt's configuration, kept in the image.", valueName: "line"))
  var aptopt: [String] = []

  @Option(help: ArgumentHelp("A line for dpkg's configuration, kept in the image.", valueName: "line"))
  var dpkgopt: [String] = []

  @Option(
    help: ArgumentHelp(
      "Leave out the files of packages that match, as dpkg's path-exclude.", valueName: "glob"))
  var pathExclude: [String] = []

  @Option(
    help: ArgumentHelp("Keep what matches, though it is excluded, as dpkg's path-include.", valueName: "glob")
  )
  var pathInclude: [String] = []

  @Flag(help: "Leave out what Debian's slim images leave out: manuals, documentation, translations.")
  var slim = false

  /// The request that these options make.
  func request(suite: String) -> BootstrapRequest {
    var request = BootstrapRequest(suite: suite)
    request.variant = variant
    request.include = Self.words(include)
    request.exclude = Self.words(exclude)
    request.resolvesDependencies = !leavesOutDependencies
    if !components.isEmpty { request.components = Self.words(components) }
    request.architecture = arch
    request.keyrings = keyring.map { FilePath($0) }
    request.checksValidUntil = !takesExpired
    request.mode = mode
    request.hooks.setup = setupHook
    request.hooks.extract = extractHook
    request.hooks.essential = essentialHook
    request.hooks.customize = customizeHook
    request.aptOptions = aptopt
    request.dpkgOptions = dpkgopt
    request.pathRules = PathRules(
      (slim ? PathRules.slim.rules : []) + pathExclude.map { .exclude($0) } + pathInclude.map { .include($0) }
    )
    return request
  }

  private static func words(_ texts: [String]) -> [String] {
    texts.flatMap { $0.split { $0 == "," || $0 == " " }.map(String.init) }
  }

  /// The options that decide what the image holds, for its history.
  var words: [String] {
    var words = ["--variant", variant.rawValue]
    for (name, values) in [("--include", include), ("--exclude", exclude), ("--components", components)]
    where !values.isEmpty {
      words += [name, Self.words(values).joined(separator: ",")]
    }
    if leavesOutDependencies { words.append("--no-dependencies") }
    if let arch { words += ["--arch", arch] }
    if slim { words.append("--slim") }
    return words
  }
}
