import CCurl
import Glibc

/// Where the bytes of one download go, and what they must be.
public protocol DownloadTarget: AnyObject {
  /// The addresses that have the file; the next one is asked when one fails.
  var urls: [String] { get }
  /// The size that the file must have, in bytes.
  var size: UInt64 { get }
  /// How many bytes are there already, of an earlier try.
  var received: UInt64 { get }
  /// Takes the next bytes.
  func receive(_ bytes: UnsafeRawBufferPointer) throws
  /// Drops what was received.
  func restart() throws
  /// Takes note that all bytes are there; false when they are not what they must be.
  func finish() throws -> Bool
}

/// Downloads several files at once over few connections, which are used again and again (libcurl's multi
/// interface, in the thread that calls).
///
/// A transfer that breaks goes on where it was, after a wait that grows; one that brings the wrong bytes
/// is begun again once, at the next address if there is one.
public final class Downloader {
  private final class Job {
    let target: any DownloadTarget
    var place = 0
    var retry = 0
    var restarts = 0
    /// Whether what came began as HTML does.
    var isPage = false
    var start = ContinuousClock.now
    var transfer: Transfer?
    var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    init(_ target: any DownloadTarget) { self.target = target }
    deinit { buffer.deallocate() }

    var url: String { target.urls[min(place, target.urls.count - 1)] }
  }

  private let options: TransferOptions
  private let connections: Int
  private let multi: UnsafeMutableRawPointer
  private let onBytes: (Int) -> Void

  /// A downloader.
  ///
  /// - Parameters:
  ///   - connections: how many transfers run at once.
  ///   - onBytes: is told how many bytes have come since the last call; negative when some are dropped.
  /// - Throws: `FetchError` when libcurl can't be started.
  public init(
    options: TransferOptions = TransferOptions(), connections: Int = 6,
    onBytes: @escaping (Int) -> Void = { _ in }
  ) throws(FetchError) {
    guard CurlLibrary.isReady, let multi = curl_multi_init() else {
      throw FetchError("", .connection("libcurl could not be started"))
    }
    self.multi = multi
    self.options = options
    self.connections = max(1, connections)
    self.onBytes = onBytes
  }

  deinit { curl_multi_cleanup(multi) }

  /// Downloads all of `targets`.
  ///
  /// - Throws: `FetchError` for the first that fails for good, and what the targets throw. What has come by
  ///   then stays with the targets.
  public func run(_ targets: [any DownloadTarget]) throws {
    var waiting = targets.map(Job.init)
    var active: [Job] = []
    defer { for job in active { if let transfer = job.transfer { remove(transfer) } } }
    while !waiting.isEmpty || !active.isEmpty {
      let now = ContinuousClock.now
      while active.count < connections, let index = waiting.firstIndex(where: { $0.start <= now }) {
        let job = waiting.remove(at: index)
        // An empty file, and one whose bytes had all come before.
        if job.target.received == job.target.size {
          if try job.target.finish() { continue }
          onBytes(-Int(job.target.received))
          try job.target.restart()
        }
        try begin(job)
        active.append(job)
      }
      var running: Int32 = 0
      var code = curl_multi_perform(multi, &running)
      var hasMoved = false
      for job in active where try move(job) { hasMoved = true }
      let ended = finished()
      for (handle, result) in ended {
        guard let index = active.firstIndex(where: { $0.transfer?.handle == handle }) else { continue }
        let job = active.remove(at: index)
        if try end(job, result) { waiting.append(job) }
      }
      if code == CURLM_OK, !hasMoved, ended.isEmpty {
        code = curl_multi_poll(multi, nil, 0, active.isEmpty ? 20 : 200, nil)
      }
      guard code == CURLM_OK else {
        throw FetchError(
          active.first.map { withoutCredentials($0.url) } ?? "",
          .connection(String(cString: curl_multi_strerror(code))))
      }
    }
  }

