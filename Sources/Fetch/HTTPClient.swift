import CCurl
import Synchronization

/// Sends HTTP requests, one at a time in each thread, over connections that are kept.
///
/// It follows no redirects, answers no challenges, knows no cookies and reads no `.netrc`: what a server asks
/// for is for the caller to judge. Proxies are those of the environment.
public final class HTTPClient: Sendable {
  /// How patient it is.
  public let options: TransferOptions
  private let authorities: String?
  /// Handles with the connections that they keep, which no request uses just now.
  private let idle = Mutex<[Connections]>([])

  /// A client.
  ///
  /// - Parameters:
  ///   - options: how patient it is; what they say of retries and redirects is not for it.
  ///   - authorities: a file of certificates (PEM) to trust instead of the system's.
  public init(options: TransferOptions = TransferOptions(), authorities: String? = nil) {
    self.options = options
    self.authorities = authorities
  }

  /// Sends a request with all its content, and waits for the header of the answer.
  ///
  /// Every status is an answer. The answer's content is read from what is returned.
  ///
  /// - Parameter verifiesPeer: whether the server's certificate must be good.
  /// - Throws: `FetchError`, what the source of the content throws, and `PosixError`, canceled, when this process is
  ///   being ended (see `Ending`) while content is sent.
  public func send(_ request: HTTPRequest, verifiesPeer: Bool = true) throws -> HTTPResponse {
    let connections: Connections
    if let kept = idle.withLock({ $0.popLast() }) {
      connections = kept
    } else {
      guard CurlLibrary.isReady, let made = Connections() else {
        throw FetchError(request.url, .connection("libcurl could not be started"))
      }
      connections = made
    }
    let response = try HTTPResponse(
      request, options, authorities: authorities, verifiesPeer: verifiesPeer, over: connections
    ) { [weak self] connections in
      self?.idle.withLock { if $0.count < 16 { $0.append(connections) } }
    }
    try response.waitForHeader()
    return response
  }
}

/// A multi handle of libcurl, which keeps connections. Used by one thread at a time.
final class Connections: @unchecked Sendable {
  let multi: UnsafeMutableRawPointer

  init?() {
    guard let multi = curl_multi_init() else { return nil }
    self.multi = multi
  }

  deinit { curl_multi_cleanup(multi) }
}
