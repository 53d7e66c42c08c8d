public import Digest

/// The name of an image in docker's grammar: `[DOMAIN/]PATH[:TAG][@DIGEST]`.
///
/// Bare names are short for docker's registry: `debian` means `docker.io/library/debian`.
/// <https://github.com/distribution/reference>
public struct Reference: Hashable, Sendable {
  /// The registry.
  public var domain: Domain
  /// The repository in it.
  public var path: Path
  /// The tag, when there is one.
  public var tag: Tag?
  /// The digest, when there is one.
  public var digest: Digest?

  /// A reference from its parts.
  public init(domain: Domain, path: Path, tag: Tag? = nil, digest: Digest? = nil) {
    self.domain = domain
    self.path = path
    self.tag = tag
    self.digest = digest
  }

  /// Reads a reference as people type it.
  public init(_ text: String) throws(ReferenceError) {
    if text.isEmpty { throw .empty }
    if text.utf8.count == 64, text.utf8.allSatisfy(isLowerHexadecimal) { throw .identifier(text) }
    var rest = text[...]
    if let at = rest.firstIndex(of: "@") {
      do { digest = try Digest(String(rest[rest.index(after: at)...])) } catch { throw .digest(error) }
      rest = rest[..<at]
    }
    // A colon after the last slash starts a tag; one before it is a port.
    if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("/") {
      tag = try Tag(String(rest[rest.index(after: colon)...]))
      rest = rest[..<colon]
    }
    (domain, path) = try Self.split(rest)
  }

  private static func split(_ name: Substring) throws(ReferenceError) -> (Domain, Path) {
    if let slash = name.firstIndex(of: "/") {
      let first = String(name[..<slash])
      // The first part is a registry only when it can't be a repository of docker's own.
      if first.contains(".") || first.contains(":") || first == "localhost" || first != first.lowercased() {
        let domain = try Domain(first)
        let rest = String(name[name.index(after: slash)...])
        return (domain, try Path(domain == .docker && !rest.contains("/") ? "library/" + rest : rest))
      }
      return (.docker, try Path(String(name)))
    }
    return (.docker, try Path("library/" + name))
  }

  /// The reference with the tag `latest` when it has neither tag nor digest.
  public var withTag: Reference {
    var reference = self
    if tag == nil && digest == nil { reference.tag = .latest }
    return reference
  }

  /// The name without tag and digest, in full: `docker.io/library/debian`.
  public var name: String { "\(domain)/\(path)" }

  /// The name as people write it: `debian`.
  public var familiarName: String {
    if domain != .docker { return name }
    let parts = path.description.split(separator: "/")
    let short = parts.count == 2 && parts[0] == "library" ? String(parts[1]) : path.description
    // Some names only mean the same in full: their first part looks like a registry.
    guard let again = try? Reference(short), again.domain == domain, again.path == path else { return name }
    return short
  }

  private var suffix: String { (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "") }

  /// The reference as people write it: `debian:trixie`.
  public var familiar: String { familiarName + suffix }
}

extension Reference: CustomStringConvertible {
  /// The reference in full: `docker.io/library/debian:trixie`.
  public var description: String { name + suffix }
}

extension Reference {
  /// A registry: a host name or address, and a port perhaps.
  public struct Domain: Hashable, Sendable, CustomStringConvertible {
    /// The registry as it is written.
    public let description: String

    /// Docker's registry.
    public static let docker = Domain(unchecked: "docker.io")

    private init(unchecked text: String) { description = text }

    /// Reads a registry; `index.docker.io` is `docker.io`.
    public init(_ text: String) throws(ReferenceError) {
      guard Self.isValid(text) else { throw .domain(text) }
      description = text == "index.docker.io" ? "docker.io" : text
    }

    private static func isValid(_ text: String) -> Bool {
      var host = text[...]
      if text.hasPrefix("[") {
        guard let end = text.firstIndex(of: "]") else { return false }
        let address = text[text.index(after: text.startIndex)..<end]
        host = text[text.index(after: end)...]
        let isAddress = address.utf8.allSatisfy { isHexadecimal($0) || $0 == UInt8(ascii: ":") }
        return !address.isEmpty && isAddress
          && (host.isEmpty || host.first == ":" && isPort(host.dropFirst()))
      }
      if let colon = host.firstIndex(of: ":") {
        guard isPort(host[host.index(after: colon)...]) else { return false }
        host = host[..<colon]
      }
      return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
        !part.isEmpty && part.first != "-" && part.last != "-"
          && part.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
      }
    }

