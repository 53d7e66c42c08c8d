/// What is wrong with a line of registries.conf.
struct ConfigurationSyntaxError: Error, Equatable {
  var line: Int
  var problem: String
}

extension RegistriesConfiguration {
  /// Reads the part of TOML that registries.conf is written in: tables, lists of tables, and keys with a
  /// string, a list of strings, a boolean or a whole number. Everything else is an error.
  static func parse(_ bytes: [UInt8]) throws(ConfigurationSyntaxError) -> [Entry] {
    var reader = TOMLReader(bytes)
    var entries: [Entry] = []
    var table = ""
    while let item = try reader.next() {
      let line = reader.line
      func refused(_ problem: String) -> ConfigurationSyntaxError {
        ConfigurationSyntaxError(line: line, problem: problem)
      }
      switch item {
      case .list("registry"):
        table = "registry"
        entries.append(Entry(prefix: ""))
      case .list("registry.mirror"):
        guard !entries.isEmpty else { throw refused("[[registry.mirror]] comes before any [[registry]]") }
        table = "registry.mirror"
        entries[entries.count - 1].mirrors.append(Place())
      case .list(let name), .table(let name):
        if name.hasPrefix("registries.") {
          throw refused("[\(name)] is of version 1, which is not supported")
        }
        if ["registry", "registry.mirror"].contains(name) { throw refused("[\(name)] must be [[\(name)]]") }
        table = name
      case .key(let key, let value):
        let last = entries.count - 1
        func text() throws(ConfigurationSyntaxError) -> String {
          guard case .string(let text) = value else { throw refused("\(key) must be a string") }
          return text
        }
        func flag() throws(ConfigurationSyntaxError) -> Bool {
          guard case .bool(let flag) = value else { throw refused("\(key) must be true or false") }
          return flag
        }
        switch (table, key) {
        case ("registry", "prefix"): entries[last].prefix = try text()
        case ("registry", "location"): entries[last].place.location = try text()
        case ("registry", "insecure"): entries[last].place.isInsecure = try flag()
        case ("registry", "blocked"): entries[last].isBlocked = try flag()
        case ("registry", "mirror-by-digest-only"): entries[last].mirrorsForDigestsOnly = try flag()
        case ("registry.mirror", "location"):
          entries[last].mirrors[entries[last].mirrors.count - 1].location = try text()
        case ("registry.mirror", "insecure"):
          entries[last].mirrors[entries[last].mirrors.count - 1].isInsecure = try flag()
        case ("registry.mirror", "pull-from-mirror"):
          let pulls = try text()
          guard ["all", "digest-only", "tag-only"].contains(pulls) else {
            throw refused("pull-from-mirror must be all, digest-only or tag-only")
          }
          entries[last].mirrors[entries[last].mirrors.count - 1].pulls = pulls
        case ("registry", _), ("registry.mirror", _): throw refused("[[\(table)]] has no key \(key)")
        // Short names, helpers of podman: not ours.
        default: break
        }
      }
    }
    for index in entries.indices {
      if entries[index].prefix.isEmpty { entries[index].prefix = entries[index].place.location ?? "" }
      if entries[index].prefix.isEmpty || entries[index].mirrors.contains(where: { $0.location == nil }) {
        throw ConfigurationSyntaxError(line: reader.line, problem: "a registry or a mirror has no location")
      }
    }
    return entries
  }
}

/// One after the other, the headers of tables and the keys.
private struct TOMLReader {
  enum Value: Equatable {
    case string(String)
    case strings([String])
    case bool(Bool)
    case integer
  }

  enum Item {
    case table(String)
    case list(String)
    case key(String, Value)
  }

  private let bytes: [UInt8]
  private var position = 0
  private(set) var line = 1

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func refused(_ problem: String) -> ConfigurationSyntaxError {
    ConfigurationSyntaxError(line: line, problem: problem)
  }

  private mutating func skipBlanks() { while byte == 0x20 || byte == 0x09 || byte == 0x0d { position += 1 } }

  private mutating func skipLines() {
    while true {
      skipBlanks()
      if byte == UInt8(ascii: "#") { while let byte, byte != 0x0a { position += 1 } }
      guard byte == 0x0a else { return }
      line += 1
      position += 1
    }
  }

  private mutating func take(_ text: String) -> Bool {
    guard bytes[position...].starts(with: text.utf8) else { return false }
    position += text.utf8.count
    return true
  }

  private mutating func endLine() throws(ConfigurationSyntaxError) {
    skipBlanks()
    guard byte == nil || byte == 0x0a || byte == UInt8(ascii: "#") else {
      throw refused("something follows that doesn't belong there")
    }
  }

  mutating func next() throws(ConfigurationSyntaxError) -> Item? {
    skipLines()
    if byte == nil { return nil }
    if take("[[") {
      let name = try dottedKey()
      guard take("]]") else { throw refused("a [[ has no ]]") }
      try endLine()
      return .list(name)
    }
    if take("[") {
      let name = try dottedKey()
      guard take("]") else { throw refused("a [ has no ]") }
      try endLine()
      return .table(name)
    }
    let name = try dottedKey()
    guard take("=") else { throw refused("\(name) has no =") }
    skipBlanks()
    let value = try value()
    try endLine()
    return .key(name, value)
  }

  private mutating func dottedKey() throws(ConfigurationSyntaxError) -> String {
    var parts: [String] = []
    repeat {
      skipBlanks()
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        parts.append(try string())
      } else {
        let start = position
        while let byte, isAlphanumeric(byte) || byte == 0x2d || byte == 0x5f { position += 1 }
        if start == position { throw refused("a name is missing") }
        parts.append(String(decoding: bytes[start..<position], as: UTF8.self))
      }
      skipBlanks()
    } while take(".")
    return parts.joined(separator: ".")
  }

  private mutating func value() throws(ConfigurationSyntaxError) -> Value {
    if take("true") { return .bool(true) }
    if take("false") { return .bool(false) }
    if let byte, (0x30...0x39).contains(byte) {
      while let byte = self.byte, (0x30...0x39).contains(byte) { position += 1 }
      return .integer
    }
    guard take("[") else { return .string(try string()) }
    var strings: [String] = []
    skipLines()
    while !take("]") {
      strings.append(try string())
      skipLines()
      if take(",") { skipLines() } else if byte != UInt8(ascii: "]") { throw refused("a list has no ]") }
    }
    return .strings(strings)
  }

  private mutating func string() throws(ConfigurationSyntaxError) -> String {
    guard let quote = byte, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
      throw refused("a string in quotes is expected")
    }
    position += 1
    let start = position
    while let byte, byte != quote {
      if byte == 0x0a || byte == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") {
        throw refused("a string has an end of line or a backslash in it")
      }
      position += 1
    }
    if byte == nil { throw refused("a string has no end") }
    position += 1
    return String(decoding: bytes[start..<(position - 1)], as: UTF8.self)
  }
}
