import Glibc
import Posix
import Synchronization
import SystemPackage

/// An HTTP server on 127.0.0.1 that answers each connection's one request as a test says, wrong ways
/// included.
public final class ScriptedServer: Sendable {
  /// One connection: what was asked, and the way to answer.
  public struct Connection {
    /// Which connection this is, from 0.
    public let number: Int
    /// The request's first line and header.
    public let request: String
    fileprivate let descriptor: Int32
    fileprivate let log: Log

    /// Sends text as it is; a client that hung up is no error.
    public func send(_ text: String) { send(Array(text.utf8)) }
    /// Sends bytes as they are.
    public func send(_ bytes: [UInt8]) {
      var done = 0
      while done < bytes.count {
        let count = bytes.withUnsafeBytes {
          Glibc.send(descriptor, $0.baseAddress! + done, bytes.count - done, Int32(MSG_NOSIGNAL))
        }
        if count <= 0 { return }
        done += count
      }
    }
    /// Sends a whole answer.
    public func answer(_ status: String, _ headers: [String] = [], _ body: [UInt8] = []) {
      let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.count)", "Connection: close"] + headers
      send(lines.joined(separator: "\r\n") + "\r\n\r\n")
      send(body)
    }
    /// Leaves the client waiting: the connection stays as it is until the server ends.
    public func hold() { log.held.withLock { $0.append(dup(descriptor)) } }
    /// The value of a field of the request's header.
    public func header(_ name: String) -> String? {
      let prefix = name.lowercased() + ": "
      return request.split(separator: "\r\n").first { $0.lowercased().hasPrefix(prefix) }
        .map { String($0.dropFirst(prefix.count)) }
    }
  }

  private let listener: Int32
  private let worker: Worker
  private let log: Log
  /// The port on 127.0.0.1.
  public let port: UInt16

  fileprivate final class Log: Sendable {
    let requests = Mutex<[String]>([])
    let held = Mutex<[Int32]>([])
    deinit { for descriptor in held.withLock({ $0 }) { close(descriptor) } }
  }

  /// Starts to answer.
  public init(_ answer: @escaping @Sendable (Connection) -> Void) throws {
    let (listener, port) = try loopbackSocket()
    self.listener = listener
    self.port = port
    if listen(listener, 16) != 0 { throw PosixError("listen on", "127.0.0.1", Errno(rawValue: errno)) }
    let log = Log()
    self.log = log
    worker = Worker {
      var number = 0
      while true {
        let descriptor = accept(listener, nil, nil)
        if descriptor < 0 { return }
        let request = Self.readRequest(descriptor)
        log.requests.withLock { $0.append(request) }
        answer(Connection(number: number, request: request, descriptor: descriptor, log: log))
        close(descriptor)
        number += 1
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    try? worker.join()
    close(listener)
  }

  /// What was asked so far, in order.
  public var requests: [String] { log.requests.withLock { $0 } }

  /// The URL of a path.
  public func url(_ path: String = "/file") -> String { "http://127.0.0.1:\(port)\(path)" }

  private static func readRequest(_ descriptor: Int32) -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !bytes.suffix(4).elementsEqual([13, 10, 13, 10]) {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count <= 0 { break }
      bytes += buffer.prefix(count)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// A port of 127.0.0.1 that nobody listens on.
public func freePort() throws -> UInt16 {
  let (socket, port) = try loopbackSocket()
  close(socket)
  return port
}

/// A socket that has a port of 127.0.0.1, which the kernel chose.
private func loopbackSocket() throws(PosixError) -> (socket: Int32, port: UInt16) {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let isBound = withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
      bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
    }
  }
  guard isBound else {
    let error = Errno(rawValue: errno)
    close(descriptor)
    throw PosixError("find a port of", "127.0.0.1", error)
  }
  return (descriptor, UInt16(bigEndian: address.sin_port))
}
