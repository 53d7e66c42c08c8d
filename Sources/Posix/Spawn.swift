import CLinux
import Glibc
public import SystemPackage

/// A program to run, with nothing taken from this process but what is said here.
public struct Command: Sendable {
  /// Where a standard stream of the program goes to or comes from.
  public enum Stream: Sendable {
    /// `/dev/null`.
    case null
    /// A descriptor that the caller keeps open until the program is started.
    case descriptor(Int32)
  }

  /// Namespaces that a program may be started in.
  public struct Isolation: OptionSet, Sendable {
    /// The bits, as CLinux names them.
    public let rawValue: Int32
    /// A set from its bits.
    public init(rawValue: Int32) { self.rawValue = rawValue }
    /// Its mounts are its own, and vanish with it.
    public static let mounts = Isolation(rawValue: GARBOARD_SPAWN_MOUNT_NAMESPACE)
    /// Its processes are its own, and end with it.
    public static let processes = Isolation(rawValue: GARBOARD_SPAWN_PID_NAMESPACE)
    /// Its own session: keys pressed on the terminal don't reach it.
    public static let session = Isolation(rawValue: GARBOARD_SPAWN_NEW_SESSION)
    /// Its shared memory, semaphores and message queues are its own.
    public static let communication = Isolation(rawValue: GARBOARD_SPAWN_IPC_NAMESPACE)
    /// The machine's name may be changed for it alone.
    public static let names = Isolation(rawValue: GARBOARD_SPAWN_NAME_NAMESPACE)
    /// It is root among ids that stand for others outside: `Command.identities`.
    public static let users = Isolation(rawValue: GARBOARD_SPAWN_USER_NAMESPACE)
  }

  /// The absolute path of the program.
  public var program: FilePath
  /// Its arguments, without the program's name.
  public var arguments: [String]
  /// Its whole environment, as `NAME=value`.
  public var environment: [String]
  /// Its working directory; this process's when nil.
  public var workingDirectory: FilePath?
  /// Its standard input.
  public var input = Stream.null
  /// Its standard output.
  public var output = Stream.null
  /// Its standard error.
  public var errors = Stream.null
  /// Descriptors that it inherits under their numbers.
  public var inherited: [Int32] = []
  /// The namespaces that it gets.
  public var isolation: Isolation = []
  /// What the ids of its user namespace stand for; needed for `.users`.
  public var identities: IdentityMaps?
  /// The directory that it sees as `/`; `program` and `workingDirectory` are looked up in it.
  public var root: FilePath?

  /// `program` with `arguments`, in an environment of `environment` alone.
  public init(_ program: FilePath, _ arguments: [String], environment: [String] = Command.cleanEnvironment) {
    self.program = program
    self.arguments = arguments
    self.environment = environment
  }

  /// What helpers get: a search path and the C locale, nothing of the user's.
  public static let cleanEnvironment = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root",
  ]

  /// Starts the program. It is killed when this process (its main thread) dies.
  public func start() throws(PosixError) -> ChildProcess {
    func number(_ stream: Stream) -> Int32 {
      switch stream {
      case .null: -1
      case .descriptor(let raw): raw
      }
    }
    var arguments: [UnsafeMutablePointer<CChar>?] = ([program.string] + arguments).map { strdup($0) }
    var environment: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) }
    arguments.append(nil)
    environment.append(nil)
    defer { for pointer in arguments + environment { free(pointer) } }
    let directory = workingDirectory.map { strdup($0.string) }
    defer { if let directory { free(directory) } }
    let path = strdup(program.string)
    defer { free(path) }
    let root = root.map { strdup($0.string) }
    defer { if let root { free(root) } }
    let mapping = identities.map { Unmanaged.passRetained(IdentityMapping($0)) }
    defer { mapping?.release() }
    var process: pid_t = -1
    var code: Int32 = 0
    arguments.withUnsafeMutableBufferPointer { argv in
      environment.withUnsafeMutableBufferPointer { envp in
        inherited.withUnsafeBufferPointer { inherited in
          var what = garboard_spawn()
          what.path = UnsafePointer(path)
          what.arguments = UnsafePointer(argv.baseAddress)
          what.environment = UnsafePointer(envp.baseAddress)
          what.working_directory = directory.flatMap { UnsafePointer($0) }
          what.standard_input = number(input)
          what.standard_output = number(output)
          what.standard_error = number(errors)
          what.inherited = inherited.baseAddress
          what.inherited_count = inherited.count
          what.flags = isolation.rawValue
          what.root_directory = root.flatMap { UnsafePointer($0) }
          if let mapping {
            what.map_users = IdentityMapping.apply
            what.context = mapping.toOpaque()
          }
          process = ActiveChildren.shared.add(hasOwnProcesses: isolation.contains(.processes)) {
            let process = garboard_start(&what)
            code = errno
            return process
          }
        }
      }
    }
    if process < 0 { throw PosixError("run", program.string, Errno(rawValue: code)) }
    return ChildProcess(identifier: process)
  }

  /// The absolute path of a program in `PATH`'s usual folders, or nil.
  public static func find(_ name: String) -> FilePath? {
    for folder in ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"] {
      let path = FilePath(folder).appending(name)
      if path.withPlatformString({ access($0, X_OK) }) == 0 { return path }
    }
    return nil
  }
}

/// A started program. Wait for it exactly once.
public struct ChildProcess: Sendable {
  /// How a program ended.
  public enum Status: Sendable, Equatable {
    /// It exited with this code.
    case exited(Int32)
    /// This signal ended it.
    case signalled(Int32)

    /// Whether it exited with 0.
    public var isSuccess: Bool { self == .exited(0) }
  }

  /// The process id.
  public let identifier: Int32

  /// Waits for the end.
  ///
  /// - Throws: `PosixError`, canceled when this process is being ended: see `Ending`.
  public func wait() throws(PosixError) -> Status {
    var status: Int32 = 0
    var information = siginfo_t()
    try check("wait for", "a child process") {
      waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT)
    }
    ActiveChildren.shared.remove(identifier)
    try check("wait for", "a child process") { waitpid(identifier, &status, 0) }
    if Ending.isUnderway { throw PosixError("wait for", "a child process", .canceled) }
    let signal = status & 0x7f
    return signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
  }

  /// Sends a signal; a process that has ended is no error.
  public func signal(_ number: Int32) { kill(identifier, number) }
}

/// A pipe: what is written to `writer` comes out of `reader`.
public struct Pipe: ~Copyable {
  private var reader: Descriptor?
  private var writer: Descriptor?

  /// Makes a pipe whose ends are closed in other programs; its buffer is widened to 1 MiB when allowed.
  public init() throws(PosixError) {
    var ends: [Int32] = [0, 0]
    try check("make", "a pipe") { garboard_pipe(&ends) }
    _ = fcntl(ends[1], 1031 /* F_SETPIPE_SZ */, 1 << 20)
    reader = Descriptor(owning: ends[0])
    writer = Descriptor(owning: ends[1])
  }

  /// Takes the end to read from; once.
  public mutating func takeReader() -> Descriptor { Self.take(&reader) }

  /// Takes the end to write to; once. The reader sees the end when every copy of it is closed.
  public mutating func takeWriter() -> Descriptor { Self.take(&writer) }

  private static func take(_ end: inout Descriptor?) -> Descriptor {
    guard let taken = end.take() else { preconditionFailure("an end of a pipe is taken once") }
    return taken
  }
}
