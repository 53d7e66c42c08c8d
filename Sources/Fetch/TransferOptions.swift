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

  /// Waits before retry number `retry` (0 is the first), at least as long as the server asked for, and at most
  /// half a minute.
  ///
  /// - Returns: the wait.
  @discardableResult
  public func pause(_ retry: Int, serverAsks seconds: UInt64?) -> Duration {
    let delay = delay(retry, serverAsks: seconds)
    Fetch.pause(delay)
    return delay
  }
}
