/// How patient a download is.
public struct TransferOptions: Sendable {
  /// How often a transfer that fails for a reason that may pass is tried again without a byte of progress.
  public var retries = 4
  /// The wait before the first of them; it doubles each time, up to half a minute.
  public var firstDelay = Duration.milliseconds(500)
  /// How long a connection may take to come about, in seconds.
  public var connectTimeout = 30
  /// After how many seconds without data a transfer counts as stalled.
  public var stallTimeout = 60
  /// How many redirects are followed.
  public var redirects = 10
  /// Is told of each failure that is about to be retried, and after which wait.
  public var onRetry: (@Sendable (FetchError, Duration) -> Void)?

  /// The defaults.
  public init() {}

  /// The wait before retry number `retry` (0 is the first), at least what the server asked for.
  func delay(_ retry: Int, serverAsks seconds: UInt64?) -> Duration {
    let longest = Duration.seconds(30)
    let doubled = firstDelay * (1 << min(max(retry, 0), 16))
    return min(longest, max(doubled, .seconds(Int64(min(seconds ?? 0, 30)))))
  }
}

/// Whether `text` is a URL that this module fetches, by its scheme.
public func isFetchable(_ text: String) -> Bool { scheme(of: text).map(allowedSchemes.contains) ?? false }

let allowedSchemes: Set<String> = ["http", "https", "file"]

/// The scheme of a URL in lower case, when `://` follows it.
func scheme(of url: String) -> String? {
  guard let colon = url.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
  guard url[colon...].utf8.starts(with: "://".utf8) else { return nil }
  return url[..<colon].lowercased()
}

/// A URL for messages: without a user's name and password.
func withoutCredentials(_ url: String) -> String {
  guard let name = scheme(of: url) else { return url }
  let start = url.utf8.index(url.startIndex, offsetBy: name.utf8.count + 3)
  let end = url.utf8[start...].firstIndex {
    [UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains($0)
  }
  let authority = url[start..<(end ?? url.endIndex)]
  guard let at = authority.utf8.lastIndex(of: UInt8(ascii: "@")) else { return url }
  return String(url[..<start]) + String(url[url.utf8.index(after: at)...])
}