  private func begin(_ job: Job) throws {
    let received = job.target.received
    let resume = Transfer.Resume(
      offset: received, validator: FileVersion(), total: job.target.size, isChecked: true)
    let transfer = try Transfer(job.url, options, resume: received > 0 ? resume : nil)
    if job.buffer.isEmpty { job.buffer = .allocate(byteCount: 256 << 10, alignment: 16) }
    transfer.buffer.destination = job.buffer
    transfer.buffer.filled = 0
    job.transfer = transfer
    guard curl_multi_add_handle(multi, transfer.handle) == CURLM_OK else {
      throw FetchError(withoutCredentials(job.url), .connection("libcurl could not be started"))
    }
  }

  private func remove(_ transfer: Transfer) { curl_multi_remove_handle(multi, transfer.handle) }

  /// Hands what has come to the target; false when nothing has.
  private func move(_ job: Job) throws -> Bool {
    guard let transfer = job.transfer else { return false }
    var hasMoved = false
    while transfer.buffer.filled > 0 {
      hasMoved = true
      let count = transfer.buffer.filled
      let bytes = UnsafeRawBufferPointer(rebasing: job.buffer[..<count])
      let total = job.target.received + UInt64(count)
      if job.target.received == 0 { job.isPage = bytes.first { $0 > 0x20 } == 0x3c }
      if total > job.target.size {
        throw FetchError(
          withoutCredentials(job.url),
          .wrongSize(expected: job.target.size, received: transfer.total ?? total, isPage: job.isPage))
      }
      // A page instead of the file shows at once, where the server says how long it is.
      if job.target.received == 0, let announced = transfer.total, announced != job.target.size {
        throw FetchError(
          withoutCredentials(job.url),
          .wrongSize(expected: job.target.size, received: announced, isPage: job.isPage))
      }
      try job.target.receive(bytes)
      onBytes(count)
      job.retry = 0
      transfer.buffer.filled = 0
      transfer.buffer.drain()
      if transfer.buffer.filled == 0 { transfer.unpause() }
    }
    return hasMoved
  }

  private func finished() -> [(UnsafeMutableRawPointer, CURLcode)] {
    var list: [(UnsafeMutableRawPointer, CURLcode)] = []
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      if message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle {
        list.append((handle, garboard_curl_result(message)))
      }
    }
    return list
  }

  /// Judges the end of a transfer; true when the job is to be begun again.
  private func end(_ job: Job, _ result: CURLcode) throws -> Bool {
    guard let transfer = job.transfer else { return false }
    while try move(job) {}
    var failure = transfer.outcome(result)
    let asked = transfer.serverAsksForDelay
    remove(transfer)
    job.transfer = nil
    let shown = withoutCredentials(job.url)
    let target = job.target
    if target.received == target.size {
      if try target.finish() { return false }
      return try again(job, FetchError(shown, .wrongDigest))
    }
    if failure == nil {
      // An end without an error before the file's end, where the server did not say how long it is. When it
      // did, the whole answer is shorter than the file.
      if transfer.total == nil, !job.isPage {
        failure = FetchError(shown, .connection("the connection ended after \(target.received) bytes"))
      } else {
        failure = FetchError(
          shown, .wrongSize(expected: target.size, received: target.received, isPage: job.isPage))
      }
    }
    guard let failure else { return false }
    switch failure.reason {
    case .changed: return try again(job, failure)
    case _ where failure.isTransient && job.retry < options.retries:
      let delay = options.delay(job.retry, serverAsks: asked)
      job.retry += 1
      job.start = ContinuousClock.now + delay
      options.onRetry?(failure, delay)
      return true
    default: return try elsewhere(job, failure)
    }
  }

  /// Begins again from nothing, once.
  private func again(_ job: Job, _ failure: FetchError) throws -> Bool {
    onBytes(-Int(job.target.received))
    try job.target.restart()
    if job.restarts > 0 { return try elsewhere(job, failure) }
    job.restarts += 1
    if job.place + 1 < job.target.urls.count { job.place += 1 }
    options.onRetry?(failure, .zero)
    return true
  }

  private func elsewhere(_ job: Job, _ failure: FetchError) throws -> Bool {
    guard job.place + 1 < job.target.urls.count else { throw failure }
    job.place += 1
    job.retry = 0
    options.onRetry?(failure, .zero)
    return true
  }
}
