import CCurl

/// One request of libcurl, from its start to its end: what several of a `multi` handle are.
final class Transfer {
  /// What the response must be for its bytes to continue those already received.
  struct Resume {
    var offset: UInt64
    var validator: FileVersion
    var total: UInt64?
    /// Whether what comes out is checked by digest, so that the server need not prove that the file is the
    /// same.
    var isChecked = false
  }

  let handle: UnsafeMutableRawPointer
  private let errorText: UnsafeMutablePointer<CChar>
  private var headers: UnsafeMutablePointer<curl_slist>?
  private let resume: Resume?
  private let stallTimeout: Int
  private let shownURL: String

  /// The reader's buffer during a call, and what waits for it.
  var buffer = ReaderBuffer()
  /// Bytes at the start of this response that were received by an earlier one.
  private var skip: UInt64 = 0
  /// Set when the response's header has been judged.
  private(set) var hasStarted = false
  /// Why the response was refused by us, when it was.
  private var refusal: FetchError.Reason?
  /// The size of the whole file, where the server says it.
  private(set) var total: UInt64?
  private(set) var validator = FileVersion()
  /// The version that the reader has already; only another one is sent.
  private let known: FileVersion?
  /// Whether the server says that the reader has its version.
  private(set) var isUnchanged = false

  init(
    _ url: String, _ options: TransferOptions, resume: Resume?, unless known: FileVersion? = nil
  ) throws(FetchError) {
    shownURL = withoutCredentials(url)
    guard let name = scheme(of: url) else {
      throw FetchError(shownURL, .malformedURL("it is no URL"))
    }
    guard fetchedSchemes.contains(name) else {
      throw FetchError(shownURL, .malformedURL("only http and https URLs are fetched"))
    }
    guard CurlLibrary.isReady, let handle = curl_easy_init() else {
      throw FetchError(shownURL, .connection("libcurl could not be started"))
    }
    self.handle = handle
    self.resume = resume
    self.known = known
    stallTimeout = options.stallTimeout
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    if let resume { skip = resume.offset }

    // Redirects lead nowhere else, and never from TLS to plain text.
    set(CURLOPT_PROTOCOLS_STR, name)
    set(CURLOPT_REDIR_PROTOCOLS_STR, name == "http" ? "http,https" : "https")
    set(CURLOPT_FOLLOWLOCATION, 1)
    set(CURLOPT_MAXREDIRS, options.redirects)
    set(CURLOPT_FAILONERROR, 1)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_CONNECTTIMEOUT, options.connectTimeout)
    set(CURLOPT_LOW_SPEED_LIMIT, 1)
    set(CURLOPT_LOW_SPEED_TIME, options.stallTimeout)
    set(CURLOPT_BUFFERSIZE, 256 << 10)
    set(CURLOPT_USERAGENT, "garboard")
    _ = garboard_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
    _ = garboard_curl_set_pointer(handle, CURLOPT_WRITEDATA, Unmanaged.passUnretained(self).toOpaque())
    _ = garboard_curl_set_write(handle) { bytes, size, count, context in
      guard let bytes, let context else { return 0 }
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      return transfer.receive(UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    guard garboard_curl_set_string(handle, CURLOPT_URL, url) == CURLE_OK else {
      throw FetchError(shownURL, .malformedURL("libcurl does not take it"))
    }
    if let resume, resume.offset > 0 {
      // Not CURLOPT_RESUME_FROM, which refuses servers that send the whole again.
      set(CURLOPT_RANGE, "\(resume.offset)-")
      // RFC 9110, 13.1.5: the range only of this version, else the whole new one.
      if let condition = resume.validator.tag ?? resume.validator.modified {
        headers = curl_slist_append(nil, "If-Range: \(condition)")
      }
    } else if let condition = known?.condition {
      headers = curl_slist_append(nil, condition)
    }
    if headers != nil { _ = garboard_curl_set_pointer(handle, CURLOPT_HTTPHEADER, headers) }
  }

  deinit {
    curl_easy_cleanup(handle)
    curl_slist_free_all(headers)
    errorText.deallocate()
  }

  private func set(_ option: CURLoption, _ value: Int) { _ = garboard_curl_set_long(handle, option, value) }
  private func set(_ option: CURLoption, _ value: String) {
    _ = garboard_curl_set_string(handle, option, value)
  }

  /// libcurl's data: all of it is taken, or none and the transfer paused.
  private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
    if !hasStarted, !judgeResponse() { return 0 }
    var rest = bytes[...]
    let skipBefore = skip
    if skip > 0 {
      let count = Int(min(skip, UInt64(rest.count)))
      skip -= UInt64(count)
      rest = rest.dropFirst(count)
    }
    if rest.isEmpty { return bytes.count }
    if buffer.take(UnsafeRawBufferPointer(rebasing: rest)) { return bytes.count }
    skip = skipBefore
    return Int(CURL_WRITEFUNC_PAUSE)
  }

  /// Lets libcurl go on where it was paused.
  func unpause() {
    if buffer.resume() { curl_easy_pause(handle, CURLPAUSE_CONT) }
  }

