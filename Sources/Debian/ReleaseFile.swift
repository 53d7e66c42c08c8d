public import Digest

/// What an archive says of one of its suites: `Release` or `InRelease`.
///
/// Signatures are not checked here: whoever installs from the archive does that.
public struct ReleaseFile: Sendable, Equatable {
  /// Who runs the archive: `Debian`.
  public var origin: String?
  /// The suite's moving name: `stable`.
  public var suite: String?
  /// The release's own name: `trixie`.
  public var codename: String?
  /// When it was made, in seconds since 1970.
  public var date: Int64?
  /// When it should no longer be believed, in seconds since 1970.
  public var validUntil: Int64?
  /// What the archive is called: `Debian`.
  public var label: String?
  /// Whether apt prefers every other source to this one (`NotAutomatic`): experimental.
  public var isNotAutomatic = false
  /// Whether apt upgrades from it what came from it (`ButAutomaticUpgrades`): backports.
  public var upgradesAutomatically = false
  /// Whether the files are also there under their hashes.
  public var hasByHash = false
  /// The architectures that it has.
  public var architectures: [String] = []
  /// Whether packages for all architectures are in the index of each (`No-Support-for-Architecture-all`),
  /// and not in one of their own.
  public var keepsAllInEach = false
  /// The components that it has.
  public var components: [String] = []
  /// The files that it vouches for, by their paths below it.
  public var files: [String: File] = [:]

  /// A file that a Release file vouches for.
  public struct File: Sendable, Equatable {
    /// Its size in bytes.
    public var size: UInt64
    /// What it must be.
    public var sha256: Digest
  }

  /// Reads either form; the armour of `InRelease` is skipped.
  ///
  /// - Throws: `SyntaxError` when it is no paragraph, or a date is malformed.
  public init(_ text: [UInt8], file: String) throws(SyntaxError) {
    let body = Self.body(of: text)
    var outcome: Result<ReleaseFile, SyntaxError>?
    text[body].withUnsafeBytes { bytes in
      do throws(SyntaxError) {
        var reader = ControlReader(bytes, file: file)
        var paragraph = ControlParagraph()
        guard try reader.next(&paragraph) else {
          throw SyntaxError(file: file, line: 1, .missingField("Date"))
        }
        outcome = .success(try ReleaseFile(paragraph, file: file))
      } catch {
        outcome = .failure(error)
      }
    }
    guard let outcome else { throw SyntaxError(file: file, line: 1, .missingField("Date")) }
    self = try outcome.get()
  }

  private init(_ paragraph: ControlParagraph, file: String) throws(SyntaxError) {
    func text(_ name: StaticString) -> String? {
      paragraph.bytes(of: name).map { String(decoding: $0, as: UTF8.self) }
    }
    func time(_ name: StaticString) throws(SyntaxError) -> Int64? {
      guard let value = text(name) else { return nil }
      if let time = Self.seconds(value) { return time }
      throw SyntaxError(
        file: file, line: paragraph.line(of: name) ?? 0, .badValue(field: "\(name)", value: value))
    }
    origin = text("Origin")
    suite = text("Suite")
    codename = text("Codename")
    date = try time("Date")
    validUntil = try time("Valid-Until")
    label = text("Label")
    isNotAutomatic = text("NotAutomatic") == "yes"
    upgradesAutomatically = text("ButAutomaticUpgrades") == "yes"
    hasByHash = text("Acquire-By-Hash") == "yes"
    architectures = paragraph.words(of: "Architectures") ?? []
    components = paragraph.words(of: "Components") ?? []
    keepsAllInEach = text("No-Support-for-Architecture-all") == "Packages" || !architectures.contains("all")
    for line in paragraph.lines(of: "SHA256") ?? [] where !line.isEmpty {
      let words = line.split { $0 == " " || $0 == "\t" }
      guard words.count == 3, let size = UInt64(words[1]), let sum = try? Digest("sha256:" + words[0]) else {
        throw SyntaxError(
          file: file, line: paragraph.line(of: "SHA256") ?? 0, .badValue(field: "SHA256", value: line))
      }
      files[String(words[2])] = File(size: size, sha256: sum)
    }
  }

  /// What is signed in a clear-signed message (RFC 4880, section 7), or all of it.
  private static func body(of text: [UInt8]) -> Range<Int> {
    guard text.starts(with: "-----BEGIN PGP SIGNED MESSAGE-----".utf8) else { return 0..<text.count }
    // The armour's own headers (`Hash: …`) end with a blank line.
    var start = 0
    while let end = text[start...].firstIndex(of: 0x0a) {
      let isBlank = text[start..<end].allSatisfy { $0 <= 0x20 }
      start = end + 1
      if isBlank { break }
    }
    var end = start
    while end < text.count {
      if text[end...].starts(with: "-----BEGIN PGP SIGNATURE-----".utf8) { break }
      guard let newline = text[end...].firstIndex(of: 0x0a) else { return start..<text.count }
      end = newline + 1
    }
    return start..<end
  }

  /// A date as RFC 5322 has it, always in UTC: `Sat, 09 Aug 2025 11:12:13 UTC`.
  static func seconds(_ text: String) -> Int64? {
    var words = text.split(separator: " ")
    if words.first?.hasSuffix(",") == true { words.removeFirst() }
    guard words.count >= 4, words[0].count <= 2, words[2].count == 4 else { return nil }
    if words.count > 4, !["UTC", "GMT", "UT", "Z", "+0000", "-0000"].contains(words[4]) { return nil }
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    guard let day = number(words[0], in: 1...31), let month = months.firstIndex(of: String(words[1])),
      let year = number(words[2], in: 1970...9999)
    else { return nil }
    let clock = words[3].split(separator: ":", omittingEmptySubsequences: false)
    guard clock.count == 3, let hour = number(clock[0], in: 0...23),
      let minute = number(clock[1], in: 0...59), let second = number(clock[2], in: 0...60)
    else { return nil }
    return daysSince1970(year, month + 1, day) * 86400 + hour * 3600 + minute * 60 + second
  }

  private static func number(_ text: Substring, in range: ClosedRange<Int64>) -> Int64? {
    guard text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let value = Int64(text) else { return nil }
    return range.contains(value) ? value : nil
  }

  /// Days in the proleptic Gregorian calendar, with years that begin in March.
  private static func daysSince1970(_ year: Int64, _ month: Int, _ day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = year / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * Int64((month + 9) % 12) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}
