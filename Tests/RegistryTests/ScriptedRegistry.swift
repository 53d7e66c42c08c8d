import Glibc
import OCI
import Posix
import SystemPackage
import TestSupport

/// The servers of `scriptedRegistryScript`, and what they were asked.
final class ScriptedRegistry: Sendable {
  /// One request, as a server saw it.
  struct Seen {
    var server: String
    var method: String
    var path: String
    var authorization: String
    var body: String
    var contentRange: String
    var length: Int64
  }

  let image: SampleImage
  let authority: TestAuthority
  private let keeper = Keeper()
  private let process: ChildProcess
  private let log: FilePath
  /// Of the registry, the token server, the other host, and the registry by TLS.
  let ports: [String]

  init(size: Int = 60_000) throws {
    image = try SampleImage(size: size)
    authority = try TestAuthority(in: image.directory)
    log = image.directory.appending("log")
    let command = Command(
      try Tool.find("python3"),
      [
        "-I", "-c", scriptedRegistryScript, image.layout.string, log.string, authority.certificate.string,
        authority.key.string,
      ])
    process = try keeper.start(command)
    let file = FilePath(log.string + ".ports")
    var ports: [String] = []
    for _ in 0..<2400 where ports.isEmpty {
      if let bytes = try? readBytes(file) {
        ports = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init)
      } else {
        usleep(50_000)
      }
    }
    self.ports = ports
    if ports.count != 4 { throw PosixError("start", "the scripted registry", .timedOut) }
  }

  deinit {
    process.signal(SIGKILL)
    _ = try? process.wait()
  }

  /// `HOST:PORT` of the registry.
  var host: String { "127.0.0.1:\(ports[0])" }

  /// What all servers were asked so far.
  func seen(_ server: String? = nil) throws -> [Seen] {
    try String(decoding: readBytes(log), as: UTF8.self).split(separator: "\n").compactMap { line in
      guard let object = try JSONValue(parsing: Array(line.utf8)).object else { return nil }
      func text(_ name: String) -> String { object[name]?.string ?? "" }
      let seen = Seen(
        server: text("server"), method: text("method"), path: text("path"),
        authorization: text("authorization"),
        body: text("body"), contentRange: text("contentRange"), length: object["length"]?.integer ?? -1)
      return server == nil || seen.server == server ? seen : nil
    }
  }

  /// A home with credentials for the registry.
  func home(identity: Bool = false) throws -> TemporaryDirectory {
    let home = try TemporaryDirectory()
    let entry = identity ? #""identitytoken":"identity""# : #""auth":"bWU6c2VjcmV0""#
    let tls = "127.0.0.1:\(ports[3])"
    try home.write(".docker/config.json", #"{"auths":{"\#(host)":{\#(entry)},"\#(tls)":{\#(entry)}}}"#)
    return home
  }
}
