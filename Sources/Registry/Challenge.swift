/// What a server asks for before it answers: one challenge of a `WWW-Authenticate` field (RFC 9110, 11.6.1).
struct Challenge: Equatable {
  /// The scheme in lower case: `basic`, `bearer`.
  var scheme: String
  /// The parameters, their names in lower case.
  var parameters: [String: String]

  /// Reads all challenges of a field's values. What is malformed ends the reading of that value.
  static func parse(_ values: [String]) -> [Challenge] {
    values.flatMap { value -> [Challenge] in
      var reader = Reader(bytes: Array(value.utf8.prefix(ServerURL.limit)))
      return reader.challenges()
    }
  }

  private struct Reader {
    let bytes: [UInt8]
    var position = 0

    var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func challenges() -> [Challenge] {
      var found: [Challenge] = []
      while true {
        skip([0x20, 0x09, 0x2c])
        guard let name = token() else { return found }
        skip([0x20, 0x09])
        if byte == UInt8(ascii: "="), !found.isEmpty {
          // Another parameter of the last challenge.
          position += 1
          skip([0x20, 0x09])
          guard let value = value() else { return found }
          // The first counts: a second one could contradict it.
          if found[found.count - 1].parameters[name.lowercased()] == nil {
            found[found.count - 1].parameters[name.lowercased()] = value
          }
          continue
        }
        found.append(Challenge(scheme: name.lowercased(), parameters: [:]))
      }
    }

    mutating func skip(_ set: [UInt8]) { while let byte, set.contains(byte) { position += 1 } }

    mutating func token() -> String? {
      let start = position
      while let byte, isAlphanumeric(byte) || "!#$%&'*+-.^_`|~/".utf8.contains(byte) { position += 1 }
      return start == position ? nil : String(decoding: bytes[start..<position], as: UTF8.self)
    }

    mutating func value() -> String? {
      guard byte == UInt8(ascii: "\"") else { return token() }
      position += 1
      var text: [UInt8] = []
      while let next = byte {
        position += 1
        if next == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
        if next == UInt8(ascii: "\\"), let escaped = byte {
          text.append(escaped)
          position += 1
        } else {
          text.append(next)
        }
      }
      return nil
    }
  }
}
