import Digest
import Fetch
import Image
import OCI
import Posix
import SystemPackage

/// Sends one blob to a repository that may have it already.
///
/// Small ones go in one request. Large ones go in pieces, and after a failure they go on where the registry
/// says that it is; where it doesn't know the upload any more, the blob is sent from its start.
struct BlobUpload {
  private let client: RegistryClient
  private let blob: BlobToCopy
  private let scopes: Set<Scope>
  private var size: UInt64 { blob.descriptor.size }
  private var digest: Digest { blob.descriptor.digest }

  init(_ blob: BlobToCopy, _ client: RegistryClient) {
    self.blob = blob
    self.client = client
    scopes = [.push(client.endpoint.repository)]
  }

  /// Whether the repository has it, and it has the right size where the registry says one.
  func isThere() throws -> Bool {
    let response = try client.send("HEAD", client.url("blobs/\(digest)"), scopes: scopes)
    switch response.status {
    case 200:
      if let found = response.contentLength, found != size {
        throw client.error(
          .protocolViolation("has the blob \(digest) with \(found) bytes instead of \(size)"))
      }
      return true
    case 404: return false
    default: throw client.refused("HEAD of a blob", response)
    }
  }

  /// Brings it there.
  ///
  /// When this process is being ended, what has begun is cancelled: see `Ending`.
  func run(mountingFrom other: String?) throws -> BlobOutcome {
    if try isThere() { return .present }
    let hold = Ending.Hold()
    defer { withExtendedLifetime(hold) {} }
    var feed = Feed(blob)
    var start: ServerURL
    switch try begin(mountingFrom: other) {
    case nil: return .mounted
    case let location?: start = location
    }
    do {
      return try send(&feed, to: &start)
    } catch {
      cancel(start)
      throw error
    }
  }

  /// Tells the registry that an upload won't be gone on with, so that it needn't keep what it has.
  private func cancel(_ url: ServerURL) {
    // What is wrong was told already, and a registry without this forgets uploads in time.
    _ = try? client.send("DELETE", url, scopes: scopes, retries: 0)
  }

  /// Sends all of it, whatever it takes.
  private func send(_ feed: inout Feed, to start: inout ServerURL) throws -> BlobOutcome {
    var retry = 0
    while true {
      do {
        try send(&feed, to: &start, &retry)
        return .moved(again: nil)
      } catch let problem as Interruption {
        guard retry < client.settings.retries else { throw problem.error }
        client.settings.notice("\(problem.error); trying again")
        var options = TransferOptions()
        options.retries = client.settings.retries
        options.pause(retry, serverAsks: problem.asked)
        retry += 1
        if try !resume(&feed, at: &start) {
          // It may have been the answer alone that was lost.
          if try isThere() { return .moved(again: nil) }
          cancel(start)
          guard let location = try begin(mountingFrom: nil) else { return .mounted }
          start = location
          feed.rewind(to: 0)
        }
      }
    }
  }

  /// Something that may pass.
  private struct Interruption: Error {
    var error: RegistryError
    /// The wait that the registry asks for, in seconds.
    var asked: UInt64?
  }

  /// Begins an upload; nil when the blob was taken from another repository instead.
  private func begin(mountingFrom other: String?) throws -> ServerURL? {
    var query: [(name: String, value: String)] = []
    var scopes = scopes
    if let other {
      query = [("mount", digest.description), ("from", other)]
      scopes.insert(.pull(other))
    }
    let url = try client.url("blobs/uploads/", query)
    let response = try client.send("POST", url, scopes: scopes) { .bytes([]) }
    switch response.status {
    case 201 where other != nil: return nil
    case 202: return try location(of: response, from: url)
    // Whom the other repository is closed to may still write to this one.
    case 401, 403, 404:
      if other != nil { return try begin(mountingFrom: nil) }
      throw client.refused("POST of an upload", response)
    default: throw client.refused("POST of an upload", response)
    }
  }

  private func location(of response: HTTPResponse, from url: ServerURL) throws -> ServerURL {
    guard let text = response.field("location") else {
      throw client.error(.protocolViolation("began an upload without saying where"))
    }
    return try client.follow(text, from: url)
  }

  /// Sends what is missing, in one piece or several, and closes the upload.
  private func send(_ feed: inout Feed, to url: inout ServerURL, _ retry: inout Int) throws {
    if size > client.settings.chunkSize {
      while feed.offset < size {
        let start = feed.offset
        let count = min(client.settings.chunkSize, size - start)
        let response = try attempt(
          "PATCH", url, [("Content-Range", "\(start)-\(start + count - 1)")], &feed, count: count)
        guard response.status == 202 else { throw try problem("PATCH of an upload", response) }
        url = try location(of: response, from: url)
        retry = 0
        if let end = Self.end(response), end != start + count { feed.rewind(to: min(end, size)) }
      }
    }
    let rest = size - feed.offset
    let closing = url.adding([("digest", digest.description)])
    let response = try attempt("PUT", closing, [], &feed, count: rest)
    guard response.status == 201 else { throw try problem("PUT of an upload", response) }
  }

