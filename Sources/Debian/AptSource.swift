/// Where apt gets packages from: one `deb` line, or one paragraph of a `.sources` file; see
/// sources.list(5).
public struct AptSource: Sendable, Equatable {
  /// What is downloaded.
  public enum Kind: String, Sendable {
    /// Binary packages.
    case binary = "deb"
    /// Source packages.
    case source = "deb-src"
  }

  /// Which keys may have signed the archive.
  public enum SignedBy: Sendable, Equatable {
    /// Keyring files, or fingerprints of keys that apt trusts already.
    case names([String])
    /// A key written into the file itself, in its armour.
    case embedded(String)
  }

  /// What is downloaded: one or both.
  public var kinds: [Kind]
  /// The archives' roots.
  public var uris: [String]
  /// Suites, as `trixie`; or a path that ends in `/`, for an archive without `dists`.
  public var suites: [String]
  /// Components, as `main`; none for a path.
  public var components: [String]
  /// Architectures, when the source is limited to some.
  public var architectures: [String] = []
  /// Which keys may sign; nil for all that apt trusts.
  public var signedBy: SignedBy?
  /// `[trusted=yes]`, which turns verification off; nil when not said.
  public var trusted: Bool?
  /// Whether `Valid-Until` is looked at; nil when not said.
  public var checkValidUntil: Bool?
  /// False for a paragraph that is switched off.
  public var enabled = true
  /// The file that it was read from, for messages.
  public var file: String
  /// Its first line there.
  public var line: Int

  /// A source of binary packages.
  public init(uris: [String], suites: [String], components: [String], file: String = "", line: Int = 0) {
    kinds = [.binary]
    self.uris = uris
    self.suites = suites
    self.components = components
    self.file = file
    self.line = line
  }

  /// The two ways to write sources down.
  public enum Format: Sendable {
    /// One source a line: `deb [options] URI suite component…`.
    case oneLine
    /// Paragraphs of fields.
    case deb822
  }

  /// The format of a file by what its first line of meaning looks like; nil when it has none.
  public static func format(of text: some Collection<UInt8>) -> Format? {
    for line in text.split(separator: 0x0a) {
      let line = line.drop { $0 == 0x20 || $0 == 0x09 }
      guard let first = line.first, first != 0x23, first != 0x0d else { continue }
      let word = line.prefix { $0 > 0x20 && $0 != 0x5b }
      if word.elementsEqual("deb".utf8) || word.elementsEqual("deb-src".utf8) { return .oneLine }
      return .deb822
    }
    return nil
  }

  /// All sources of a file in either format, those that are switched off included.
  ///
  /// - Throws: `SyntaxError` with the file and line.
  public static func parse(
    _ text: [UInt8], format: Format? = nil, file: String
  ) throws(SyntaxError) -> [AptSource] {
    switch format ?? Self.format(of: text) {
    case .oneLine: try parseLines(text, file: file)
    case .deb822: try parseParagraphs(text, file: file)
    case nil: []
    }
  }

  /// This source as lines of a `sources.list`, one for each suite; nil when it can't be said so (an
  /// embedded key).
  public func lines() -> [String]? {
    var options: [String] = []
    if !architectures.isEmpty { options.append("arch=" + architectures.joined(separator: ",")) }
    switch signedBy {
    case .names(let names): options.append("signed-by=" + names.joined(separator: ","))
    case .embedded: return nil
    case nil: break
    }
    if let trusted { options.append("trusted=" + (trusted ? "yes" : "no")) }
    if let checkValidUntil { options.append("check-valid-until=" + (checkValidUntil ? "yes" : "no")) }
    let bracket = options.isEmpty ? "" : "[" + options.joined(separator: " ") + "] "
    var lines: [String] = []
    for kind in kinds {
      for uri in uris {
        for suite in suites {
          let place = ([uri, suite] + components).map(Self.quoted).joined(separator: " ")
          lines.append("\(kind.rawValue) \(bracket)\(place)")
        }
      }
    }
    return lines
  }

  /// This source as a paragraph of a `.sources` file, with a line end at its end.
  public func paragraph() -> String {
    var text = "Types: " + kinds.map(\.rawValue).joined(separator: " ") + "\n"
    text += "URIs: " + uris.joined(separator: " ") + "\n"
    text += "Suites: " + suites.joined(separator: " ") + "\n"
    if !components.isEmpty { text += "Components: " + components.joined(separator: " ") + "\n" }
    if !architectures.isEmpty { text += "Architectures: " + architectures.joined(separator: " ") + "\n" }
    if !enabled { text += "Enabled: no\n" }
    if let trusted { text += "Trusted: \(trusted ? "yes" : "no")\n" }
    if let checkValidUntil { text += "Check-Valid-Until: \(checkValidUntil ? "yes" : "no")\n" }
    switch signedBy {
    case .names(let names): text += "Signed-By: " + names.joined(separator: " ") + "\n"
    case .embedded(let key):
      text += "Signed-By:\n"
      for line in key.split(separator: "\n", omittingEmptySubsequences: false) {
        text += " " + (line.isEmpty ? "." : line) + "\n"
      }
    case nil: break
    }
    return text
  }

  private static func quoted(_ word: String) -> String {
    word.contains { $0 == " " || $0 == "\t" } ? "\"\(word)\"" : word
  }

  /// apt's words for yes and no (`StringToBool`); nil for anything else.
  static func truth(_ word: String) -> Bool? {
    switch word.lowercased() {
    case "yes", "true", "with", "on", "enable", "1": true
    case "no", "false", "without", "off", "disable", "0": false
    default: nil
    }
  }
}
