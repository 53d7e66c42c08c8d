import Debian

/// The packages of an image that others are added to.
public struct BasePackages: Sendable {
  /// How the image has its packages.
  public enum Kind: Sendable {
    /// Configured, with a dpkg that configures more.
    case configured
    /// Unpacked only, recorded in dpkg's own database, as the variant extract leaves them.
    case extracted
    /// Recorded in `var/lib/dpkg/status.d` alone, as images without dpkg have them.
    case recorded
  }

  /// How the image has them.
  public internal(set) var kind = Kind.configured
  /// The names of those that came as dependencies only.
  public private(set) var automatic: Set<String> = []
  /// Their paragraphs, as an index of them.
  private(set) var index: [UInt8] = []
  /// Whether dpkg has configured one of them.
  private(set) var hasConfigured = false
  /// What the image takes when it is unpacked, in KiB.
  public internal(set) var installedSize: UInt64 = 0

  /// None.
  init() {}

  /// States in which a package is there; see dpkg(1).
  private static let present: Set<String> = [
    "installed", "triggers-pending", "triggers-awaited", "unpacked",
  ]
  private static let unfinished: Set<String> = ["half-installed", "half-configured"]

  /// Takes dpkg's status file.
  mutating func add(status: [UInt8], file: String) throws {
    for paragraph in Self.paragraphs(status) {
      try Self.fields(paragraph, ["Package", "Status"], file) { values in
        let state = values[1].split(separator: " ").last.map(String.init) ?? ""
        if Self.unfinished.contains(state) {
          throw BootstrapError.unsuitableBase("its package \(values[0]) is \(state)")
        }
        if !Self.present.contains(state) { return }
        if state != "unpacked" { hasConfigured = true }
        add(paragraph)
      }
    }
  }

  /// Takes a file of `status.d`.
  mutating func add(record: [UInt8], file: String) throws {
    for paragraph in Self.paragraphs(record) {
      try Self.fields(paragraph, ["Package"], file) { values in
        if !values[0].isEmpty { add(paragraph) }
      }
    }
  }

  /// Takes apt's `extended_states`.
  mutating func add(states: [UInt8]) throws {
    for paragraph in Self.paragraphs(states) {
      try Self.fields(paragraph, ["Package", "Auto-Installed"], "extended_states of the base") { values in
        if values[1] == "1" { automatic.insert(values[0]) }
      }
    }
  }

  private mutating func add(_ paragraph: ArraySlice<UInt8>) {
    // An index names a file for each package; no package is ever fetched by these.
    let own = ["filename:", "size:", "sha256:"]
    for line in paragraph.split(separator: 0x0a) {
      let lowered = String(decoding: line.prefix(9), as: UTF8.self).lowercased()
      if own.contains(where: { lowered.hasPrefix($0) }) { continue }
      index += line
      index.append(0x0a)
    }
    index += Array("Filename: installed\nSize: 0\nSHA256: \(String(repeating: "0", count: 64))\n\n".utf8)
  }

  // MARK: Paragraphs

  /// The paragraphs of a control file, each with the line end of its last line.
  static func paragraphs(_ text: [UInt8]) -> [ArraySlice<UInt8>] {
    var result: [ArraySlice<UInt8>] = []
    var start = 0
    var index = 0
    while index < text.count {
      let end = text[index...].firstIndex(of: 0x0a) ?? text.count
      if end == index {
        if index > start { result.append(text[start..<index]) }
        start = index + 1
      }
      index = end + 1
    }
    if start < text.count { result.append(text[start...]) }
    return result
  }

  /// Lends the values of fields of a paragraph; those that it lacks are empty.
  static func fields(
    _ paragraph: ArraySlice<UInt8>, _ names: [StaticString], _ file: String,
    _ body: ([String]) throws -> Void
  ) throws {
    try paragraph.withUnsafeBytes { bytes in
      var reader = ControlReader(bytes, file: file)
      var fields = ControlParagraph()
      do throws(SyntaxError) { _ = try reader.next(&fields) } catch {
        throw BootstrapError.badSources(error)
      }
      try body(
        names.map { name in fields.bytes(of: name).map { String(decoding: $0, as: UTF8.self) } ?? "" })
    }
  }
}
