/// A JSON text that is refused, and where.
public struct JSONError: Error, Equatable, Sendable {
  /// Why a text is refused.
  public enum Reason: Equatable, Sendable {
    /// Something else was expected here.
    case expected(String)
    /// The text ends too early.
    case unexpectedEnd
    /// There is more after the value.
    case trailingData
    /// A member's name that was there before.
    case duplicateName(String)
    /// Arrays and objects are nested deeper than the limit.
    case tooDeep(limit: Int)
    /// The text has more bytes than the limit.
    case tooLarge(limit: Int)
    /// Bytes that are no UTF-8.
    case invalidUTF8
    /// An escape that JSON doesn't have, or half of a surrogate pair.
    case invalidEscape
    /// A control character that must be escaped.
    case controlCharacter
    /// A number that JSON's grammar doesn't allow.
    case invalidNumber
  }

  /// Why it is refused.
  public var reason: Reason
  /// The byte, counted from 0.
  public var offset: Int
  /// The line, counted from 1.
  public var line: Int
  /// The byte in the line, counted from 1.
  public var column: Int
}

extension JSONError: CustomStringConvertible {
  /// What was wrong and where, in a person's words.
  public var description: String {
    let what =
      switch reason {
      case .expected(let what): "\(what) was expected"
      case .unexpectedEnd: "the text ends too early"
      case .trailingData: "there is more after the end of the value"
      case .duplicateName(let name): "the name \(quoted(name)) is there twice"
      case .tooDeep(let limit): "it is nested deeper than \(limit) levels"
      case .tooLarge(let limit): "it has more than \(limit) bytes"
      case .invalidUTF8: "the text is not UTF-8"
      case .invalidEscape: "there is no such escape"
      case .controlCharacter: "a control character is not escaped"
      case .invalidNumber: "this is not a number"
      }
    return "line \(line), column \(column) (byte \(offset)): \(what)"
  }
}

/// Text from outside for a message: quoted, escaped and cut to a sensible length.
func quoted(_ text: String) -> String {
  let cut = text.unicodeScalars.count > 100 ? String(text.unicodeScalars.prefix(100)) + "…" : text
  return String(decoding: JSONWriter.bytes(of: .string(cut)), as: UTF8.self)
}
