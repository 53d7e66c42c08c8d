import CCurl
public import Posix
import SystemPackage

/// The answer to a request: its status and header, and its content as it is read.
///
/// Used by one thread at a time.
public final class HTTPResponse: ByteSource {
  /// The request's URL, without a user's name and password.
  public let url: String
  private let handle: UnsafeMutableRawPointer
  private let connections: Connections
  private let giveBack: (Connections) -> Void
  private let errorText: UnsafeMutablePointer<CChar>
  private var fields: UnsafeMutablePointer<curl_slist>?
  private let stallTimeout: Int
  private var buffer = ReaderBuffer()
  private var hasStarted = false
  private var isFinished = false
  private var isAdded = false
  private var sending: Sending?

  /// What is sent, and what went wrong with it.
  private struct Sending {
    var source: any ByteSource
    var left: UInt64
    /// Whether the process's end cuts it short: where there is content.
    var mayBeCut: Bool
    var failure: (any Error)?
  }

  init(
    _ request: HTTPRequest, _ options: TransferOptions, authorities: String?, verifiesPeer: Bool,
    over connections: Connections, giveBack: @escaping (Connections) -> Void
  ) throws {
    url = withoutCredentials(request.url)
    guard let scheme = scheme(of: request.url), fetchedSchemes.contains(scheme) else {
      throw FetchError(url, .malformedURL("only http and https URLs are fetched"))
    }
    guard let handle = curl_easy_init() else {
      throw FetchError(url, .connection("libcurl could not be started"))
    }
    self.handle = handle
    self.connections = connections
    self.giveBack = giveBack
    stallTimeout = options.stallTimeout
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    _ = garboard_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
    guard garboard_curl_set_string(handle, CURLOPT_URL, request.url) == CURLE_OK else {
      throw FetchError(url, .malformedURL("libcurl does not take it"))
    }
    set(CURLOPT_PROTOCOLS_STR, scheme)
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_CONNECTTIMEOUT, options.connectTimeout)
    set(CURLOPT_LOW_SPEED_LIMIT, 1)
    set(CURLOPT_LOW_SPEED_TIME, options.stallTimeout)
    set(CURLOPT_BUFFERSIZE, 256 << 10)
    set(CURLOPT_UPLOAD_BUFFERSIZE, 1 << 20)
    set(CURLOPT_USERAGENT, "garboard")
    set(CURLOPT_NETRC, 0)
    if let authorities {
      set(CURLOPT_CAINFO, authorities)
      _ = garboard_curl_set_string(handle, CURLOPT_CAPATH, nil)
    }
    if !verifiesPeer {
      set(CURLOPT_SSL_VERIFYPEER, 0)
      set(CURLOPT_SSL_VERIFYHOST, 0)
    }
    try setFields(request)
    setBody(request)
    takeData()
    guard curl_multi_add_handle(connections.multi, handle) == CURLM_OK else {
      throw FetchError(url, .connection("libcurl could not be started"))
    }
    isAdded = true
  }

  deinit {
    if isAdded { curl_multi_remove_handle(connections.multi, handle) }
    curl_easy_cleanup(handle)
    curl_slist_free_all(fields)
    errorText.deallocate()
    if isAdded { giveBack(connections) }
  }

  private func set(_ option: CURLoption, _ value: Int) { _ = garboard_curl_set_long(handle, option, value) }
  private func set(_ option: CURLoption, _ value: String) {
    _ = garboard_curl_set_string(handle, option, value)
  }

  private func setFields(_ request: HTTPRequest) throws(FetchError) {
    for field in request.fields {
      // Nothing that came from elsewhere may begin another field.
      guard field.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
        throw FetchError(url, .malformedURL("the field \(field.name) would have a control character"))
      }
      // libcurl takes a semicolon for a field without value.
      fields = curl_slist_append(
        fields, field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
    }
    // Without a round trip before content is sent.
    fields = curl_slist_append(fields, "Expect:")
    _ = garboard_curl_set_pointer(handle, CURLOPT_HTTPHEADER, fields)
  }

  private func setBody(_ request: HTTPRequest) {
    switch request.body {
    case nil where request.method == "HEAD": set(CURLOPT_NOBODY, 1)
    case nil where request.method == "GET": set(CURLOPT_HTTPGET, 1)
    case nil: set(CURLOPT_CUSTOMREQUEST, request.method)
    case .bytes(let bytes): send(BytesSource(bytes), UInt64(bytes.count), request.method)
    case .source(let source, let count): send(source, count, request.method)
    }
  }

  private func send(_ source: any ByteSource, _ count: UInt64, _ method: String) {
    sending = Sending(source: source, left: count, mayBeCut: count > 0)
    set(CURLOPT_UPLOAD, 1)
    set(CURLOPT_CUSTOMREQUEST, method)
    _ = garboard_curl_set_offset(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(clamping: count))
    _ = garboard_curl_set_pointer(handle, CURLOPT_READDATA, Unmanaged.passUnretained(self).toOpaque())
    _ = garboard_curl_set_read(handle) { bytes, size, count, context in
      guard let bytes, let context else { return Int(CURL_READFUNC_ABORT) }
      let response = Unmanaged<HTTPResponse>.fromOpaque(context).takeUnretainedValue()
      return response.give(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
    }
  }

  private func takeData() {
    _ = garboard_curl_set_pointer(handle, CURLOPT_WRITEDATA, Unmanaged.passUnretained(self).toOpaque())
    _ = garboard_curl_set_write(handle) { bytes, size, count, context in
      guard let bytes, let context else { return 0 }
      let response = Unmanaged<HTTPResponse>.fromOpaque(context).takeUnretainedValue()
      response.hasStarted = true
      let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
      return response.buffer.take(piece) ? piece.count : Int(CURL_WRITEFUNC_PAUSE)
    }
  }

  /// Gives libcurl what is to be sent.
  private func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
    guard let sending, sending.left > 0 else { return 0 }
    do {
      let part = UnsafeMutableRawBufferPointer(
        rebasing: room.prefix(Int(min(UInt64(room.count), sending.left))))
      let count = try sending.source.read(into: part)
      if count == 0 { throw FetchError(url, .connection("what was to be sent ended early")) }
      self.sending?.left -= UInt64(count)
      return count
    } catch {
      self.sending?.failure = error
      return Int(CURL_READFUNC_ABORT)
    }
  }

  func waitForHeader() throws { while !hasStarted, !isFinished { try work() } }

  /// Reads the content on: at least one byte; 0 at the end.
  ///
  /// - Throws: `FetchError` when it can't go on.
  public func read(into room: UnsafeMutableRawBufferPointer) throws -> Int {
    if room.isEmpty { return 0 }
    buffer.destination = room
    buffer.filled = 0
    defer { buffer.destination = UnsafeMutableRawBufferPointer(start: nil, count: 0) }
    while true {
      buffer.drain()
      if buffer.filled > 0 || isFinished { return buffer.filled }
      if buffer.resume() { curl_easy_pause(handle, CURLPAUSE_CONT) }
      if buffer.filled > 0 { continue }
      try work()
    }
  }

  private func work() throws {
    let mayBeCut = sending?.mayBeCut == true
    if mayBeCut, Ending.isUnderway { throw PosixError("send to", url, .canceled) }
    var running: Int32 = 0
    let wasStarted = hasStarted
    var code = curl_multi_perform(connections.multi, &running)
    if code == CURLM_OK, running > 0, buffer.filled == 0, wasStarted == hasStarted {
      code = curl_multi_poll(connections.multi, nil, 0, mayBeCut ? 200 : 1000, nil)
    }
    guard code == CURLM_OK else {
      throw FetchError(url, .connection(String(cString: curl_multi_strerror(code))))
    }
    var left: Int32 = 0
    while let message = curl_multi_info_read(connections.multi, &left) {
      guard message.pointee.msg == CURLMSG_DONE else { continue }
      isFinished = true
      let result = garboard_curl_result(message)
      if result == CURLE_OK { continue }
      if let failure = sending?.failure { throw failure }
      throw FetchError(url, failure(result, of: handle, text: errorText, stallTimeout: stallTimeout))
    }
  }

  // MARK: The header

  /// The status code.
  public var status: Int {
    var code = 0
    _ = garboard_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &code)
    return code
  }

  /// The value of a field; the first, where there are several.
  public func field(_ name: String) -> String? { fields(name).first }

  /// The values of all fields of a name, in their order.
  public func fields(_ name: String) -> [String] {
    var values: [String] = []
    var found: UnsafeMutablePointer<curl_header>?
    while curl_easy_header(handle, name, values.count, UInt32(CURLH_HEADER), -1, &found) == CURLHE_OK,
      let value = found?.pointee.value
    {
      values.append(String(cString: value))
    }
    return values
  }

  /// How many bytes of content come, where the header says it.
  public var contentLength: UInt64? { field("content-length").flatMap { UInt64($0) } }

  /// Where a partial answer begins in the whole: its first byte (RFC 9110, section 14.4).
  public var rangeStart: UInt64? { field("content-range").flatMap(ContentRange.init)?.first }

  /// Reads all of the content.
  ///
  /// - Throws: `FetchError`, also when there are more than `limit` bytes.
  public func readAll(limit: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16 << 10)
    while case let count = try piece.withUnsafeMutableBytes({ try read(into: $0) }), count > 0 {
      if bytes.count + count > limit {
        throw FetchError(url, .tooLarge(limit: limit))
      }
      bytes += piece[..<count]
    }
    return bytes
  }

  /// The wait that the server asks for (`Retry-After`, a number or a time), in seconds.
  public var retryAfter: UInt64? {
    var seconds: curl_off_t = 0
    _ = garboard_curl_get_offset(handle, CURLINFO_RETRY_AFTER, &seconds)
    return UInt64(exactly: seconds)
  }
}
