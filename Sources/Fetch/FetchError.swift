/// A download that failed: of what, and why.
public struct FetchError: Error, Sendable, Equatable {
  /// Why a download failed.
  public enum Reason: Sendable, Equatable {
    /// The text is no URL that can be fetched; the words say why.
    case malformedURL(String)
    /// The server answered with this HTTP status of 400 or above.
    case status(Int)
    /// A redirect to a place that is not followed, or too many of them.
    case refusedRedirect(String)
    /// The connection failed or broke; the words are libcurl's.
    case connection(String)
    /// The server's certificate could not be trusted; the words are libcurl's.
    case untrusted(String)
    /// The server speaks no TLS, or none that both know; the words are libcurl's.
    case noTLS(String)
    /// The answer has more bytes than are taken of its kind.
    case tooLarge(limit: Int)
    /// Nothing came for so many seconds.
    case stalled(seconds: Int)
    /// The connection broke after `received` bytes, and what the server sent then was another file.
    case changed(received: UInt64)
    /// The answer has another size than the file must have; a page of HTML, when it looks like one.
    case wrongSize(expected: UInt64, received: UInt64, isPage: Bool)
    /// The answer has the right size and the wrong digest.
    case wrongDigest
  }

  /// The URL that was asked for, without a user's name and password.
  public var url: String
  /// Why it failed.
  public var reason: Reason

  /// A failure of a request for `url`, whose user name and password are left out.
  public init(_ url: String, _ reason: Reason) {
    self.url = withoutCredentials(url)
    self.reason = reason
  }

  /// Whether the same request may succeed a little later.
  public var isTransient: Bool {
    switch reason {
    case .status(let code): [408, 425, 429, 500, 502, 503, 504].contains(code)
    case .connection, .noTLS, .stalled: true
    case .malformedURL, .refusedRedirect, .untrusted, .changed, .tooLarge, .wrongSize, .wrongDigest: false
    }
  }
}

extension FetchError: CustomStringConvertible {
  /// What went wrong, in a person's words.
  public var description: String {
    switch reason {
    case .malformedURL(let why): "can't fetch \"\(url)\": \(why)"
    case .status(let code): "can't fetch \(url): the server answered \(Self.phrase(code))"
    case .refusedRedirect(let why): "can't fetch \(url): \(why)"
    case .connection(let why), .untrusted(let why), .noTLS(let why): "can't fetch \(url): \(why)"
    case .tooLarge(let limit): "can't fetch \(url): the answer has more than \(limit) bytes"
    case .stalled(let seconds): "can't fetch \(url): nothing came for \(seconds) seconds"
    case .changed(let received):
      "can't fetch \(url): the connection broke after \(received) bytes, and the file is another one now"
    case .wrongSize(let expected, let received, let isPage):
      "refused \(url): the server sent \(isPage ? "a page of HTML" : "\(received) bytes") "
        + "instead of the file of \(expected) bytes"
    case .wrongDigest: "refused \(url): it is not the file that the index names (its SHA-256 differs)"
    }
  }

  /// A status code with its words: "404 Not Found".
  public static func phrase(_ code: Int) -> String {
    let words: String? =
      switch code {
      case 400: "Bad Request"
      case 401: "Unauthorized"
      case 403: "Forbidden"
      case 404: "Not Found"
      case 407: "Proxy Authentication Required"
      case 408: "Request Timeout"
      case 410: "Gone"
      case 416: "Range Not Satisfiable"
      case 429: "Too Many Requests"
      case 500: "Internal Server Error"
      case 502: "Bad Gateway"
      case 503: "Service Unavailable"
      case 504: "Gateway Timeout"
      default: nil
      }
    return words.map { "\(code) \($0)" } ?? "with status \(code)"
  }
}
