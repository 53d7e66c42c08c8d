import CCurl
import Glibc
public import Posix

/// The bytes of a URL (`http` or `https`), pulled as they are read.
///
/// It runs in the thread that reads: libcurl works only during `open` and `read`, and a slow reader slows
/// the server down. A transfer that breaks for a reason that may pass is tried again after a wait, and
/// goes on where it was (RFC 9110, section 14) when the server shows that the file is still the same.
/// Proxies are those of the environment (`http_proxy`, `https_proxy`, `no_proxy`).
///
/// What the bytes must be (size, digest) is for the caller to check, as for every source.
public final class HTTPSource: ByteSource {
  private let url: String
  private let options: TransferOptions
  private let known: FileVersion?
  private let multi: UnsafeMutableRawPointer
  private var transfer: Transfer?
  private var isFinished = false
  private var retry = 0
  private var first: (version: FileVersion, total: UInt64?, isUnchanged: Bool)?

  /// The URL for messages: without a user's name and password.
  public let name: String
  /// How many bytes were read so far.
  public private(set) var received: UInt64 = 0
  /// The size of the whole in bytes, once `open` or `read` returned and where the server says it.
  public var totalSize: UInt64? { first?.total }

  /// When the server says that the file was changed last (RFC 9110, 8.8.2), in seconds since 1970; nil where
  /// it doesn't. Known once `open` or `read` returned.
  public var lastModified: Int64? {
    guard let text = first?.version.modified else { return nil }
    let seconds = curl_getdate(text, nil)
    return seconds < 0 ? nil : Int64(seconds)
  }

  /// Which version of the file it is, as far as the server says it. Known once `open` or `read` returned.
  public var version: FileVersion { first?.version ?? FileVersion() }

  /// Whether the file is still the version that is known already, of which no bytes come. Known once `open`
  /// or `read` returned.
  public var isUnchanged: Bool { first?.isUnchanged ?? false }

  /// A source that has not connected yet.
  ///
  /// - Parameter known: a version that the reader has already: only another one is sent.
  /// - Throws: `FetchError` for a text that is no fetchable URL.
  public init(
    _ url: String, options: TransferOptions = TransferOptions(), unless known: FileVersion? = nil
  ) throws(FetchError) {
    self.url = url
    self.options = options
    self.known = known
    name = withoutCredentials(url)
    guard CurlLibrary.isReady, let multi = curl_multi_init() else {
      throw FetchError(name, .connection("libcurl could not be started"))
    }
    self.multi = multi
    do {
      transfer = try start()
    } catch {
      curl_multi_cleanup(multi)
      throw error
    }
  }

  deinit {
    if let transfer { curl_multi_remove_handle(multi, transfer.handle) }
    transfer = nil
    curl_multi_cleanup(multi)
  }

  /// Connects and waits until the server has answered: after that `totalSize` is known.
  ///
  /// `read` does it by itself.
  public func open() throws(FetchError) {
    while first == nil && !isFinished { try work() }
  }

  /// Reads what has come, at least one byte; 0 at the end.
  ///
  /// - Throws: `FetchError` when the download can't go on.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if buffer.isEmpty { return 0 }
    while !isFinished {
      guard let transfer else { break }
      transfer.buffer.destination = buffer
      transfer.buffer.filled = 0
      defer { transfer.buffer.destination = UnsafeMutableRawBufferPointer(start: nil, count: 0) }
      transfer.buffer.drain()
      if transfer.buffer.filled == 0 {
        transfer.unpause()
        try work()
      }
      if transfer.buffer.filled > 0 {
        received += UInt64(transfer.buffer.filled)
        retry = 0
        return transfer.buffer.filled
      }
    }
    return 0
  }

  private func start() throws(FetchError) -> Transfer {
    let resume = first.map { Transfer.Resume(offset: received, validator: $0.version, total: $0.total) }
    let transfer = try Transfer(url, options, resume: resume, unless: known)
    guard curl_multi_add_handle(multi, transfer.handle) == CURLM_OK else {
      throw FetchError(name, .connection("libcurl could not be started"))
    }
    return transfer
  }

  /// One round of libcurl: data may have come, the answer may have begun, the transfer may have ended.
  private func work() throws(FetchError) {
    guard let transfer else { return }
    var running: Int32 = 0
    var code = curl_multi_perform(multi, &running)
    let wasAnswered = first != nil
    noteAnswer(transfer)
    if code == CURLM_OK, running > 0, transfer.buffer.filled == 0, wasAnswered == (first != nil) {
      // Woken by data; the limit only makes libcurl look at its own time limits.
      code = curl_multi_poll(multi, nil, 0, 1000, nil)
    }
    guard code == CURLM_OK else {
      throw FetchError(name, .connection(String(cString: curl_multi_strerror(code))))
    }
    if transfer.buffer.filled > 0 { return }
    guard let result = finishedResult() else { return }
    try end(transfer, result)
  }

  private func noteAnswer(_ transfer: Transfer) {
    if first == nil, transfer.hasStarted {
      first = (transfer.validator, transfer.total, transfer.isUnchanged)
    }
  }

  private func finishedResult() -> CURLcode? {
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      if message.pointee.msg == CURLMSG_DONE { return garboard_curl_result(message) }
    }
    return nil
  }

  private func end(_ transfer: Transfer, _ result: CURLcode) throws(FetchError) {
    let failure = transfer.outcome(result)
    noteAnswer(transfer)
    guard let failure else {
      isFinished = true
      return
    }
    // All has come, and only the connection's end was untidy.
    if case .connection = failure.reason, let total = totalSize, received == total {
      isFinished = true
      return
    }
    let canResume = received == 0 || first.map { !$0.version.isEmpty } ?? true
    guard failure.isTransient, retry < options.retries, canResume else {
      isFinished = true
      throw failure
    }
    let delay = options.delay(retry, serverAsks: transfer.serverAsksForDelay)
    retry += 1
    options.onRetry?(failure, delay)
    curl_multi_remove_handle(multi, transfer.handle)
    self.transfer = nil
    pause(delay)
    // What came before the first byte was read does not bind the next answer.
    if received == 0 { first = nil }
    self.transfer = try start()
  }
}

/// Waits.
func pause(_ duration: Duration) {
  let deadline = ContinuousClock.now + duration
  while case let left = deadline - ContinuousClock.now, left > .zero, !Ending.isUnderway {
    let part = min(left, .milliseconds(100)).components
    var slice = timespec(tv_sec: Int(part.seconds), tv_nsec: Int(part.attoseconds / 1_000_000_000))
    nanosleep(&slice, nil)
  }
}
