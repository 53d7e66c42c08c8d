import Fetch
import Glibc
import Posix
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite("Downloads")
struct HTTPSourceTests {
  /// Bytes without a period, so that a wrong offset shows.
  static func pattern(_ count: Int) -> [UInt8] {
    var state: UInt32 = 1
    return (0..<count).map { _ in
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(state >> 24)
    }
  }

  func all(_ source: HTTPSource, buffer size: Int = 65_536) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: size)
    while true {
      let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
      if count == 0 { return bytes }
      bytes += buffer.prefix(count)
    }
  }

  var quick: TransferOptions {
    var options = TransferOptions()
    options.firstDelay = .milliseconds(1)
    return options
  }

  func failure(_ url: String, _ options: TransferOptions) -> FetchError? {
    do {
      _ = try all(HTTPSource(url, options: options))
      return nil
    } catch { return error as? FetchError }
  }

  @Test("The bytes are those of the server, whatever the buffer's size", arguments: [1, 7, 4096, 1 << 20])
  func bytes(_ size: Int) throws {
    let body = Self.pattern(size == 1 ? 20_000 : 3_000_000)
    let server = try ScriptedServer { $0.answer("200 OK", [], body) }
    let source = try HTTPSource(server.url(), options: quick)
    try source.open()
    #expect(source.totalSize == UInt64(body.count))
    #expect(source.received == 0)
    #expect(try all(source, buffer: size) == body)
    #expect(source.received == UInt64(body.count))
    // The end stays the end.
    #expect(try all(source) == [])
    #expect(server.requests.count == 1)
  }

  @Test(
    "Only another version is sent than one that is known",
    arguments: [
      (FileVersion(tag: "\"a\"", modified: "x"), "if-none-match"),
      (FileVersion(modified: "x"), "if-modified-since"),
    ])
  func known(_ version: FileVersion, _ field: String) throws {
    let server = try ScriptedServer { connection in
      let isKnown = connection.header(field) == (version.tag ?? version.modified)
      connection.answer(isKnown ? "304 Not Modified" : "200 OK", ["ETag: \"b\""], isKnown ? [] : [1])
    }
    let source = try HTTPSource(server.url(), options: quick, unless: version)
    #expect(try all(source) == [])
    #expect(source.isUnchanged)
    let other = try HTTPSource(server.url(), options: quick, unless: FileVersion(tag: "\"c\""))
    #expect(try all(other) == [1])
    #expect(!other.isUnchanged)
    #expect(other.version.tag == "\"b\"")
  }

  @Test("A server that says that a file is unchanged, which nobody has, is wrong")
  func unasked() throws {
    let server = try ScriptedServer { $0.answer("304 Not Modified") }
    #expect(failure(server.url(), quick)?.reason == .status(304))
  }

  @Test("An empty file, and a body without a length")
  func lengths() throws {
    let empty = try ScriptedServer { $0.answer("200 OK") }
    let source = try HTTPSource(empty.url(), options: quick)
    try source.open()
    #expect(source.totalSize == 0)
    #expect(try all(source) == [])
    let chunked = try ScriptedServer {
      $0.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    }
    let other = try HTTPSource(chunked.url(), options: quick)
    #expect(try all(other) == Array("abcde".utf8))
    #expect(other.totalSize == nil)
  }

  @Test("A slow reader does not make memory grow: the server is held back")
  func backpressure() throws {
    let sent = SentCount()
    let piece = Self.pattern(1 << 20)
    let server = try ScriptedServer { connection in
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(64 << 20)\r\n\r\n")
      for _ in 0..<64 {
        connection.send(piece)
        sent.value.withLock { $0 += 1 }
      }
    }
    let source = try HTTPSource(server.url(), options: quick)
    var buffer = [UInt8](repeating: 0, count: 1000)
    _ = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
    usleep(300_000)
    _ = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
    // What the kernel's buffers hold, and no more.
    #expect(sent.value.withLock { $0 } < 32)
    var count = 2000
    var large = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let got = try large.withUnsafeMutableBytes { try source.read(into: $0) }
      if got == 0 { break }
      count += got
    }
    #expect(source.received == 64 << 20)
  }

  final class SentCount: Sendable { let value = Mutex(0) }

  @Test("Redirects are followed, a bounded number of times")
  func redirects() throws {
    let server = try ScriptedServer { connection in
      if connection.request.hasPrefix("GET /end ") {
        connection.answer("200 OK", [], Array("done".utf8))
      } else {
        let step = connection.request.hasPrefix("GET /loop") ? "/loop" : "/end"
        connection.answer("302 Found", ["Location: \(step)"], Array("elsewhere".utf8))
      }
    }
    #expect(try all(HTTPSource(server.url("/start"), options: quick)) == Array("done".utf8))
    let error = failure(server.url("/loop"), quick)
    #expect(error?.reason == .refusedRedirect("it redirects too often"))
    #expect(server.requests.count == 2 + 11)
  }

  @Test(
    "A redirect to a file or another protocol is refused",
    arguments: ["file:///etc/passwd", "ftp://127.0.0.1/x"])
  func redirectElsewhere(_ target: String) throws {
    let server = try ScriptedServer { $0.answer("302 Found", ["Location: \(target)"]) }
    #expect(failure(server.url(), quick)?.reason == .refusedRedirect("it redirects to \(target)"))
    #expect(server.requests.count == 1)
  }

  @Test(
    "An error status is an error with the URL, and not tried again", arguments: [400, 401, 403, 404, 410])
  func status(_ code: Int) throws {
    let server = try ScriptedServer { $0.answer("\(code) No", [], Array("a page".utf8)) }
    let error = failure(server.url("/x.tar"), quick)
    #expect(error?.reason == .status(code))
    #expect(
      error?.description.hasPrefix("can't fetch \(server.url("/x.tar")): the server answered \(code) ")
        == true)
    #expect(server.requests.count == 1)
  }

  @Test("An overloaded server is asked again, so often and not oftener")
  func retries() throws {
    let server = try ScriptedServer { connection in
      if connection.number < 3 {
        connection.answer("503 Service Unavailable")
      } else {
        connection.answer("200 OK", [], Array("at last".utf8))
      }
    }
    let log = RetryLog()
    var options = quick
    options.onRetry = { error, _ in log.reasons.withLock { $0.append(error.reason) } }
    #expect(try all(HTTPSource(server.url(), options: options)) == Array("at last".utf8))
    #expect(log.reasons.withLock { $0 } == [.status(503), .status(503), .status(503)])

    let never = try ScriptedServer { $0.answer("503 Service Unavailable") }
    #expect(failure(never.url(), quick)?.reason == .status(503))
    #expect(never.requests.count == 5)
  }

  final class RetryLog: Sendable { let reasons = Mutex<[FetchError.Reason]>([]) }

  @Test("A server that asks for time gets it")
  func retryAfter() throws {
    let server = try ScriptedServer { connection in
      if connection.number == 0 {
        connection.answer("429 Too Many Requests", ["Retry-After: 1"])
      } else {
        connection.answer("200 OK", [], [1])
      }
    }
    let start = ContinuousClock.now
    #expect(try all(HTTPSource(server.url(), options: quick)) == [1])
    #expect(ContinuousClock.now - start >= .seconds(1))
  }

  @Test("A broken connection goes on where it was, with the version that it began with")
  func resume() throws {
    let body = Self.pattern(1_000_000)
    let server = try ScriptedServer { connection in
      let start = connection.header("range").flatMap { Int($0.dropFirst(6).dropLast()) } ?? 0
      let status = start == 0 ? "200 OK" : "206 Partial Content"
      var headers = "HTTP/1.1 \(status)\r\nContent-Length: \(body.count - start)\r\nETag: \"v1\"\r\n"
      if start > 0 { headers += "Content-Range: bytes \(start)-\(body.count - 1)/\(body.count)\r\n" }
      connection.send(headers + "\r\n")
      connection.send(Array(body[start..<min(body.count, start + 300_000)]))
    }
    #expect(try all(HTTPSource(server.url(), options: quick)) == body)
    #expect(server.requests.count == 4)
    #expect(server.requests.dropFirst().allSatisfy { $0.contains("If-Range: \"v1\"\r\n") })
  }

  @Test("A server without ranges sends it all again, and the part that is there is passed over")
  func resumeWithoutRanges() throws {
    let body = Self.pattern(500_000)
    let server = try ScriptedServer { connection in
      connection.send(
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\nLast-Modified: Tue, 01 Jul 2025 10:00:00 GMT\r\n\r\n"
      )
      connection.send(connection.number == 0 ? Array(body.prefix(200_000)) : body)
    }
    #expect(try all(HTTPSource(server.url(), options: quick)) == body)
    #expect(server.requests.count == 2)
  }

  @Test("Two versions are never mixed", arguments: ["200 OK", "206 Partial Content"])
  func changed(_ status: String) throws {
    let server = try ScriptedServer { connection in
      if connection.number == 0 {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: \"v1\"\r\n\r\n")
        connection.send([UInt8](repeating: 1, count: 400))
      } else {
        let part = ["ETag: \"v2\"", "Content-Range: bytes 400-999/1000"]
        connection.answer(status, part, [UInt8](repeating: 2, count: status.hasPrefix("206") ? 600 : 1000))
      }
    }
    #expect(failure(server.url(), quick)?.reason == .changed(received: 400))
    #expect(server.requests.count == 2)
  }

  @Test("A range that was not asked for is refused")
  func wrongRange() throws {
    let server = try ScriptedServer { connection in
      if connection.number == 0 {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: \"v1\"\r\n\r\n")
        connection.send([UInt8](repeating: 1, count: 400))
      } else {
        connection.answer(
          "206 Partial Content", ["ETag: \"v1\"", "Content-Range: bytes 300-999/1000"],
          [UInt8](repeating: 2, count: 700))
      }
    }
    #expect(failure(server.url(), quick)?.reason == .changed(received: 400))
  }

  @Test("Without a version to compare, a broken download is an error")
  func noValidator() throws {
    let server = try ScriptedServer { connection in
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
      connection.send([UInt8](repeating: 1, count: 400))
    }
    let error = failure(server.url(), quick)
    #expect(error?.isTransient == true)
    #expect(server.requests.count == 1)
  }

  @Test("A server that stalls is left")
  func stalled() throws {
    let server = try ScriptedServer { connection in
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
      connection.hold()
    }
    var options = quick
    options.stallTimeout = 1
    options.retries = 0
    #expect(failure(server.url(), options)?.reason == .stalled(seconds: 1))
  }

  @Test("Nobody listens")
  func refused() throws {
    let port = try ScriptedServer { _ in }.port
    var options = quick
    options.retries = 1
    let error = failure("http://127.0.0.1:\(port)/", options)
    guard case .connection(let words) = error?.reason else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(words.contains("Failed to connect") || words.contains("Could not connect"))
  }

  @Test(
    "Texts that are no URL that is fetched",
    arguments: ["", "x.tar", "/etc/passwd", "ftp://host/x", "http://", "http://[x/", "gopher://x/"])
  func malformed(_ text: String) {
    let error = failure(text, quick)
    guard case .malformedURL = error?.reason else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("A password is sent and never shown")
  func credentials() throws {
    let server = try ScriptedServer { $0.answer("403 Forbidden") }
    let url = "http://me:secret@127.0.0.1:\(server.port)/x"
    let error = failure(url, quick)
    #expect(error?.url == "http://127.0.0.1:\(server.port)/x")
    #expect(error.map { !"\($0)".contains("secret") } == true)
    // Basic, of "me:secret".
    #expect(server.requests.first?.contains("Authorization: Basic bWU6c2VjcmV0\r\n") == true)
  }

  @Test("A password stays with its host")
  func credentialsAcrossRedirect() throws {
    let other = try ScriptedServer { $0.answer("200 OK", [], [1]) }
    let target = "http://localhost:\(other.port)/x"
    let server = try ScriptedServer { $0.answer("302 Found", ["Location: \(target)"]) }
    _ = try all(HTTPSource("http://me:secret@127.0.0.1:\(server.port)/x", options: quick))
    #expect(other.requests.count == 1)
    #expect(other.requests.first?.contains("Authorization") == false)
  }

  @Test("A proxy of the environment is used")
  func proxy() async {
    // In a process of its own: an environment is everybody's.
    await #expect(processExitsWith: .success) {
      let proxy = try ScriptedServer {
        $0.answer("200 OK", [], Array($0.request.prefix { $0 != "\r\n" }.utf8))
      }
      setenv("http_proxy", "http://127.0.0.1:\(proxy.port)", 1)
      unsetenv("no_proxy")
      let source = try HTTPSource("http://archive.example.org/x")
      var buffer = [UInt8](repeating: 0, count: 1000)
      let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
      let asked = String(decoding: buffer.prefix(count), as: UTF8.self)
      try #require(asked == "GET http://archive.example.org/x HTTP/1.1")
    }
  }
}
