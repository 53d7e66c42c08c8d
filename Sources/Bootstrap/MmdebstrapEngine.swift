public import Debian
import Glibc
import Posix
import SystemPackage

/// mmdebstrap as a driven program: its tar is read from a pipe, so that nothing is written twice.
public struct MmdebstrapEngine: Engine {
  /// The engine.
  public init() {}

  /// `mmdebstrap`.
  public var name: String { "mmdebstrap" }

  /// All variants; without root by user namespaces.
  public func check(_ request: BootstrapRequest) throws(BootstrapError) {
    guard Command.find("mmdebstrap") != nil else {
      throw .missingProgram("mmdebstrap", package: "mmdebstrap")
    }
    if !request.resolvesDependencies {
      throw .unsupported(engine: name, what: "--no-dependencies", instead: "native")
    }
    if !request.checksValidUntil {
      throw .unsupported(engine: name, what: "--no-check-valid-until", instead: "native")
    }
    if request.variant == .extract, !request.hooks.essential.isEmpty || !request.hooks.customize.isEmpty {
      throw .unsupported(
        engine: name, what: "essential and customize hooks in the variant extract", instead: nil)
    }
    if request.mode == .root, geteuid() != 0 { throw .needsRoot(engine: "mmdebstrap in mode root") }
    if geteuid() != 0, Command.find("newuidmap") == nil {
      throw .missingProgram("newuidmap", package: "uidmap")
    }
    // Nothing of the architecture runs when packages are only unpacked.
    if let architecture = request.architecture, request.variant != .extract {
      try checkArchitecture(architecture)
    }
  }

  /// All of them.
  public func sources(
    of mirrors: MirrorList, for request: BootstrapRequest
  ) throws(BootstrapError) -> [AptSource] { mirrors.sources }

  /// Runs `mmdebstrap … SUITE - MIRROR…`.
  public func run<Result>(
    _ job: BootstrapJob, _ body: (BootstrapTree) throws -> Result
  ) throws -> Result {
    guard let program = Command.find("mmdebstrap") else {
      throw BootstrapError.missingProgram("mmdebstrap", package: "mmdebstrap")
    }
    var input: [UInt8]?
    let arguments = try arguments(job, &input)
    var command = Command(program, arguments)
    command.environment = engineEnvironment(temporary: job.folder, epoch: job.epoch)
    command.isolation = geteuid() == 0 ? [.mounts, .processes, .session] : .session
    // What mmdebstrap reads from standard input: at most a file of sources.
    let sources = try Self.file(of: input ?? [], in: job.folder)
    command.input = .descriptor(sources.raw)
    var pipe = try Pipe()
    let writer = pipe.takeWriter()
    command.output = .descriptor(writer.raw)
    let log = EngineLog(program: name, onLine: job.observer.line, onPhase: job.observer.phase)
    let process = try EngineProcess(command, log: log, capturesOutput: false)
    _ = consume writer
    let tar = TarStream(pipe.takeReader(), process: process, log: log)
    return try tar.lend(epoch: job.epoch, body)
  }

  private static func file(of bytes: [UInt8], in folder: FilePath) throws -> Descriptor {
    let file = try makeTemporaryFile(in: folder)
    try bytes.withUnsafeBytes { try file.write($0, at: 0) }
    return file
  }

  /// The command line; `input` gets what `-` among the mirrors stands for.
  func arguments(_ job: BootstrapJob, _ input: inout [UInt8]?) throws(BootstrapError) -> [String] {
    let request = job.request
    var arguments = ["--format=tar"]
    arguments.append("--mode=" + mode(request))
    let packages = try packages(request)
    arguments.append("--variant=" + packages.variant)
    for name in packages.include { arguments.append("--include=" + name) }
    arguments.append("--components=" + request.components.joined(separator: ","))
    if let architecture = request.architecture { arguments.append("--architectures=" + architecture) }
    arguments += try keyrings(job)
    for line in request.aptOptions { arguments.append("--aptopt=" + line) }
    for line in request.dpkgOptions + request.pathRules.rules.map(\.option) {
      arguments.append("--dpkgopt=" + line)
    }
    // The variant extract has no later hooks than these.
    let last = request.variant == .extract ? "--extract-hook=" : "--customize-hook="
    if usesFiles(job) {
      // dpkg in the root must see the packages where apt outside sees them.
      arguments.append("--hook-directory=" + Self.automount)
    }
    for hook in request.hooks.setup { arguments.append("--setup-hook=" + hook) }
    for hook in request.hooks.extract { arguments.append("--extract-hook=" + hook) }
    for hook in request.hooks.essential { arguments.append("--essential-hook=" + hook) }
    for hook in request.hooks.customize { arguments.append("--customize-hook=" + hook) }
    if request.variant == .extract, usesFiles(job) {
      arguments.append("--extract-hook=" + Self.automount + "/customize00.sh")
    }
    arguments.append(last + Self.forgetHost)
    if request.isVerbose { arguments.append("--verbose") }
    arguments += ["--", request.suite, "-"]
    for mirror in job.mirrors.mirrors {
      switch mirror {
      case .uri(let uri): arguments.append(uri)
      case .line(let line): arguments.append(line)
      case .file(let path): arguments.append(path.string)
      case .standardInput(let text):
        arguments.append("-")
        input = text
      }
    }
    return arguments
  }

  private static let automount = "/usr/share/mmdebstrap/hooks/file-mirror-automount"

  /// mmdebstrap copies the host's `resolv.conf` and `hostname`, for the work to have a network. They go
  /// when they are still the same at the end: a hook may have written its own.
  private static let forgetHost = """
    for name in resolv.conf hostname; do \
    if [ ! -L "$1/etc/$name" ] && cmp -s "/etc/$name" "$1/etc/$name"; then rm "$1/etc/$name"; fi; done
    """

