import Fetch
import Posix
import TestSupport
import Testing

@Suite("Several downloads at once")
struct DownloaderTests {
  /// A target in memory that must be certain bytes.
  final class Memory: DownloadTarget {
    let urls: [String]
    let expected: [UInt8]
    private(set) var bytes: [UInt8] = []
    private(set) var isDone = false
    private(set) var restarts = 0

    init(_ urls: [String], _ expected: [UInt8], already: Int = 0) {
      self.urls = urls
      self.expected = expected
      bytes = Array(expected.prefix(already))
    }

    var size: UInt64 { UInt64(expected.count) }
    var received: UInt64 { UInt64(bytes.count) }
    func receive(_ more: UnsafeRawBufferPointer) { bytes += more }
    func restart() {
      bytes = []
      restarts += 1
    }
    func finish() -> Bool {
      isDone = bytes == expected
      return isDone
    }
  }

  private var quick: TransferOptions {
    var options = TransferOptions()
    options.firstDelay = .milliseconds(1)
    options.retries = 2
    return options
  }

  private static func body(_ number: Int) -> [UInt8] {
    Array(HTTPSourceTests.pattern(700_000).dropFirst(number).prefix(600_000 - number * 1000))
  }

  /// The number in a path like `/7`.
  private static func number(_ connection: ScriptedServer.Connection) -> Int {
    let path = connection.request.split(separator: " ").dropFirst().first ?? ""
    return Int(path.dropFirst()) ?? 0
  }

  private func failure(_ target: Memory) -> FetchError? {
    do {
      try Downloader(options: quick).run([target])
      return nil
    } catch { return error as? FetchError }
  }

  @Test("Each file gets its own bytes, and they are counted", arguments: [1, 4, 100])
  func many(_ connections: Int) throws {
    let server = try ScriptedServer { $0.answer("200 OK", [], Self.body(Self.number($0))) }
    let targets = (0..<12).map { Memory([server.url("/\($0)")], Self.body($0)) } + [Memory(["x"], [])]
    var counted = 0
    try Downloader(options: quick, connections: connections) { counted += $0 }.run(targets)
    for target in targets { #expect(target.isDone) }
    #expect(counted == targets.reduce(0) { $0 + $1.expected.count })
  }

  @Test("What is there already is not asked for; a server that sends all again is no harm")
  func resume() throws {
    let body = Self.body(0)
    let ranged = try ScriptedServer { connection in
      let start = connection.header("range").flatMap { Int($0.dropFirst(6).dropLast()) } ?? 0
      connection.answer(
        "206 Partial Content", ["Content-Range: bytes \(start)-\(body.count - 1)/\(body.count)"],
        Array(body[start...]))
    }
    let target = Memory([ranged.url()], body, already: 250_000)
    #expect(failure(target) == nil)
    #expect(target.bytes == body)
    #expect(ranged.requests[0].contains("Range: bytes=250000-"))
    let whole = try ScriptedServer { $0.answer("200 OK", [], body) }
    let again = Memory([whole.url()], body, already: 250_000)
    #expect(failure(again) == nil)
    #expect(again.bytes == body)
    // All of it there: nobody is asked.
    let complete = Memory(["http://127.0.0.1:1/"], body, already: body.count)
    #expect(failure(complete) == nil)
  }

  @Test("Wrong bytes are fetched once more, from the next address when there is one")
  func wrong() throws {
    let body = Self.body(3)
    let bad = try ScriptedServer { $0.answer("200 OK", [], body.reversed()) }
    let good = try ScriptedServer { $0.answer("200 OK", [], body) }
    let target = Memory([bad.url(), good.url()], body)
    #expect(failure(target) == nil)
    #expect(target.restarts == 1)
    #expect(failure(Memory([bad.url()], body))?.reason == .wrongDigest)
    #expect(bad.requests.count == 3)
  }

  @Test("A missing file is taken from the next address, and missing everywhere is an error")
  func missing() throws {
    let none = try ScriptedServer { $0.answer("404 Not Found") }
    let good = try ScriptedServer { $0.answer("200 OK", [], Self.body(1)) }
    #expect(failure(Memory([none.url(), good.url()], Self.body(1))) == nil)
    #expect(failure(Memory([none.url()], Self.body(1)))?.reason == .status(404))
  }

  @Test("Files of another size are refused by what is announced, or by what comes")
  func sizes() throws {
    let body = Self.body(1)
    let longer = try ScriptedServer { $0.answer("200 OK", [], body + [1]) }
    #expect(
      failure(Memory([longer.url()], body))?.reason
        == .wrongSize(expected: UInt64(body.count), received: UInt64(body.count + 1), isPage: false))
    let endless = try ScriptedServer { connection in
      connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
      connection.send(body + body)
    }
    guard case .wrongSize = failure(Memory([endless.url()], body))?.reason else {
      Issue.record("more bytes than the file has were taken")
      return
    }
    let page = try ScriptedServer { $0.answer("200 OK", [], Array("<html>Log in</html>".utf8)) }
    #expect(
      failure(Memory([page.url()], body))?.reason
        == .wrongSize(expected: UInt64(body.count), received: 19, isPage: true))
  }
}