  /// Looks at the header of the final response, once: does what follows continue what we have?
  private func judgeResponse() -> Bool {
    hasStarted = true
    validator = FileVersion(
      tag: header("etag").flatMap { $0.hasPrefix("W/") ? nil : $0 }, modified: header("last-modified"))
    var length: curl_off_t = -1
    _ = garboard_curl_get_offset(handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length)
    let announced = UInt64(exactly: length)
    guard let resume, resume.offset > 0 else {
      total = announced
      isUnchanged = status == 304
      // Nobody asked for that: there would be no file at all.
      if isUnchanged, known?.condition == nil {
        refusal = .status(304)
        return false
      }
      return true
    }
    if status == 206 {
      let range = header("content-range").flatMap(ContentRange.init)
      guard let range, range.first == resume.offset, resume.isChecked || isSame(as: resume.validator),
        range.total == resume.total || range.total == nil || resume.total == nil
      else {
        refusal = .changed(received: resume.offset)
        return false
      }
      total = range.total ?? resume.total
      skip = 0
      return true
    }
    // The server sends it all again: good for us if it is the same, from where we were.
    total = announced
    guard resume.isChecked || isSame(as: resume.validator), announced == resume.total else {
      refusal = .changed(received: resume.offset)
      return false
    }
    return true
  }

  private func isSame(as earlier: FileVersion) -> Bool {
    if earlier.tag != nil && validator.tag != nil { return earlier.tag == validator.tag }
    return earlier == validator && !earlier.isEmpty
  }

  /// A field of the header of a response: -1 is the last, 0 the first.
  private func header(_ name: String, of request: Int32 = -1) -> String? {
    var found: UnsafeMutablePointer<curl_header>?
    guard curl_easy_header(handle, name, 0, UInt32(CURLH_HEADER), request, &found) == CURLHE_OK,
      let value = found?.pointee.value
    else { return nil }
    return String(cString: value)
  }

  private var status: Int {
    var code = 0
    _ = garboard_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &code)
    return code
  }

  /// The wait that the server asked for in seconds, where it gave a number (RFC 9110, 10.2.3).
  var serverAsksForDelay: UInt64? { header("retry-after").flatMap { UInt64($0) } }

  /// Judges the end of the transfer: nil when all is there.
  func outcome(_ result: CURLcode) -> FetchError? {
    if result == CURLE_OK {
      if !hasStarted && !judgeResponse(), let refusal { return FetchError(shownURL, refusal) }
      // A whole answer to a resumed request that is shorter than what we have already.
      return skip == 0 ? nil : FetchError(shownURL, .changed(received: resume?.offset ?? 0))
    }
    if let refusal { return FetchError(shownURL, refusal) }
    let reason: FetchError.Reason =
      switch result {
      case CURLE_HTTP_RETURNED_ERROR: .status(status)
      case CURLE_UNSUPPORTED_PROTOCOL: .refusedRedirect("it redirects to \(redirectTarget)")
      default: failure(result, of: handle, text: errorText, stallTimeout: stallTimeout)
      }
    return FetchError(shownURL, reason)
  }

  /// Where the last redirect led to, which counts as followed.
  private var redirectTarget: String {
    var followed = 0
    _ = garboard_curl_get_long(handle, CURLINFO_REDIRECT_COUNT, &followed)
    return header("location", of: Int32(clamping: followed - 1)).map(withoutCredentials)
      ?? "a place that is not followed"
  }
}

/// Why libcurl ended a transfer.
func failure(
  _ result: CURLcode, of handle: UnsafeMutableRawPointer, text: UnsafePointer<CChar>, stallTimeout: Int
) -> FetchError.Reason {
  let said = String(cString: text)
  let words = said.isEmpty ? String(cString: curl_easy_strerror(result)) : said
  // Once the request was sent, what takes too long is the answer.
  var sent: curl_off_t = 0
  _ = garboard_curl_get_offset(handle, CURLINFO_PRETRANSFER_TIME_T, &sent)
  return switch result {
  case CURLE_URL_MALFORMAT: .malformedURL("it is malformed")
  case CURLE_TOO_MANY_REDIRECTS: .refusedRedirect("it redirects too often")
  case CURLE_OPERATION_TIMEDOUT where sent > 0: .stalled(seconds: stallTimeout)
  case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE: .untrusted(words)
  case CURLE_SSL_CONNECT_ERROR: .noTLS(words)
  default: .connection(words)
  }
}

/// `Content-Range: bytes FIRST-LAST/TOTAL` (RFC 9110, section 14.4).
struct ContentRange: Equatable {
  var first: UInt64
  var total: UInt64?

  init?(_ text: String) {
    guard text.lowercased().hasPrefix("bytes ") else { return nil }
    let parts = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let range = parts.first, let size = parts.last else { return nil }
    let ends = range.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let first = ends.first.flatMap({ UInt64($0) }) else { return nil }
    self.first = first
    if size == "*" {
      total = nil
    } else if let size = UInt64(size) {
      total = size
    } else {
      return nil
    }
  }
}

/// libcurl's process-wide state, made once, before any thread uses it.
enum CurlLibrary {
  static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
}
