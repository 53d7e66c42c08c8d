/// A JSON document or a part of one (RFC 8259).
///
/// Numbers keep what was written: integers that fit are exact, everything else keeps its text, so a
/// document that somebody else made can be changed without changing the parts that we don't know.
public enum JSONValue: Hashable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number without fraction or exponent that fits into 64 bits.
  case integer(Int64)
  /// Any other number, as it was written.
  case number(String)
  /// A string.
  case string(String)
  /// A list.
  case array([JSONValue])
  /// Members by name.
  case object(JSONObject)
}

extension JSONValue {
  /// The text of a string, else nil.
  public var string: String? { if case .string(let text) = self { text } else { nil } }
  /// The value of an integer, else nil.
  public var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
  /// The value of a boolean, else nil.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// The elements of a list, else nil.
  public var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
  /// The members of an object, else nil.
  public var object: JSONObject? { if case .object(let members) = self { members } else { nil } }

  /// What it is, for messages: "a string".
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

/// The members of a JSON object, in the order in which they are written: bytewise by name.
///
/// Names are compared as bytes: two names that Unicode calls equal are two members.
public struct JSONObject: Hashable, Sendable {
  /// A name and its value.
  public struct Member: Hashable, Sendable {
    /// The name.
    public let name: String
    /// The value.
    public var value: JSONValue
  }

  /// The members, sorted by the bytes of their names.
  public private(set) var members: [Member]

  /// No members.
  public init() { members = [] }

  /// Members that are sorted and unique already.
  init(sorted members: [Member]) { self.members = members }

  /// Whether there are no members.
  public var isEmpty: Bool { members.isEmpty }

  /// The value of a member; setting nil removes it.
  public subscript(name: String) -> JSONValue? {
    get {
      let index = position(of: name)
      return index < members.count && sameBytes(members[index].name, name) ? members[index].value : nil
    }
    set {
      let index = position(of: name)
      let exists = index < members.count && sameBytes(members[index].name, name)
      switch (newValue, exists) {
      case (let value?, true): members[index].value = value
      case (let value?, false): members.insert(Member(name: name, value: value), at: index)
      case (nil, true): members.remove(at: index)
      case (nil, false): break
      }
    }
  }

  /// The first place whose name is not before `name`.
  private func position(of name: String) -> Int {
    var low = 0
    var high = members.count
    while low < high {
      let middle = (low + high) / 2
      if precedes(members[middle].name, name) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// Whether two texts are the same bytes; `==` of strings is Unicode's equivalence instead.
func sameBytes(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }

/// Whether the bytes of `one` sort before those of `other`.
func precedes(_ one: String, _ other: String) -> Bool { one.utf8.lexicographicallyPrecedes(other.utf8) }
