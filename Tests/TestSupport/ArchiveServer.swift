import Glibc
import Posix
import Synchronization
public import SystemPackage

/// Serves a folder, as an archive's, on 127.0.0.1, and does it wrong on purpose where a test says so.
public final class ArchiveServer: Sendable {
  /// A way to answer wrongly.
  public enum Fault: Sendable {
    /// One byte of the file is another, at this part of its length (0 to 1).
    case changedByte(at: Double)
    /// These bytes in place of the file.
    case replaced([UInt8])
    /// A status and no file.
    case status(String)
    /// The announced length, and half of it.
    case cutShort
    /// Nothing after half of the file, until the client hangs up.
    case stall
    /// Nothing for a while after half of the file, and then the rest.
    case pause(milliseconds: UInt32)
    /// A redirect to itself.
    case redirect
    /// A page of HTML with status 200.
    case page
  }

  private final class Script: Sendable {
    let folder: Mutex<FilePath>
    let faults = Mutex<[(suffix: String, fault: Fault, left: Int)]>([])
    init(_ folder: FilePath) { self.folder = Mutex(folder) }
  }

  private let script: Script
  private let server: ScriptedServer

  /// Starts to serve `folder` as it is.
  public init(_ folder: FilePath) throws {
    let script = Script(folder)
    self.script = script
    server = try ScriptedServer { Self.answer($0, script) }
  }

  /// The folder's address, without a slash at its end.
  public var url: String { server.url("") }
  /// What was asked, each with its header.
  public var requests: [String] { server.requests }
  /// The paths that were asked for.
  public var paths: [String] {
    requests.map { $0.split(separator: " ").dropFirst().first.map(String.init) ?? "" }
  }

  /// Serves another folder from now on.
  public func serve(_ folder: FilePath) { script.folder.withLock { $0 = folder } }

  /// Answers wrongly to requests whose path ends so, `times` times.
  public func fail(_ suffix: String, _ fault: Fault, times: Int = Int.max) {
    script.faults.withLock { $0.append((suffix, fault, times)) }
  }

  /// Does everything right from now on.
  public func behave() { script.faults.withLock { $0 = [] } }

  private static func answer(_ connection: ScriptedServer.Connection, _ script: Script) {
    let words = connection.request.split(separator: " ")
    guard words.count > 1 else { return }
    let path = String(words[1])
    let fault = script.faults.withLock { faults -> Fault? in
      guard let index = faults.firstIndex(where: { path.hasSuffix($0.suffix) && $0.left > 0 }) else {
        return nil
      }
      faults[index].left -= 1
      return faults[index].fault
    }
    let file = script.folder.withLock { $0 }.appending(String(path.drop { $0 == "/" }))
    guard var bytes = try? read(file) else { return connection.answer("404 Not Found") }
    switch fault {
    case .changedByte(let part)?:
      let index = min(bytes.count - 1, Int(Double(bytes.count) * part))
      bytes[index] ^= 1
    case .replaced(let others)?: bytes = others
    case .status(let status)?: return connection.answer(status)
    case .redirect?: return connection.answer("302 Found", ["Location: \(path)"])
    case .page?: bytes = Array("<!DOCTYPE html><html><body>Please log in</body></html>\n".utf8)
    case .cutShort?, .stall?, .pause?, nil: break
    }
    let range = connection.header("range").flatMap { $0.split(separator: "=").last }
      .flatMap { $0.split(separator: "-").first }.flatMap { Int($0) }
    let start = min(range ?? 0, bytes.count)
    let lines = [
      range == nil ? "HTTP/1.1 200 OK" : "HTTP/1.1 206 Partial Content",
      "Content-Length: \(bytes.count - start)", "Connection: close",
      "Content-Range: bytes \(start)-\(bytes.count - 1)/\(bytes.count)",
    ]
    connection.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
    let half = (bytes.count - start) / 2 + start
    switch fault {
    case .cutShort?: connection.send(Array(bytes[start..<half]))
    case .stall?:
      connection.send(Array(bytes[start..<half]))
      connection.hold()
    case .pause(let milliseconds)?:
      connection.send(Array(bytes[start..<half]))
      usleep(milliseconds * 1000)
      connection.send(Array(bytes[half...]))
    default: connection.send(Array(bytes[start...]))
    }
  }

  private static func read(_ path: FilePath) throws -> [UInt8] {
    let file = try openFile(path, .read)
    var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    if count < bytes.count { throw PosixError("read", path.string, .ioError) }
    return bytes
  }
}