  /// One request with a part of the blob. It is sent once more where the registry wants other credentials.
  private func attempt(
    _ method: String, _ url: ServerURL, _ fields: [(name: String, value: String)], _ feed: inout Feed,
    count: UInt64
  ) throws -> HTTPResponse {
    if Ending.isUnderway { throw PosixError("send", "\(digest)", .canceled) }
    let start = feed.offset
    // The closure outlives the call in no way; it needs a reference all the same.
    let box = FeedBox(feed)
    defer { feed = box.feed }
    do {
      return try client.send(
        method, url, fields + [("Content-Type", "application/octet-stream")], scopes: scopes, retries: 0
      ) {
        if count == 0 {
          try box.feed.checkEnd()
          return .bytes([])
        }
        try box.feed.seek(to: start)
        return .source(FeedPart(box, count: count), count: count)
      }
    } catch let error as RegistryError {
      guard case .fetch(let failure) = error.reason, failure.isTransient else { throw error }
      throw Interruption(error: error, asked: nil)
    }
  }

  /// What an answer means that is not the one wanted: an interruption where the upload can go on or anew.
  private func problem(_ request: String, _ response: HTTPResponse) throws -> any Error {
    let error = client.refused(request, response)
    let mayPass = [404, 408, 416, 429, 500, 502, 503, 504].contains(response.status)
    return mayPass ? Interruption(error: error, asked: response.retryAfter) : error
  }

  /// Asks where an upload stands; false when it is to begin anew.
  private func resume(_ feed: inout Feed, at url: inout ServerURL) throws -> Bool {
    if size <= client.settings.chunkSize { return false }
    let response = try client.send("GET", url, scopes: scopes)
    guard response.status == 204, let end = Self.end(response), end <= size else { return false }
    if let text = response.field("location") { url = try client.follow(text, from: url) }
    feed.rewind(to: end)
    return true
  }

  /// How many bytes a registry has of an upload: `Range: 0-N` names the last of them. `0-0` is what registries
  /// say of an empty upload.
  private static func end(_ response: HTTPResponse) -> UInt64? {
    guard let range = response.field("range") else { return nil }
    let text = range.hasPrefix("bytes=") ? range.dropFirst(6) : range[...]
    guard text.hasPrefix("0-"), let last = UInt64(text.dropFirst(2)), last < .max else { return nil }
    return last == 0 ? 0 : last + 1
  }
}

/// A blob that is sent from any of its bytes on.
private struct Feed {
  private let blob: BlobToCopy
  private var source: (any ByteSource)?
  /// Where the source stands.
  private var position: UInt64 = 0
  /// The next byte that the registry needs.
  private(set) var offset: UInt64 = 0

  init(_ blob: BlobToCopy) { self.blob = blob }

  /// Notes what the registry has.
  mutating func rewind(to offset: UInt64) { self.offset = offset }

  mutating func seek(to target: UInt64) throws {
    offset = target
    if source != nil, position == target { return }
    if position > target || source == nil {
      // What is passed over below is counted, as what was sent.
      blob.progress(Int(clamping: target) - Int(clamping: position))
      source = try blob.open()
      position = 0
    }
    try withUnsafeTemporaryAllocation(byteCount: 256 << 10, alignment: 4096) { buffer in
      while position < target {
        let count = Int(min(UInt64(buffer.count), target - position))
        let got = try source?.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])) ?? 0
        if got == 0 { break }
        position += UInt64(got)
      }
    }
  }

  /// Reads on, and at the end lets the source verify all of it before the last bytes are given.
  mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let got = try source?.read(into: buffer) ?? 0
    position += UInt64(got)
    offset = position
    blob.progress(got)
    if position == blob.descriptor.size { try checkEnd() }
    return got
  }

  /// Lets the source verify the whole, which must have been read.
  mutating func checkEnd() throws {
    if source == nil { try seek(to: blob.descriptor.size) }
    _ = try withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { try source?.read(into: $0) }
  }
}

/// A feed that a request's content is read from while it is sent.
private final class FeedBox {
  var feed: Feed
  init(_ feed: Feed) { self.feed = feed }
}

/// A part of a feed.
private final class FeedPart: ByteSource {
  private let box: FeedBox
  private var left: UInt64

  init(_ box: FeedBox, count: UInt64) {
    self.box = box
    left = count
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = Int(min(UInt64(buffer.count), left))
    if count == 0 { return 0 }
    let got = try box.feed.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
    left -= UInt64(got)
    return got
  }
}
