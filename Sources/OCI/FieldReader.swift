import Digest

/// Takes the known fields out of an object; what stays is what we don't know and must keep.
///
/// `null` counts as absent, as Go's decoder has it, by which all these documents are written.
struct FieldReader {
  /// The document's name, for errors.
  let document: String
  /// The path of this object, for errors; empty at the top.
  let path: String
  private var rest: JSONObject
  private var known: Set<String> = []

  init(_ value: JSONValue, document: String, path: String = "") throws(DocumentError) {
    self.document = document
    self.path = path
    guard let object = value.object else {
      throw .field(document: document, path: path, problem: "is \(value.kind), not an object")
    }
    rest = object
  }

  /// The path of a field of this object.
  func path(of name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  func error(_ name: String, _ problem: String) -> DocumentError {
    .field(document: document, path: path(of: name), problem: problem)
  }

  /// Takes a field of any kind.
  mutating func take(_ name: String) -> JSONValue? {
    known.insert(folded(name))
    guard let value = rest[name] else { return nil }
    rest[name] = nil
    return value == .null ? nil : value
  }

  mutating func string(_ name: String) throws(DocumentError) -> String? {
    guard let value = take(name) else { return nil }
    guard let text = value.string else { throw error(name, "is \(value.kind), not a string") }
    return text
  }

  mutating func bool(_ name: String) throws(DocumentError) -> Bool? {
    guard let value = take(name) else { return nil }
    guard let flag = value.bool else { throw error(name, "is \(value.kind), not a boolean") }
    return flag
  }

  mutating func integer(_ name: String) throws(DocumentError) -> Int64? {
    guard let value = take(name) else { return nil }
    guard let number = value.integer else {
      throw error(name, "is \(value.kind) that is no 64-bit integer")
    }
    return number
  }

  mutating func array(_ name: String) throws(DocumentError) -> [JSONValue]? {
    guard let value = take(name) else { return nil }
    guard let elements = value.array else { throw error(name, "is \(value.kind), not an array") }
    return elements
  }

  mutating func strings(_ name: String) throws(DocumentError) -> [String]? {
    guard let elements = try array(name) else { return nil }
    var texts: [String] = []
    for (index, element) in elements.enumerated() {
      guard let text = element.string else {
        throw error("\(name)[\(index)]", "is \(element.kind), not a string")
      }
      texts.append(text)
    }
    return texts
  }

  /// A map of strings, as annotations and labels are.
  mutating func map(_ name: String) throws(DocumentError) -> [String: String]? {
    guard let value = take(name) else { return nil }
    guard let object = value.object else { throw error(name, "is \(value.kind), not an object") }
    var map: [String: String] = [:]
    for member in object.members {
      guard let text = member.value.string else {
        throw error(name, "has \(member.value.kind) for \(quoted(member.name)), not a string")
      }
      if map.updateValue(text, forKey: member.name) != nil {
        throw error(name, "has two names that Unicode calls equal: \(quoted(member.name))")
      }
    }
    return map
  }

  /// The names of a map to empty objects, as Go writes sets, in bytewise order.
  mutating func set(_ name: String) throws(DocumentError) -> [String]? {
    guard let value = take(name) else { return nil }
    guard let object = value.object else { throw error(name, "is \(value.kind), not an object") }
    return object.members.map(\.name)
  }

  mutating func digest(_ name: String) throws(DocumentError) -> Digest? {
    guard let text = try string(name) else { return nil }
    do { return try Digest(text) } catch { throw self.error(name, "is refused: \(error)") }
  }

  mutating func time(_ name: String) throws(DocumentError) -> CreationTime? {
    guard let text = try string(name) else { return nil }
    do { return try CreationTime(text) } catch { throw self.error(name, "is refused: \(error)") }
  }

  func required<Value>(_ name: String, _ value: Value?) throws(DocumentError) -> Value {
    guard let value else { throw error(name, "is missing") }
    return value
  }

  /// The name without differences of case, as Go's decoder folds them: `ſ` and the Kelvin sign too.
  private func folded(_ name: String) -> String {
    String(String.UnicodeScalarView(name.lowercased().unicodeScalars.map { $0 == "ſ" ? "s" : $0 }))
  }

  /// What was not taken.
  ///
  /// A name that is a known one in other letters is refused: decoders that ignore case (Go's) would
  /// read another document than we do.
  func unknown() throws(DocumentError) -> JSONObject {
    for member in rest.members where known.contains(folded(member.name)) {
      throw error(member.name, "is spelled in other letters than the specification has it")
    }
    return rest
  }
}

extension JSONObject {
  /// Sets a member, or leaves it out when there is nothing to say.
  mutating func set(_ name: String, _ value: String?) { if let value { self[name] = .string(value) } }

  /// Sets a list of strings, or leaves it out when it is nil.
  mutating func set(_ name: String, _ value: [String]?) {
    if let value { self[name] = .array(value.map { .string($0) }) }
  }

  /// Sets a map, or leaves it out when it is empty.
  mutating func set(_ name: String, _ value: [String: String]) {
    if value.isEmpty { return }
    var object = JSONObject()
    for (key, value) in value { object[key] = .string(value) }
    self[name] = .object(object)
  }

  /// Sets a map to empty objects, or leaves it out when it is empty.
  mutating func set(_ name: String, names: [String]) {
    if names.isEmpty { return }
    var object = JSONObject()
    for key in names { object[key] = .object(JSONObject()) }
    self[name] = .object(object)
  }
}
