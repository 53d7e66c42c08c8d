import Digest

/// A record from its paragraph.
extension PackageRecord {
  /// What the paragraph `stanza` of a `Packages` index says.
  ///
  /// - Parameter file: the index's name, for messages.
  /// - Throws: `SyntaxError` when a field that is needed is missing or malformed. Its line is that in the
  ///   paragraph.
  public init(stanza: UnsafeRawBufferPointer, file: String) throws(SyntaxError) {
    var reader = ControlReader(stanza, file: file)
    var paragraph = ControlParagraph()
    _ = try reader.next(&paragraph)
    let found = paragraph
    func text(_ name: StaticString) -> String? {
      found.bytes(of: name).map { String(decoding: $0, as: UTF8.self) }
    }
    func needed(_ name: StaticString) throws(SyntaxError) -> String {
      guard let value = text(name), !value.isEmpty else {
        throw SyntaxError(file: file, line: 1, .missingField("\(name)"))
      }
      return value
    }
    func bad(_ name: StaticString) -> SyntaxError {
      SyntaxError(
        file: file, line: found.line(of: name) ?? 1,
        .badValue(field: "\(name)", value: String((text(name) ?? "").prefix(100))))
    }
    func dependencies(_ name: StaticString) throws(SyntaxError) -> [Dependency] {
      guard let value = found.bytes(of: name) else { return [] }
      do { return try Dependency.parse(value) } catch { throw bad(name) }
    }
    func relations(_ name: StaticString) throws(SyntaxError) -> [PackageRelation] {
      guard let value = found.bytes(of: name) else { return [] }
      do { return try PackageRelation.parseList(value) } catch { throw bad(name) }
    }
    name = try needed("Package")
    version = PackageVersion(try needed("Version"))
    architecture = try needed("Architecture")
    let word = text("Priority")
    priority = Priority.allCases.first { $0.word == word }
    isEssential = text("Essential") == "yes"
    isProtected = text("Important") == "yes" || text("Protected") == "yes"
    multiArch =
      switch text("Multi-Arch") {
      case "same": .same
      case "foreign": .foreign
      case "allowed": .allowed
      default: .no
      }
    filename = try needed("Filename")
    if !Self.isSafe(filename) { throw bad("Filename") }
    guard let size = UInt64(try needed("Size")) else { throw bad("Size") }
    self.size = size
    do { sha256 = try Digest("sha256:" + (try needed("SHA256"))) } catch { throw bad("SHA256") }
    installedSize = text("Installed-Size").flatMap { UInt64($0) } ?? 0
    source = (text("Source") ?? name).split(separator: " ").first.map(String.init) ?? name
    preDepends = try dependencies("Pre-Depends")
    depends = try dependencies("Depends")
    recommends = try dependencies("Recommends")
    suggests = try dependencies("Suggests")
    conflicts = try relations("Conflicts")
    breaks = try relations("Breaks")
    replaces = try relations("Replaces")
    provides = try relations("Provides")
    self.stanza = Array(stanza)
  }

  /// Whether a path stays below the archive's root.
  private static func isSafe(_ path: String) -> Bool {
    !path.hasPrefix("/")
      && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { $0 != ".." }
      && path.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
  }
}
