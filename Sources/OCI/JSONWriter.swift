/// Writes JSON canonically: names sorted bytewise, no white space, slashes as they are, only what
/// JSON requires escaped. The same value always gives the same bytes.
public enum JSONWriter {
  /// The canonical bytes of a value.
  public static func bytes(of value: JSONValue) -> [UInt8] {
    var output: [UInt8] = []
    write(value, to: &output, indent: nil)
    return output
  }

  /// The same for people: two spaces a level, and a newline at the end.
  public static func indentedBytes(of value: JSONValue) -> [UInt8] {
    var output: [UInt8] = []
    write(value, to: &output, indent: 0)
    output.append(0x0a)
    return output
  }

  private static func write(_ value: JSONValue, to output: inout [UInt8], indent: Int?) {
    switch value {
    case .null: output.append(contentsOf: "null".utf8)
    case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): output.append(contentsOf: String(value).utf8)
    case .number(let text): output.append(contentsOf: text.utf8)
    case .string(let text): write(text, to: &output)
    case .array(let elements):
      writeList(elements, "[", "]", to: &output, indent: indent) { element, output, indent in
        write(element, to: &output, indent: indent)
      }
    case .object(let object):
      writeList(object.members, "{", "}", to: &output, indent: indent) { member, output, indent in
        write(member.name, to: &output)
        output.append(UInt8(ascii: ":"))
        if indent != nil { output.append(0x20) }
        write(member.value, to: &output, indent: indent)
      }
    }
  }

  private static func writeList<Element>(
    _ elements: [Element], _ open: Unicode.Scalar, _ close: Unicode.Scalar, to output: inout [UInt8],
    indent: Int?, _ body: (Element, inout [UInt8], Int?) -> Void
  ) {
    output.append(UInt8(ascii: open))
    var isFirst = true
    for element in elements {
      if !isFirst { output.append(UInt8(ascii: ",")) }
      isFirst = false
      if let indent { newline(indent + 1, to: &output) }
      body(element, &output, indent.map { $0 + 1 })
    }
    if let indent, !elements.isEmpty { newline(indent, to: &output) }
    output.append(UInt8(ascii: close))
  }

  private static func newline(_ indent: Int, to output: inout [UInt8]) {
    output.append(0x0a)
    output.append(contentsOf: repeatElement(0x20, count: 2 * indent))
  }

  private static func write(_ text: String, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): output.append(contentsOf: "\\\"".utf8)
      case UInt8(ascii: "\\"): output.append(contentsOf: "\\\\".utf8)
      case 0x08: output.append(contentsOf: "\\b".utf8)
      case 0x09: output.append(contentsOf: "\\t".utf8)
      case 0x0a: output.append(contentsOf: "\\n".utf8)
      case 0x0c: output.append(contentsOf: "\\f".utf8)
      case 0x0d: output.append(contentsOf: "\\r".utf8)
      case 0..<0x20:
        output.append(contentsOf: "\\u00".utf8)
        output.append(byte >> 4 + UInt8(ascii: "0"))
        output.append(digit(byte & 15))
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
