import Archive
public import Debian
import Glibc
import Posix
import Rootfs
import SystemPackage

/// debootstrap as a driven program: it fills a temporary directory, which is then scanned.
public struct DebootstrapEngine: Engine {
  /// The engine.
  public init() {}

  /// `debootstrap`.
  public var name: String { "debootstrap" }

  /// The sets minbase, buildd and important, from one mirror, as root.
  public func check(_ request: BootstrapRequest) throws(BootstrapError) {
    guard Command.find("debootstrap") != nil else {
      throw .missingProgram("debootstrap", package: "debootstrap")
    }
    if !request.resolvesDependencies {
      throw .unsupported(engine: name, what: "--no-dependencies", instead: "native")
    }
    if !request.checksValidUntil {
      throw .unsupported(engine: name, what: "--no-check-valid-until", instead: "native")
    }
    _ = try variant(request)
    func refuse(_ what: String, _ isThere: Bool) throws(BootstrapError) {
      if isThere { throw .unsupported(engine: name, what: what, instead: "mmdebstrap") }
    }
    try refuse("setup hooks", !request.hooks.setup.isEmpty)
    try refuse("extract hooks", !request.hooks.extract.isEmpty)
    try refuse("special hooks", !SpecialHook.all(request.hooks.inOrder).isEmpty)
    try refuse("--aptopt", !request.aptOptions.isEmpty)
    try refuse("--dpkgopt", !request.dpkgOptions.isEmpty)
    try refuse("mode unshare", request.mode == .unshare)
    for package in request.include where !package.utf8.allSatisfy(Self.isNameByte) {
      throw .unsupported(
        engine: name, what: "package \"\(package)\": it takes names only", instead: "mmdebstrap")
    }
    if geteuid() != 0 { throw .needsRoot(engine: name) }
    if let architecture = request.architecture { try checkArchitecture(architecture) }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2b, 0x2d, 0x2e: true
    default: false
    }
  }

  /// debootstrap's name of the set; empty for its own default.
  private func variant(_ request: BootstrapRequest) throws(BootstrapError) -> String {
    switch request.variant {
    case .minbase, .required: "minbase"
    case .buildd: "buildd"
    case .important: ""
    case .extract, .custom, .essential, .apt, .standard:
      throw .unsupported(
        engine: name, what: "variant \(request.variant.rawValue)", instead: "mmdebstrap")
    }
  }

  /// The one of the suite: debootstrap takes no second mirror.
  public func sources(
    of mirrors: MirrorList, for request: BootstrapRequest
  ) throws(BootstrapError) -> [AptSource] {
    if !mirrors.isDefault, mirrors.sources.reduce(0, { $0 + $1.uris.count * $1.suites.count }) > 1 {
      throw .unsupported(engine: name, what: "second mirror or suite", instead: "mmdebstrap")
    }
    guard let source = mirrors.sources.first(where: { $0.suites.contains(request.suite) }) else {
      throw .unsupported(
        engine: name, what: "suite \(request.suite) in the mirrors that were named", instead: nil)
    }
    for uri in source.uris where !["http:", "https:", "file:"].contains(where: uri.hasPrefix) {
      throw .unsupported(engine: name, what: "way to \(uri)", instead: "mmdebstrap")
    }
    return [source]
  }

  /// Runs `debootstrap … SUITE DIRECTORY MIRROR`, then the hooks, and tidies up.
  public func run<Result>(
    _ job: BootstrapJob, _ body: (BootstrapTree) throws -> Result
  ) throws -> Result {
    guard let program = Command.find("debootstrap") else {
      throw BootstrapError.missingProgram("debootstrap", package: "debootstrap")
    }
    let root = job.folder.appending("root")
    let log = EngineLog(program: name, onLine: job.observer.line, onPhase: job.observer.phase)
    var command = Command(program, try arguments(job, root: root))
    command.environment = engineEnvironment(temporary: job.folder, epoch: job.epoch)
    command.isolation = [.mounts, .processes, .session]
    command.workingDirectory = "/"
    let status = try EngineProcess(command, log: log, capturesOutput: true).finish()
    if !status.isSuccess {
      // The reason is in a file that the last line points to, and that is about to be removed.
      if let text = try? readHostFile(root.appending("debootstrap").appending("debootstrap.log")) {
        let words = log.lastLines.last
        for line in text.split(separator: 0x0a).suffix(19) { log.add(line) }
        if let words { log.add(words.utf8) }
      }
      throw BootstrapError.engineFailed(
        EngineFailure(program: name, status: status, lastLines: log.lastLines))
    }
    for (stage, hooks) in [
      ("essential", job.request.hooks.essential), ("customize", job.request.hooks.customize),
    ] {
      for hook in hooks { try run(hook, stage: stage, root: root, job) }
    }
    try tidy(root, job.request)
    return try body(BootstrapTree(content: .directory(root), normaliser: .debootstrap(epoch: job.epoch)))
  }

  /// The command line.
  func arguments(_ job: BootstrapJob, root: FilePath) throws(BootstrapError) -> [String] {
    let request = job.request
    guard let source = try sources(of: job.mirrors, for: request).first, let uri = source.uris.first else {
      throw .noMirror(suite: request.suite)
    }
    var arguments: [String] = []
    let variant = try variant(request)
    if !variant.isEmpty { arguments.append("--variant=" + variant) }
    if let architecture = request.architecture { arguments.append("--arch=" + architecture) }
    arguments.append("--components=" + source.components.joined(separator: ","))
    if !request.include.isEmpty { arguments.append("--include=" + request.include.joined(separator: ",")) }
    if !request.exclude.isEmpty { arguments.append("--exclude=" + request.exclude.joined(separator: ",")) }
    if source.trusted == true {
      arguments.append("--no-check-gpg")
    } else {
      arguments.append("--force-check-gpg")
      if let keyring = try keyring(job, source) { arguments.append("--keyring=" + keyring.string) }
    }
    if let cache = request.cache {
      let folder = absolutePath(cache).appending("debootstrap")
      do throws(PosixError) { try makeDirectories(folder) } catch { throw .system(error) }
      arguments.append("--cache-dir=" + folder.string)
    }
    return arguments + [request.suite, root.string, uri]
  }

  /// debootstrap takes one keyring, in binary form: all that count are joined into one. Nil for its own
  /// choice by the suite.
  private func keyring(_ job: BootstrapJob, _ source: AptSource) throws(BootstrapError) -> FilePath? {
    var joined: [UInt8] = []
    func add(_ bytes: [UInt8], _ path: FilePath) throws(BootstrapError) {
      guard let binary = Keyring.binary(bytes) else {
        throw .badKeyring(path, reason: "its armour is broken")
      }
      joined += binary
    }
    if !job.request.keyrings.isEmpty {
      for path in job.request.keyrings { try add(try readKeyring(path), path) }
    } else {
      switch source.signedBy {
      case .names(let names):
        for name in names where name.hasPrefix("/") {
          try add(try readKeyring(FilePath(name)), FilePath(name))
        }
      case .embedded(let key): try add(Array(key.utf8), FilePath(source.file))
      case nil: break
      }
    }
    if joined.isEmpty { return nil }
    let path = job.folder.appending("keyring.gpg")
    try writeHostFile(path, joined)
    return path
  }

  /// Runs a hook as mmdebstrap does: by sh, with the root as `$1`, with /proc and /sys mounted in it and
  /// no services started; all of it in namespaces that end with the hook.
  private func run(
    _ hook: String, stage: String, root: FilePath, _ job: BootstrapJob
  ) throws(BootstrapError) {
    let prepare = """
      set -e; mount -t proc proc "$1/proc"; mount --rbind /sys "$1/sys"; \
      exec sh -c "$2" sh "$1"
      """
    let log = EngineLog(program: "the \(stage) hook", onLine: job.observer.line)
    var command = Command("/bin/sh", ["-c", prepare, "sh", root.string, hook])
    command.environment = engineEnvironment(temporary: "/tmp", epoch: job.epoch)
    command.environment += ["DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true"]
    command.environment += ["MMDEBSTRAP_HOOK=" + stage]
    command.isolation = [.mounts, .processes, .session]
    let policy = root.appending("usr/sbin/policy-rc.d")
    let isOwn = !fileExists(policy)
    if isOwn { try writeHostFile(policy, Array("#!/bin/sh\nexit 101\n".utf8), permissions: 0o755) }
    let status = try EngineProcess(command, log: log, capturesOutput: true).finish()
    if isOwn { _ = policy.withPlatformString { unlink($0) } }
    if !status.isSuccess {
      throw .engineFailed(EngineFailure(program: log.program, status: status, lastLines: log.lastLines))
    }
  }

  /// What is better done on the disk than entry by entry: the host's names go when they are still the
  /// same, as in the other engine; the rules for paths stay in the image for later installations.
  private func tidy(_ root: FilePath, _ request: BootstrapRequest) throws(BootstrapError) {
    for name in ["resolv.conf", "hostname"] {
      let copy = root.appending("etc").appending(name)
      let own = FilePath("/etc").appending(name)
      guard isPlainFile(copy), fileExists(own), try readHostFile(copy) == readHostFile(own) else { continue }
      _ = copy.withPlatformString { unlink($0) }
    }
    if !request.pathRules.rules.isEmpty {
      let text = request.pathRules.rules.map { $0.option + "\n" }.joined()
      try writeHostFile(root.appending("etc/dpkg/dpkg.cfg.d/99garboard"), Array(text.utf8))
      try Self.prune(root, request.pathRules)
    }
  }

  /// Removes what the rules leave out, as dpkg would not have unpacked it. On the disk and not in the
  /// stream, where a file with several names would go with the first of them.
  static func prune(_ root: FilePath, _ rules: PathRules) throws(BootstrapError) {
    var folders: [EntryPath] = []
    do {
      let scan = try DirectoryScan(root)
      while let entry = try scan.next() {
        let isFolder = entry.kind == .directory
        let mayHold = isFolder || entry.kind == .symlink
        guard rules.leavesOut([0x2f] + entry.path.bytes, mayHoldOthers: mayHold) else { continue }
        if isFolder {
          folders.append(entry.path)
        } else {
          try withCString(Array(root.string.utf8) + [0x2f] + entry.path.bytes) { path in
            if unlink(path) != 0 { throw PosixError("remove", "\(entry.path)", Errno(rawValue: errno)) }
          }
        }
      }
      // Those that still hold something stay: the rules brought it back.
      for folder in folders.reversed() {
        _ = try withCString(Array(root.string.utf8) + [0x2f] + folder.bytes) { rmdir($0) }
      }
    } catch let error as PosixError {
      throw .system(error)
    } catch {
      throw .badArgument(what: "tree to leave paths out of", value: "\(error)")
    }
  }

  private func isPlainFile(_ path: FilePath) -> Bool {
    var status = stat()
    return path.withPlatformString { lstat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFREG
  }
}