    private static func isPort(_ text: Substring) -> Bool {
      !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
  }

  /// A repository in a registry: lower-case parts with slashes between.
  public struct Path: Hashable, Sendable, CustomStringConvertible {
    /// The path as it is written.
    public let description: String

    /// Reads a path.
    public init(_ text: String) throws(ReferenceError) {
      if text.utf8.contains(where: { (0x41...0x5a).contains($0) }) { throw .upperCase(text) }
      if text.utf8.count > 255 { throw .tooLong(text) }
      let parts = text.split(separator: "/", omittingEmptySubsequences: false)
      guard parts.allSatisfy({ Self.isPart(Array($0.utf8)) }) else { throw .path(text) }
      description = text
    }

    /// Letters and digits with separators between: one dot, one or two underscores, any dashes.
    private static func isPart(_ bytes: [UInt8]) -> Bool {
      var separator: [UInt8] = []
      var hasText = false
      for byte in bytes {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
          if !separator.isEmpty, !isSeparator(separator) { return false }
          separator = []
          hasText = true
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
          if !hasText { return false }
          separator.append(byte)
        default: return false
        }
      }
      return hasText && separator.isEmpty
    }

    private static func isSeparator(_ bytes: [UInt8]) -> Bool {
      bytes == Array(".".utf8) || bytes == Array("_".utf8) || bytes == Array("__".utf8)
        || bytes.allSatisfy { $0 == UInt8(ascii: "-") }
    }
  }

  /// A tag: up to 128 letters, digits, underscores, dots and dashes; the first is no dot or dash.
  public struct Tag: Hashable, Sendable, CustomStringConvertible {
    /// The tag as it is written.
    public let description: String

    /// The tag that is meant when none is given.
    public static let latest = Tag(unchecked: "latest")

    private init(unchecked text: String) { description = text }

    /// Reads a tag.
    public init(_ text: String) throws(ReferenceError) {
      let bytes = Array(text.utf8)
      guard let first = bytes.first, bytes.count <= 128, first != UInt8(ascii: "."),
        first != UInt8(ascii: "-"),
        bytes.allSatisfy({ isAlphanumeric($0) || [0x5f, 0x2e, 0x2d].contains($0) })
      else { throw .tag(text) }
      description = text
    }
  }
}

/// A text that is no reference to an image.
public enum ReferenceError: Error, Equatable, Sendable {
  /// Nothing at all.
  case empty
  /// The registry is no host name.
  case domain(String)
  /// The repository has parts that are not allowed.
  case path(String)
  /// The repository has capital letters.
  case upperCase(String)
  /// The repository is longer than 255 bytes.
  case tooLong(String)
  /// The tag has characters that are not allowed, or is too long.
  case tag(String)
  /// What follows `@` is no digest.
  case digest(DigestError)
  /// 64 hexadecimal digits: an image's identifier, not a name.
  case identifier(String)
}

extension ReferenceError: CustomStringConvertible {
  /// What was wrong, in a person's words.
  public var description: String {
    switch self {
    case .empty: "an image name is empty"
    case .domain(let text): "\(quoted(text)) is not a registry (HOST or HOST:PORT)"
    case .path(let text):
      "\(quoted(text)) is not a repository name (lower-case letters and digits, with single . _ - between)"
    case .upperCase(let text): "the repository name \(quoted(text)) has capital letters"
    case .tooLong(let text): "the repository name \(quoted(text)) is longer than 255 bytes"
    case .tag(let text): "\(quoted(text)) is not a tag (up to 128 letters, digits, _ . -)"
    case .digest(let error): "\(error)"
    case .identifier(let text): "\(quoted(text)) is the identifier of an image, not a name"
    }
  }
}

private func isAlphanumeric(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"):
    true
  default: false
  }
}

private func isHexadecimal(_ byte: UInt8) -> Bool {
  isLowerHexadecimal(byte) || (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte)
}

private func isLowerHexadecimal(_ byte: UInt8) -> Bool {
  (0x30...0x39).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
}
