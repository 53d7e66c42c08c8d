import Glibc
import Posix
import Synchronization
import SystemPackage
import TestSupport

/// Debian's `docker-registry` on 127.0.0.1, with a configuration and a storage of its own.
final class DockerRegistry: Sendable {
  /// How it lets people in.
  enum Door {
    case plain
    case password(user: String, password: String)
    case tls(TestAuthority)
  }

  let directory: TemporaryDirectory
  let port: UInt16
  private let door: Door
  private let process = Mutex<ChildProcess?>(nil)
  private let keeper = Keeper()

  /// `127.0.0.1:PORT`.
  var host: String { "127.0.0.1:\(port)" }

  init(_ door: Door = .plain) throws {
    directory = try TemporaryDirectory()
    port = try freePort()
    self.door = door
    var extra = ""
    switch door {
    case .plain: break
    case .password(let user, let password):
      let line = try Tool.python(
        "import crypt,sys; print(sys.argv[1]+':'+crypt.crypt(sys.argv[2], crypt.mksalt(crypt.METHOD_BLOWFISH)))",
        [user, password])
      let file = try directory.write("htpasswd", line.output)
      extra = "\nauth: {htpasswd: {realm: tests, path: \(file)}}"
    case .tls(let authority):
      extra = "\n  tls: {certificate: \(authority.certificate), key: \(authority.key)}"
    }
    try directory.write(
      "config.yml",
      """
      version: 0.1
      log: {level: error, accesslog: {disabled: true}}
      storage: {filesystem: {rootdirectory: \(directory.appending("data"))}, delete: {enabled: true}}
      http:
        addr: 127.0.0.1:\(port)\(extra)

      """)
    try start()
  }

  deinit { stop() }

  /// Starts it, and waits until it listens.
  func start() throws {
    let program = try Tool.find("docker-registry")
    let command = Command(program, ["serve", directory.appending("config.yml").string])
    let started = try keeper.start(command)
    process.withLock { $0 = started }
    try waitForPort(port)
  }

  /// Kills it without a word.
  func stop() {
    guard
      let running = process.withLock({ process in
        defer { process = nil }
        return process
      })
    else { return }
    running.signal(SIGKILL)
    _ = try? running.wait()
  }
}

/// A thread that programs are started from: they are killed when the thread ends that started them.
final class Keeper: Sendable {
  private struct State {
    var wanted: Command?
    var started: Result<ChildProcess, PosixError>?
    var isOver = false
  }
  private let state: Monitor<State>
  private let worker: Worker

  init() {
    let state = Monitor(State())
    self.state = state
    worker = Worker {
      while let command = state.wait({ state -> Command?? in
        if state.isOver { return .some(nil) }
        return state.wanted.take().map { .some($0) }
      }) {
        let result: Result<ChildProcess, PosixError>
        do throws(PosixError) { result = .success(try command.start()) } catch { result = .failure(error) }
        state.change { $0.started = result }
      }
    }
  }

  deinit {
    state.change { $0.isOver = true }
    try? worker.join()
  }

  func start(_ command: Command) throws -> ChildProcess {
    state.change { $0.wanted = command }
    return try state.wait { $0.started.take() }.get()
  }
}

/// Waits until somebody listens on a port of 127.0.0.1.
func waitForPort(_ port: UInt16) throws {
  for _ in 0..<2400 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if result == 0 { return }
    usleep(50_000)
  }
  throw PosixError("connect to", "127.0.0.1:\(port)", .timedOut)
}

/// A certificate authority of a test, and a server's certificate for 127.0.0.1.
struct TestAuthority {
  let authority: FilePath
  let certificate: FilePath
  let key: FilePath

  init(in directory: TemporaryDirectory) throws {
    authority = directory.appending("ca.crt")
    certificate = directory.appending("server.crt")
    key = directory.appending("server.key")
    let script = """
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt \
        -days 2 -subj /CN=test-ca -addext basicConstraints=critical,CA:TRUE 2>/dev/null
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr \
        -subj /CN=server 2>/dev/null
      printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\\n' >ext
      openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext \
        -out server.crt 2>/dev/null
      """
    _ = try Tool.find("openssl")
    try Tool.check("sh", ["-euc", script], in: directory.path)
  }
}

/// An image of two layers in `app.oci.tar` and in the layout `layout` (named `app`), of random bytes.
struct SampleImage {
  let directory: TemporaryDirectory
  /// The digest of its manifest.
  let digest: String
  var archive: FilePath { directory.appending("app.oci.tar") }
  var layout: FilePath { directory.appending("layout") }

  /// - Parameters:
  ///   - size: the bytes of its larger layer.
  ///   - more: how many small layers come on top of the two.
  init(size: Int = 200_000, more: Int = 0) throws {
    directory = try TemporaryDirectory()
    let tools = try productsDirectory()
    let script = """
      mkdir -p one/etc two/usr; head -c \(size) /dev/urandom >two/usr/data; echo text >one/etc/file
      '\(tools)/garboard-import' -q one base:1 -o base.oci.tar
      printf 'FROM base:1\\nCOPY two /\\nCMD ["/usr/data"]\\n' >Dockerfile
      for number in $(seq 1 \(more)); do echo $number >two/$number; echo "COPY two/$number /more/$number" >>Dockerfile; done
      '\(tools)/garboard-scratch' -q -f Dockerfile --build-context base:1=oci-archive:base.oci.tar . \
        --cache cache -o oci:layout:app -o oci-archive:app.oci.tar:app
      """
    try Tool.check("sh", ["-euc", script], in: directory.path)
    digest = try Self.digest(ofLayout: directory.appending("layout"))
  }

  /// The digest of the only image of a layout.
  static func digest(ofLayout path: FilePath) throws -> String {
    let index = String(decoding: try readBytes(path.appending("index.json")), as: UTF8.self)
    guard let start = index.firstRange(of: "\"digest\":\"") else { return "" }
    return String(index[start.upperBound...].prefix { $0 != "\"" })
  }
}

/// Runs garboard-copy with nothing of this machine's settings.
@discardableResult
func copy(
  _ arguments: String..., home: TemporaryDirectory? = nil, environment: [String] = []
) throws -> Tool.Result {
  let home = try home ?? TemporaryDirectory()
  var all = environment + ["HOME=\(home.path)", "XDG_RUNTIME_DIR=\(home.path)"]
  if !environment.contains(where: { $0.hasPrefix("CONTAINERS_REGISTRIES_CONF=") }) {
    all.append("CONTAINERS_REGISTRIES_CONF=/dev/null")
  }
  return try garboard("garboard-copy", ["--quiet"] + arguments, environment: all)
}
