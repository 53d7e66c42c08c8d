public import Debian
import Posix
public import SystemPackage

/// Where packages come from, as MIRROR arguments say it or as the machine's own sources do.
public struct MirrorList: Sendable {
  /// One MIRROR.
  public enum Mirror: Sendable, Equatable {
    /// The root of an archive.
    case uri(String)
    /// A line as in `sources.list`.
    case line(String)
    /// A file of sources, in either format.
    case file(FilePath)
    /// Sources from standard input, in either format.
    case standardInput([UInt8])
  }

  /// The mirrors, in order, to be handed to an engine as they are.
  public var mirrors: [Mirror]
  /// The same as apt reads them: those that are switched on and hold binary packages.
  public var sources: [AptSource]
  /// Whether they were found and not named.
  public var isDefault: Bool
  /// What the user should know about the choice.
  public var notices: [String] = []

  /// The mirrors that were named.
  ///
  /// - Parameters:
  ///   - arguments: MIRROR as mmdebstrap takes it: a URL, a line, a file, `-`.
  ///   - suite: the suite of a mirror that is a URL.
  ///   - components: its components.
  ///   - standardInput: reads standard input, for `-`.
  /// - Throws: `BootstrapError.badMirror`, `.badSources`.
  public init(
    named arguments: [String], suite: String, components: [String],
    standardInput: () throws(BootstrapError) -> [UInt8]
  ) throws(BootstrapError) {
    mirrors = []
    sources = []
    isDefault = false
    for argument in arguments {
      let found: [AptSource]
      if argument == "-" {
        let text = try standardInput()
        mirrors.append(.standardInput(text))
        found = try Self.parse(text, file: "standard input")
      } else if argument.hasPrefix("deb ") || argument.hasPrefix("deb-src ") {
        mirrors.append(.line(argument))
        found = try Self.parse(Array(argument.utf8), format: .oneLine, file: "MIRROR")
      } else if argument.contains(":/") && !argument.hasPrefix("/") && !argument.hasPrefix(".") {
        if argument.unicodeScalars.contains(where: { $0.value <= 0x20 }) { throw .badMirror(argument) }
        // mmdebstrap knows a URL by its `://`; apt and debootstrap take `file:/x` too.
        let uri = Self.withSlashes(argument)
        mirrors.append(.uri(uri))
        found = [AptSource(uris: [uri], suites: [suite], components: components, file: "MIRROR")]
      } else {
        let path = absolutePath(FilePath(argument))
        if argument.isEmpty || !fileExists(path) { throw .badMirror(argument) }
        mirrors.append(.file(path))
        found = try Self.parse(try readHostFile(path), file: argument)
      }
      let usable = found.filter { $0.enabled && $0.kinds.contains(.binary) }
      if usable.isEmpty && !found.allSatisfy({ $0.kinds == [.source] }) { throw .badMirror(argument) }
      sources += usable
    }
    if sources.isEmpty { throw .badMirror(arguments.joined(separator: " ")) }
  }

  private static func parse(
    _ text: [UInt8], format: AptSource.Format? = nil, file: String
  ) throws(BootstrapError) -> [AptSource] {
    do {
      return try AptSource.parse(text, format: format, file: file)
    } catch {
      throw .badSources(error)
    }
  }

  private static func withSlashes(_ uri: String) -> String {
    if uri.contains("://") { return uri }
    guard let colon = uri.firstIndex(of: ":") else { return uri }
    return uri[..<colon] + "://" + uri[uri.index(after: colon)...]
  }
}

