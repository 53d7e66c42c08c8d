import Glibc
import Posix
import Synchronization
import SystemPackage

/// What an engine says: passed on line by line, its end kept for the error message.
final class EngineLog: Sendable {
  let program: String
  private let onLine: (@Sendable (String) -> Void)?
  private let onPhase: (@Sendable (String) -> Void)?
  private let tail = Mutex<[String]>([])
  private static let kept = 20

  init(
    program: String, onLine: (@Sendable (String) -> Void)? = nil, onPhase: (@Sendable (String) -> Void)? = nil
  ) {
    self.program = program
    self.onLine = onLine
    self.onPhase = onPhase
  }

  /// The last lines, oldest first.
  var lastLines: [String] { tail.withLock { $0 } }

  func add(_ line: some Collection<UInt8>) {
    let text = displayed(line)
    if text.allSatisfy({ $0 == " " }) { return }
    tail.withLock { tail in
      if tail.count == Self.kept { tail.removeFirst() }
      tail.append(text)
    }
    if let onPhase, text.hasPrefix("I: ") { onPhase(String(text.dropFirst(3))) }
    onLine?(text)
  }

  /// Reads to the end, dividing at line ends and returns; a line is cut at 4 KiB.
  func follow(_ descriptor: consuming Descriptor) throws {
    var line: [UInt8] = []
    try withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 16) { buffer in
      while true {
        let count = try descriptor.read(into: buffer)
        if count == 0 { break }
        for byte in buffer[..<count] {
          if byte == 0x0a || byte == 0x0d {
            add(line)
            line.removeAll(keepingCapacity: true)
          } else if line.count < 4096 {
            line.append(byte)
          }
        }
      }
    }
    add(line)
  }
}

/// A running engine: its process, and the thread that reads what it says.
final class EngineProcess {
  private let child: ChildProcess
  private let reader: Worker
  private var status: ChildProcess.Status?
  private let isContained: Bool

  /// Starts `command`; its standard error goes to `log`, its standard output too when it is captured.
  init(_ command: Command, log: EngineLog, capturesOutput: Bool) throws(BootstrapError) {
    var command = command
    isContained = command.isolation.contains(.processes)
    do throws(PosixError) {
      var pipe = try Pipe()
      let writer = pipe.takeWriter()
      command.errors = .descriptor(writer.raw)
      if capturesOutput { command.output = .descriptor(writer.raw) }
      child = try Self.start(command)
      // Moved into the thread by number: a closure can't own a value that is not copied.
      let raw = pipe.takeReader().release()
      reader = Worker { try log.follow(Descriptor(owning: raw)) }
      _ = consume writer
    } catch {
      throw .system(error)
    }
  }

  /// In its own namespaces where that is allowed. Where it is not, as in most containers, mounting is
  /// not allowed either, so nothing can be left mounted.
  private static func start(_ command: Command) throws(PosixError) -> ChildProcess {
    do throws(PosixError) {
      return try command.start()
    } catch {
      if error.errno != .notPermitted || command.isolation.isDisjoint(with: [.mounts, .processes]) {
        throw error
      }
      var shared = command
      shared.isolation.subtract([.mounts, .processes])
      return try shared.start()
    }
  }

  /// Waits for the end of the process and of what it says.
  func finish() throws(BootstrapError) -> ChildProcess.Status {
    if let status { return status }
    do throws(PosixError) {
      let ended = try child.wait()
      status = ended
      // A failed read of the log loses lines of it, nothing else.
      try? reader.join()
      return ended
    } catch {
      throw .system(error)
    }
  }

  /// Ends the process. The first process of a process namespace is killed, and all others with it.
  /// Any other gets SIGTERM first, since mmdebstrap must then remove files that belong to its user
  /// namespace's ids; and SIGKILL when that does not help in ten seconds.
  func stop() {
    if status != nil { return }
    child.signal(isContained ? SIGKILL : SIGTERM)
    let ended = Monitor(false)
    let child = child
    let killer = Worker {
      var remaining = 100
      while remaining > 0, !ended.change({ $0 }) {
        usleep(100_000)
        remaining -= 1
      }
      if !ended.change({ $0 }) { child.signal(SIGKILL) }
    }
    status = (try? child.wait()) ?? .signalled(SIGKILL)
    ended.change { $0 = true }
    try? killer.join()
    try? reader.join()
  }

  deinit { stop() }
}

/// What an engine gets of the environment: a search path, the C locale, where temporary files go, the
/// date, and the proxies, which are the user's to say.
func engineEnvironment(temporary: FilePath, epoch: Int64?) -> [String] {
  var environment = Command.cleanEnvironment
  environment.append("TMPDIR=" + temporary.string)
  if let epoch { environment.append("SOURCE_DATE_EPOCH=\(epoch)") }
  for name in [
    "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY",
    "FTP_PROXY",
    "ALL_PROXY", "NO_PROXY",
  ] {
    if let value = getenv(name) { environment.append(name + "=" + String(cString: value)) }
  }
  return environment
}
