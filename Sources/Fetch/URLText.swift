public import SystemPackage

/// Whether `text` is a URL that `HTTPSource` fetches, by its scheme.
public func isFetchable(_ text: String) -> Bool { scheme(of: text).map(fetchedSchemes.contains) ?? false }

/// The path of a `file:` URL (RFC 8089) of this machine; nil for any other text.
///
/// - Throws: `FetchError` for a file of another machine, and for escapes that are none.
public func localPath(ofURL text: String) throws(FetchError) -> FilePath? {
  guard scheme(of: text) == "file" else { return nil }
  let rest = text.utf8.dropFirst("file://".utf8.count)
  let host = rest.prefix { $0 != UInt8(ascii: "/") }
  guard host.isEmpty || host.elementsEqual("localhost".utf8) else {
    throw FetchError(text, .malformedURL("it names a file of another machine"))
  }
  var bytes: [CChar] = []
  var left = rest.dropFirst(host.count)
  while let byte = left.popFirst() {
    var value = byte
    if byte == UInt8(ascii: "%") {
      guard let escaped = UInt8(String(left.prefix(2)) ?? "", radix: 16), left.count >= 2 else {
        throw FetchError(text, .malformedURL("it has a % without two hexadecimal digits"))
      }
      value = escaped
      left = left.dropFirst(2)
    }
    if value == 0 { throw FetchError(text, .malformedURL("it has a NUL byte")) }
    bytes.append(CChar(bitPattern: value))
  }
  return FilePath(platformString: bytes + [0])
}

let fetchedSchemes: Set<String> = ["http", "https"]

/// The scheme of a URL in lower case, when `://` follows it.
func scheme(of url: String) -> String? {
  guard let colon = url.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
  guard url[colon...].utf8.starts(with: "://".utf8) else { return nil }
  return url[..<colon].lowercased()
}

/// A URL for messages: without a user's name and password.
public func withoutCredentials(_ url: String) -> String {
  guard let name = scheme(of: url) else { return url }
  let start = url.utf8.index(url.startIndex, offsetBy: name.utf8.count + 3)
  let endings = [UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#")]
  let end = url.utf8[start...].firstIndex { endings.contains($0) }
  let authority = url[start..<(end ?? url.endIndex)]
  guard let at = authority.utf8.lastIndex(of: UInt8(ascii: "@")) else { return url }
  return String(url[..<start]) + String(url[url.utf8.index(after: at)...])
}
