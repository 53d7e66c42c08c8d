import Cache
import Digest
import OCI

/// All that decides what a stage makes, in parts that can be told apart later: the same parts make the same image.
struct StageKey: Equatable {
  /// What a part is.
  enum Kind: String {
    case tool, platform, arguments, file, base, packages, mirrors, machine, epoch, source
  }

  struct Part: Equatable {
    var kind: Kind
    /// Which of its kind, as a file's name; may be empty.
    var name = ""
    var value: String
  }

  /// Changes whenever the same parts come to mean something else.
  static let version = 1

  private(set) var parts: [Part] = []

  mutating func add(_ kind: Kind, _ value: String) { add(kind, "", value) }

  mutating func add(_ kind: Kind, _ name: String, _ value: String) {
    parts.append(Part(kind: kind, name: name, value: value))
  }

  func value(_ kind: Kind) -> String? { parts.first { $0.kind == kind }?.value }

  /// What the result is kept under.
  func cacheKey(_ kind: String = "stage") -> CacheKey {
    var builder = CacheKeyBuilder(kind: kind, version: Self.version)
    for part in parts { builder.add("\(part.kind.rawValue) \(part.name)", part.value) }
    return builder.finish()
  }

  // MARK: As a document

  var json: JSONValue {
    .array(
      parts.map {
        .object(["kind": .string($0.kind.rawValue), "name": .string($0.name), "value": .string($0.value)])
      })
  }

  init() {}

  /// Nil for a document of another version.
  init?(json: JSONValue) {
    for element in json.array ?? [] {
      guard let object = element.object, let kind = object["kind"]?.string.flatMap(Kind.init(rawValue:)),
        let name = object["name"]?.string, let value = object["value"]?.string
      else { return nil }
      parts.append(Part(kind: kind, name: name, value: value))
    }
  }
}

/// A word of a command line: as the tool gets it, and as it counts in the key. A path of this machine, or of this
/// run, does not decide what is made.
struct Word {
  var actual: String
  var key: String

  init(_ text: String) {
    actual = text
    key = text
  }

  init(_ actual: String, key: String) {
    self.actual = actual
    self.key = key
  }
}

/// A command line whose options stand together with their values, so that a change can be shown.
struct CommandLine {
  /// The tool, as `squash`.
  var tool: String
  var groups: [[Word]] = []

  init(_ tool: String) { self.tool = tool }

  mutating func add(_ words: String...) { groups.append(words.map { Word($0) }) }
  mutating func add(_ words: [Word]) { groups.append(words) }

  /// `--name=value`: a value that begins with a dash is no option then.
  mutating func option(_ name: String, _ value: String) { groups.append([Word("--\(name)=\(value)")]) }
  mutating func option(_ name: String, _ value: Word) {
    groups.append([Word("--\(name)=\(value.actual)", key: "--\(name)=\(value.key)")])
  }
  mutating func option(_ name: String, ifThere value: String?) { if let value { option(name, value) } }
  mutating func flag(_ name: String, _ isOn: Bool) { if isOn { add("--\(name)") } }

  var words: [String] { groups.flatMap { $0.map(\.actual) } }

  /// The command line for a key: a list of options, their words divided by a byte that no text has. What decides
  /// nothing is not in it.
  var keyText: String {
    let options = groups.map { $0.map(\.key).filter { !$0.isEmpty }.joined(separator: "\u{1f}") }
    return JSONText.list([tool] + options.filter { !$0.isEmpty })
  }
}

/// Lists of texts as one text.
enum JSONText {
  static func list(_ texts: [String]) -> String {
    String(decoding: JSONWriter.bytes(of: .array(texts.map { .string($0) })), as: UTF8.self)
  }

  static func texts(_ list: String) -> [String] {
    (try? JSONValue(parsing: Array(list.utf8)))?.array?.compactMap(\.string) ?? []
  }
}