/// The machine's own sources.
extension MirrorList {
  /// The archive that this machine takes its Debian packages from, with another suite; for a release,
  /// its updates and security updates too.
  ///
  /// A source is taken for Debian's when its suite, without a suffix, is one of Debian's, its
  /// components are Debian's, and the keys that may sign it are Debian's or not said. The first such
  /// source wins: those with Debian's keys before those without.
  ///
  /// - Parameters:
  ///   - suite: the suite to make.
  ///   - components: its components.
  ///   - machine: the machine's sources, in apt's order.
  ///   - suites: Debian's releases.
  ///   - keepSignedBy: whether what the sources say of keys is kept; not when keyrings were named.
  /// - Throws: `BootstrapError.noMirror`, `.noSecurityMirror`.
  public init(
    machine: [AptSource], suite: String, components: [String], suites: Suites, keepSignedBy: Bool = true
  ) throws(BootstrapError) {
    let own = Self.debian(machine, suites)
    let wantsSecurity = Suites.isSecurity(suite)
    func first(security: Bool) -> AptSource? {
      own.first { $0.suites.contains { Suites.isSecurity($0) == security } }
    }
    guard suites.isDebian(Suites.base(of: suite)), let main = first(security: wantsSecurity) else {
      throw .noMirror(suite: suite)
    }
    func source(_ model: AptSource, _ uri: String, _ suite: String) -> AptSource {
      var source = model
      source.kinds = [.binary]
      source.uris = [uri]
      source.suites = [suite]
      source.components = components
      source.architectures = []
      if !keepSignedBy { source.signedBy = nil }
      return source
    }
    guard let uri = main.uris.first else { throw .noMirror(suite: suite) }
    sources = [source(main, uri, suite)]
    isDefault = true
    mirrors = []
    if let companions = suites.companions(of: suite) {
      sources.append(source(main, uri, companions.updates))
      if let security = first(security: true), let uri = security.uris.first {
        sources.append(source(security, uri, companions.security))
      } else if let uri = Self.securityURI(besides: uri) {
        sources.append(source(main, uri, companions.security))
      } else {
        throw .noSecurityMirror(suite: suite)
      }
    }
    var paragraphs = ""
    for source in sources {
      if let lines = source.lines() {
        mirrors += lines.map(Mirror.line)
      } else {
        // A key inside the file can only be said in paragraphs; then all is, in one file.
        paragraphs = self.sources.map { $0.paragraph() }.joined(separator: "\n")
        break
      }
    }
    if !paragraphs.isEmpty { mirrors = [.standardInput(Array(paragraphs.utf8))] }
  }

  /// The sources that are Debian's own, best first; see `init(machine:…)` for the rule.
  static func debian(_ machine: [AptSource], _ suites: Suites) -> [AptSource] {
    let areas = ["main", "contrib", "non-free", "non-free-firmware"]
    let likely = machine.filter { source in
      source.enabled && source.kinds.contains(.binary)
        && source.suites.contains { suites.isDebian(Suites.base(of: $0)) }
        && source.components.contains("main") && source.components.allSatisfy(areas.contains)
    }
    let signed = likely.filter { $0.signedBy.map(isDebianKey) == true }
    return signed + likely.filter { $0.signedBy == nil }
  }

  private static func isDebianKey(_ signedBy: AptSource.SignedBy) -> Bool {
    guard case .names(let names) = signedBy else { return false }
    return names.contains { name in
      name.split(separator: "/").last?.hasPrefix("debian-archive-") == true
    }
  }

  /// Mirrors that carry security updates have them beside the archive, as `debian-security`.
  private static func securityURI(besides uri: String) -> String? {
    var uri = Substring(uri)
    while uri.hasSuffix("/") { uri.removeLast() }
    return uri.hasSuffix("/debian") ? uri + "-security" : nil
  }

  /// All sources of a machine: `sources.list`, then the files of `sources.list.d` that apt reads, by
  /// name. Missing files are none.
  ///
  /// - Throws: `BootstrapError.badSources` for the first line that apt would refuse too.
  public static func machineSources(in folder: FilePath = "/etc/apt") throws(BootstrapError) -> [AptSource] {
    var sources: [AptSource] = []
    let list = folder.appending("sources.list")
    if fileExists(list) {
      sources += try parse(try readHostFile(list), format: .oneLine, file: list.string)
    }
    let parts = folder.appending("sources.list.d")
    if !fileExists(parts) { return sources }
    let names: [[UInt8]]
    do throws(PosixError) {
      let directory = try openFile(parts, .directory)
      names = try listDirectory(directory.raw, shown: parts.string)
    } catch {
      throw .system(error)
    }
    for name in names {
      let name = String(decoding: name, as: UTF8.self)
      // apt reads only names of these characters.
      guard name.utf8.allSatisfy({ isNameByte($0) }) else { continue }
      let path = parts.appending(name)
      if name.hasSuffix(".list") {
        sources += try parse(try readHostFile(path), format: .oneLine, file: path.string)
      } else if name.hasSuffix(".sources") {
        sources += try parse(try readHostFile(path), format: .deb822, file: path.string)
      }
    }
    return sources
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: true
    default: false
    }
  }

  /// Debian's releases as this machine knows them: the package distro-info-data, else a small table.
  public static func machineSuites(
    _ path: FilePath = "/usr/share/distro-info/debian.csv"
  ) throws(BootstrapError) -> Suites {
    if !fileExists(path) { return .known }
    let text = try readHostFile(path)
    do {
      return try Suites(csv: text, file: path.string)
    } catch {
      throw .badSources(error)
    }
  }
}