  private func mode(_ request: BootstrapRequest) -> String {
    switch request.mode {
    case .auto: geteuid() == 0 ? "root" : "unshare"
    case .root, .unshare: request.mode.rawValue
    }
  }

  /// mmdebstrap can't leave out packages. Its sets by priority are the essential one and a pattern for
  /// apt (mmdebstrap(1), VARIANTS), so with exclusions the pattern is given, with them in it.
  private func packages(
    _ request: BootstrapRequest
  ) throws(BootstrapError) -> (variant: String, include: [String]) {
    if request.exclude.isEmpty { return (request.variant.rawValue, request.include) }
    let include = request.include + request.exclude.map { $0 + "-" }
    let priorities: [String]
    switch request.variant {
    case .extract, .custom, .essential, .apt: return (request.variant.rawValue, include)
    case .required, .minbase, .buildd: priorities = ["required"]
    case .important: priorities = ["required", "important"]
    case .standard: priorities = ["required", "important", "standard"]
    }
    let suite = "?or(?archive(^\(request.suite)$),?codename(^\(request.suite)$))"
    let wanted = "?or(" + priorities.map { "?priority(\($0))" }.joined(separator: ",") + ")"
    let unwanted = request.exclude.map { "?not(?exact-name(\($0)))" }.joined(separator: ",")
    // apt 2.6 does not find anything by `?architecture(native)`.
    let architecture: String
    if let asked = request.architecture {
      architecture = asked
    } else {
      architecture = try hostArchitecture()
    }
    let native = "?architecture(\(architecture))"
    let pattern = "?narrow(\(suite),\(native),?and(\(wanted),?not(?essential),\(unwanted)))"
    let own = request.variant == .buildd ? ["build-essential"] : []
    return ("essential", include + own + [pattern])
  }

  /// Named keyrings are the only ones: apt's own are replaced by them, in a directory that holds all.
  private func keyrings(_ job: BootstrapJob) throws(BootstrapError) -> [String] {
    if job.request.keyrings.isEmpty { return [] }
    let folder = job.folder.appending("keyrings")
    let none = job.folder.appending("no-keyring.gpg")
    do throws(PosixError) { try makeDirectories(folder, permissions: 0o755) } catch { throw .system(error) }
    try writeHostFile(none, [])
    for (index, path) in job.request.keyrings.enumerated() {
      let bytes = try readKeyring(path)
      // apt tells the two forms apart by the name.
      let suffix = Keyring.isArmoured(bytes) ? "asc" : "gpg"
      try writeHostFile(folder.appending("\(index).\(suffix)"), bytes)
    }
    // Without this check mmdebstrap would add a key of its own choice to mirrors that are URLs.
    return ["--keyring=" + folder.string, "--keyring=" + none.string, "--skip=check/signed-by"]
  }

  private func usesFiles(_ job: BootstrapJob) -> Bool {
    job.mirrors.sources.contains { $0.uris.contains { $0.hasPrefix("file:") } }
      || job.request.include.contains { $0.hasPrefix("/") || $0.hasPrefix("./") || $0.hasPrefix("../") }
  }
}

/// A keyring's bytes, in whichever form they are.
func readKeyring(_ path: FilePath) throws(BootstrapError) -> [UInt8] {
  let bytes: [UInt8]
  do throws(BootstrapError) {
    bytes = try readHostFile(path)
  } catch {
    guard case .system(let cause) = error else { throw error }
    throw .badKeyring(path, reason: "\(cause.errno)")
  }
  if bytes.isEmpty { throw .badKeyring(path, reason: "it is empty") }
  return bytes
}

/// The tar of an engine: its end is an error when the engine failed.
final class TarStream: ByteSource {
  private let descriptor: Descriptor
  private let process: EngineProcess
  private let log: EngineLog
  private var isAtEnd = false
  private(set) var failure: EngineFailure?

  init(_ descriptor: consuming Descriptor, process: EngineProcess, log: EngineLog) {
    self.descriptor = descriptor
    self.process = process
    self.log = log
  }

  /// Lends the tree, and waits for the engine's end; an error ends the engine.
  ///
  /// - Parameters:
  ///   - epoch: the newest time that an entry may have.
  ///   - showsOutput: whether what the engine printed belongs to its error.
  ///   - feed: gives the engine what it waits for before it writes.
  /// - Throws: `BootstrapError.engineFailed` when it failed, else what `feed` and `body` throw.
  func lend<Result>(
    epoch: Int64, showsOutput: Bool = false, feed: () throws -> Void = {},
    _ body: (BootstrapTree) throws -> Result
  ) throws -> Result {
    do {
      try feed()
      let result = try body(BootstrapTree(content: .tar(self), normaliser: .mmdebstrap(epoch: epoch)))
      try drain()
      return result
    } catch {
      process.stop()
      // A reader may have made its own error of the broken stream; the engine's says more.
      if var failure {
        failure.showsOutput = failure.showsOutput || showsOutput
        throw BootstrapError.engineFailed(failure)
      }
      throw error
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if !isAtEnd {
      let count = try descriptor.read(into: buffer)
      if count > 0 { return count }
      isAtEnd = true
      let status = try process.finish()
      if !status.isSuccess {
        failure = EngineFailure(program: log.program, status: status, lastLines: log.lastLines)
      }
    }
    if let failure { throw BootstrapError.engineFailed(failure) }
    return 0
  }

  /// Reads what follows the archive's own end, up to the engine's.
  func drain() throws {
    try withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
      while try read(into: buffer) > 0 {}
    }
  }
}
