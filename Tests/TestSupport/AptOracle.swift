import Posix
import SystemPackage

/// A configuration of apt in a folder of its own: nothing installed, no Recommends, one flat archive.
public final class AptOracle: Sendable {
  private let folder: TemporaryDirectory
  /// The environment that makes apt use it.
  public var settings: [String] { ["APT_CONFIG=\(folder.appending("apt.conf"))"] }

  /// apt with these sources, as lines of a `sources.list`.
  public init(sources: [String]) throws {
    folder = try TemporaryDirectory()
    try prepare()
    try update(sources)
  }

  /// apt that knows the packages of `text`, a `Packages` file.
  public init(packages text: String) throws {
    folder = try TemporaryDirectory()
    try prepare()
    let packages = Array(text.utf8)
    try folder.write("archive/Packages", packages)
    let digest = try Tool.check("sha256sum", [folder.appending("archive/Packages").string]).text.prefix(64)
    let release = "Suite: test\nCodename: test\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n"
    try folder.write("archive/Release", release + "SHA256:\n \(digest) \(packages.count) Packages\n")
    try update(["deb [trusted=yes] file:\(folder.appending("archive")) ./"])
  }

  /// Takes packages for installed: dpkg's status file and apt's `extended_states`.
  public func setInstalled(status: [UInt8], states: [UInt8]) throws {
    try folder.write("status", status)
    try folder.write("extended", states)
  }

  private func prepare() throws {
    for name in ["state/lists/partial", "cache/archives/partial", "archive", "etc"] {
      try makeDirectories(folder.appending(name))
    }
    try folder.write("status", "")
    try folder.write("apt.conf", Self.configuration(folder.path, sources: folder.appending("sources")))
  }

  private func update(_ sources: [String]) throws {
    try folder.write("sources", sources.joined(separator: "\n") + "\n")
    try Tool.check("chmod", ["-R", "a+rX", folder.path.string])
    try Tool.check("apt-get", ["-q", "update"], environment: settings)
  }

  /// The `Packages` files that apt has fetched.
  public func indexes() throws -> [String] {
    let lists = folder.appending("state/lists").string
    return try Tool.check("find", [lists, "-name", "*_Packages"]).text.split(separator: "\n").map(String.init)
  }

  /// apt's configuration for a folder.
  private static func configuration(_ folder: FilePath, sources: FilePath) -> String {
    """
    Dir::Etc "\(folder)/etc";
    Dir::Etc::sourcelist "\(sources)";
    Dir::Etc::sourceparts "/dev/null";
    Dir::Etc::parts "/dev/null";
    Dir::State "\(folder)/state";
    Dir::State::status "\(folder)/status";
    Dir::State::extended_states "\(folder)/extended";
    Dir::Cache "\(folder)/cache";
    Dir::Log "\(folder)";
    APT::Architecture "amd64";
    APT::Architectures { "amd64"; };
    APT::Install-Recommends "false";
    Acquire::Languages "none";
    APT::Sandbox::User "root";
    Debug::NoLocking "true";

    """
  }

  /// What `apt-get install` would install, as `name=version`, sorted; nil when it refuses.
  public func install(_ words: [String]) throws -> [String]? {
    let result = try Tool.run("apt-get", ["-s", "-y", "install"] + words, environment: settings)
    if !result.status.isSuccess { return nil }
    return result.text.split(separator: "\n").filter { $0.hasPrefix("Inst ") }.map { line in
      let words = line.split(separator: " ")
      return "\(words[1])=\(words[2].drop { $0 == "(" })"
    }.sorted()
  }

  /// What `apt-get install` would do one after the other, as `Inst name` and `Conf name`, up to the last
  /// package that it unpacks; nil when it refuses.
  public func steps(_ words: [String]) throws -> [String]? {
    let result = try Tool.run(
      "apt-get",
      // A cache made without the option would have apt itself for essential.
      [
        "-s", "-y", "-opkgCacheGen::ForceEssential=,", "-oDir::Cache::pkgcache=",
        "-oDir::Cache::srcpkgcache=",
      ]
        + ["install"] + words, environment: settings)
    if !result.status.isSuccess { return nil }
    let steps = result.text.split(separator: "\n").filter { $0.hasPrefix("Inst ") || $0.hasPrefix("Conf ") }
    let end = steps.lastIndex { $0.hasPrefix("Inst ") }.map { $0 + 1 } ?? 0
    return steps[..<end].map { $0.split(separator: " ")[..<2].joined(separator: " ") }
  }

  /// The paragraphs of the packages of these names in what apt has fetched, the newest of each.
  public func paragraphs(_ names: [String]) throws -> [String] {
    let shown = try Tool.check("apt-cache", ["show", "--no-all-versions"] + names, environment: settings).text
    return shown.split(separator: "\n\n").map { String($0) + "\n" }
  }
}
