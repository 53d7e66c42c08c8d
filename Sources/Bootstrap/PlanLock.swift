import Debian
public import SystemPackage

/// A plan as a file: what `--lock` writes and `--locked` reads.
///
/// It is made of paragraphs as Debian's own files are. The first says what the plan is for, each other is a
/// package's paragraph of its index with fields added at its end:
///
/// ```
/// Garboard-Lock: 1
/// Suite: trixie
/// Architecture: amd64
/// Date: 1790000000
///
/// Package: apt
/// … all that the index says …
/// Garboard-Mirror: http://mirror.example.org/debian
/// Garboard-Suite: trixie
/// Garboard-Stage: essential
/// Garboard-Automatic: no
/// Garboard-Reason: essential
/// ```
public enum PlanLock {
  /// Writes a plan.
  ///
  /// - Throws: `BootstrapError` when the file can't be written; there is none then, or the old one.
  public static func write(_ plan: BootstrapPlan, to path: FilePath) throws(BootstrapError) {
    let bytes = text(of: plan)
    var failure: BootstrapError?
    bytes.withUnsafeBytes { bytes in
      do throws(BootstrapError) { try storeFile(bytes, as: path) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// The bytes of the file.
  static func text(of plan: BootstrapPlan) -> [UInt8] {
    var text = Array(
      "Garboard-Lock: 1\nSuite: \(plan.suite)\nArchitecture: \(plan.architecture)\nDate: \(plan.date)\n".utf8)
    for package in plan.packages {
      text.append(0x0a)
      text += package.record.stanza
      if text.last != 0x0a { text.append(0x0a) }
      text += Array("Garboard-Mirror: \(package.mirror)\nGarboard-Suite: \(package.suite)\n".utf8)
      text += Array("Garboard-Stage: \(package.stage == .essential ? "essential" : "rest")\n".utf8)
      text += Array("Garboard-Automatic: \(package.isAutomatic ? "yes" : "no")\n".utf8)
      text += Array("Garboard-Reason: \(package.reason)\n".utf8)
    }
    return text
  }

  /// Reads a plan.
  ///
  /// - Throws: `BootstrapError.badLock` for what is no lock file.
  public static func read(_ path: FilePath) throws(BootstrapError) -> BootstrapPlan {
    let text = try readHostFile(path, limit: 256 << 20)
    do throws(SyntaxError) {
      return try parse(text, file: path.string)
    } catch {
      throw .badLock(path, reason: error.description)
    }
  }

  static func parse(_ text: [UInt8], file: String) throws(SyntaxError) -> BootstrapPlan {
    var plan: BootstrapPlan?
    var start = 0
    var line = 1
    while start < text.count {
      // A paragraph at a time, for the bytes of each.
      var end = start
      var lines = 0
      while end < text.count, text[end] != 0x0a {
        let newline = text[end...].firstIndex(of: 0x0a) ?? text.count - 1
        end = newline + 1
        lines += 1
      }
      if end > start {
        do throws(SyntaxError) {
          let paragraph = Array(text[start..<end])
          if plan == nil {
            plan = try head(paragraph, file)
          } else {
            plan?.packages.append(try package(paragraph, file))
          }
        } catch {
          throw SyntaxError(file: file, line: line + error.line - 1, error.reason)
        }
      }
      start = end + 1
      line += lines + 1
    }
    guard let plan else {
      throw SyntaxError(file: file, line: 1, .missingField("Garboard-Lock"))
    }
    return plan
  }

  private static func fields(
    _ paragraph: [UInt8], _ names: [StaticString], _ file: String
  ) throws(SyntaxError) -> [String] {
    var values: [String] = []
    var failure: SyntaxError?
    paragraph.withUnsafeBytes { bytes in
      do throws(SyntaxError) {
        var reader = ControlReader(bytes, file: file)
        var fields = ControlParagraph()
        _ = try reader.next(&fields)
        for name in names {
          guard let value = fields.bytes(of: name), !value.isEmpty else {
            throw SyntaxError(file: file, line: 1, .missingField("\(name)"))
          }
          values.append(String(decoding: value, as: UTF8.self))
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return values
  }

  private static func head(_ paragraph: [UInt8], _ file: String) throws(SyntaxError) -> BootstrapPlan {
    let values = try fields(paragraph, ["Garboard-Lock", "Suite", "Architecture", "Date"], file)
    if values[0] != "1" {
      throw SyntaxError(file: file, line: 1, .badValue(field: "Garboard-Lock", value: values[0]))
    }
    guard let date = Int64(values[3]) else {
      throw SyntaxError(file: file, line: 1, .badValue(field: "Date", value: values[3]))
    }
    return BootstrapPlan(suite: values[1], architecture: values[2], date: date, packages: [])
  }

  private static let added = "Garboard-"

  private static func package(
    _ paragraph: [UInt8], _ file: String
  ) throws(SyntaxError) -> BootstrapPlan.Package {
    let values = try fields(
      paragraph,
      ["Garboard-Mirror", "Garboard-Suite", "Garboard-Stage", "Garboard-Automatic", "Garboard-Reason"], file)
    // The index's own paragraph is what is left without our fields, which stand at its end.
    var stanza: [UInt8] = []
    for line in paragraph.split(separator: 0x0a) where !line.starts(with: added.utf8) {
      stanza += line
      stanza.append(0x0a)
    }
    var outcome: Result<PackageRecord, SyntaxError>?
    stanza.withUnsafeBytes { bytes in
      do throws(SyntaxError) {
        outcome = .success(try PackageRecord(stanza: bytes, file: file))
      } catch {
        outcome = .failure(error)
      }
    }
    guard let outcome else { throw SyntaxError(file: file, line: 1, .missingField("Package")) }
    guard ["essential", "rest"].contains(values[2]) else {
      throw SyntaxError(file: file, line: 1, .badValue(field: "Garboard-Stage", value: values[2]))
    }
    return BootstrapPlan.Package(
      record: try outcome.get(), mirror: values[0], suite: values[1], reason: .init(words: values[4]),
      stage: values[2] == "essential" ? .essential : .rest, isAutomatic: values[3] == "yes")
  }
}

extension BootstrapPlan {
  /// Checks that a plan of a lock file is one for a request: of its suite and architecture.
  ///
  /// - Throws: `BootstrapError.badLock`.
  public func check(_ request: BootstrapRequest, _ path: FilePath) throws(BootstrapError) {
    if suite != request.suite {
      throw .badLock(path, reason: "it is for the suite \(suite) and not for \(request.suite)")
    }
    let wanted: String
    if let asked = request.architecture { wanted = asked } else { wanted = try hostArchitecture() }
    if architecture != wanted {
      throw .badLock(path, reason: "it is for the architecture \(architecture) and not for \(wanted)")
    }
  }
}

extension BootstrapPlan.Reason {
  /// The reason that `description` says.
  init(words: String) {
    if words == "essential" {
      self = .essential
      return
    }
    if words.hasPrefix("variant ") {
      self = .variant(String(words.dropFirst("variant ".count)))
      return
    }
    let priority = PackageRecord.Priority.allCases.first { words == "priority \($0.word)" }
    if let priority {
      self = .priority(priority)
      return
    }
    for field in DependencyField.allCases where words.hasPrefix(field.rawValue + " of ") {
      let rest = words.dropFirst(field.rawValue.count + 4)
      guard let colon = rest.firstIndex(of: ":") else { continue }
      self = .dependency(
        of: String(rest[..<colon]), field: field,
        relation: String(rest[rest.index(after: colon)...].drop { $0 == " " }))
      return
    }
    let asked = "requested as "
    self = .requested(words.hasPrefix(asked) ? String(words.dropFirst(asked.count)) : words)
  }
}
