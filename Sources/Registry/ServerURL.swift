/// An absolute `http` or `https` URL (RFC 3986), in the strict form that registries have them.
///
/// Made from what a server says too, so it is bounded, printable ASCII, and without a user's name.
struct ServerURL: Hashable, Sendable, CustomStringConvertible {
  /// Where a URL leads to: what credentials belong to.
  struct Origin: Hashable, Sendable, CustomStringConvertible {
    /// Whether it is reached by TLS.
    var isSecure: Bool
    /// A name in lower case, an address, or an address in brackets.
    var host: String
    /// The port, also where it is the usual one.
    var port: UInt16

    var description: String {
      let usual: UInt16 = isSecure ? 443 : 80
      return (isSecure ? "https://" : "http://") + host + (port == usual ? "" : ":\(port)")
    }

    /// Whether this is the machine itself.
    var isLoopback: Bool { ServerURL.isLoopback(host) }
  }

  /// How long a URL of a server may be, in bytes.
  static let limit = 8192

  var origin: Origin
  /// The path, and the query when there is one: `/v2/?n=1`.
  var target: String

  init(_ origin: Origin, _ target: String) {
    self.origin = origin
    self.target = target
  }

  /// Reads a URL; nil for what is none or is not allowed. The fragment is left out.
  init?(_ text: String) {
    guard text.utf8.count <= Self.limit, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x5c }) else {
      return nil
    }
    let lower = text.prefix(8).lowercased()
    let isSecure = lower.hasPrefix("https://")
    guard isSecure || lower.hasPrefix("http://") else { return nil }
    let rest = text.dropFirst(isSecure ? 8 : 7).prefix { $0 != "#" }
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    guard let (host, port) = Self.hostAndPort(String(rest[..<end])) else { return nil }
    origin = Origin(isSecure: isSecure, host: host, port: port ?? (isSecure ? 443 : 80))
    let target = String(rest[end...])
    self.target = target.hasPrefix("/") ? target : "/" + target
  }

  /// Resolves what a `Location` field says, which may be a path alone; nil when it is not allowed.
  func resolving(_ location: String) -> ServerURL? {
    if location.lowercased().hasPrefix("http://") || location.lowercased().hasPrefix("https://") {
      return ServerURL(location)
    }
    if location.hasPrefix("//") { return ServerURL((origin.isSecure ? "https:" : "http:") + location) }
    guard location.hasPrefix("/") else { return nil }
    return ServerURL("\(origin)\(location)")
  }

  /// The URL with further fields in its query; the values are escaped.
  func adding(_ fields: [(name: String, value: String)]) -> ServerURL {
    var copy = self
    for field in fields {
      copy.target += copy.target.contains("?") ? "&" : "?"
      copy.target += field.name + "=" + Self.escaped(field.value)
    }
    return copy
  }

  var description: String { "\(origin)\(target)" }

  /// For messages: without the query, which may hold secrets.
  var shown: String { "\(origin)\(target.prefix { $0 != "?" })" }

  /// Splits `HOST[:PORT]`; nil when it is something else.
  static func hostAndPort(_ text: String) -> (host: String, port: UInt16?)? {
    var host = text[...]
    var port: UInt16?
    let bracket = text.hasPrefix("[") ? text.firstIndex(of: "]") : nil
    if text.hasPrefix("["), bracket == nil { return nil }
    if let colon = text.lastIndex(of: ":"), bracket.map({ colon > $0 }) ?? true {
      let digits = text[text.index(after: colon)...]
      guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(digits), number > 0
      else {
        return nil
      }
      port = number
      host = text[..<colon]
    }
    let isAllowed: Bool
    if let bracket {
      guard text.index(after: bracket) == host.endIndex else { return nil }
      isAllowed = host.dropFirst().dropLast().utf8.allSatisfy {
        $0 == 0x3a || isHexadecimal($0) || $0 == 0x2e
      }
    } else {
      isAllowed = host.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2d || $0 == 0x2e || $0 == 0x5f }
    }
    return isAllowed && !host.isEmpty ? (host.lowercased(), port) : nil
  }

  /// Whether a host is this machine: `localhost`, 127.0.0.0/8 written in full, or `[::1]`.
  static func isLoopback(_ host: String) -> Bool {
    if host == "localhost" || host == "[::1]" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  /// Percent-encodes all but unreserved characters (RFC 3986, section 2.3).
  static func escaped(_ text: String) -> String {
    var escaped = ""
    for byte in text.utf8 {
      if isAlphanumeric(byte) || [0x2d, 0x2e, 0x5f, 0x7e].contains(byte) {
        escaped.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        escaped += "%" + (digits.count == 1 ? "0" : "") + digits
      }
    }
    return escaped
  }
}

func isAlphanumeric(_ byte: UInt8) -> Bool {
  switch byte {
  case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
  default: false
  }
}

private func isHexadecimal(_ byte: UInt8) -> Bool {
  switch byte {
  case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
  default: false
  }
}
