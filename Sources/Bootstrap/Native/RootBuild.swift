import Archive
import Debian
import Glibc
import Posix
import Rootfs
import Synchronization
import SystemPackage

/// Makes a root directory as an order says: the steps of mmdebstrap's own operation, in one process that
/// is the first of its namespaces.
///
/// The essential packages are unpacked together, their preinst scripts run, and they are configured; then
/// the rest, in rounds; hooks run where mmdebstrap runs them.
final class RootBuild {
  let order: RootOrder
  let root: FilePath
  let log: RootLog
  private let claims = TreeClaims()
  private var scripts: PackageScripts
  private let transfers: HookInside
  private var packages: [NativePackage] = []
  private var ahead = DataAhead([], jobs: 0)

  init(_ order: RootOrder, log: RootLog) {
    self.order = order
    self.log = log
    // A directory of the user outside is not root's inside, but what is made in it is.
    root = order.storage == .disk ? FilePath(order.root).appending("tree") : FilePath(order.root)
    scripts = PackageScripts(root: root, order: order, log: log)
    transfers = HookInside(root: root, ends: order.transferEnds)
  }

  /// Makes the tree.
  func run() throws {
    clearUmask()
    log.phase("reading packages")
    packages = try NativePackage.open(order.packages, jobs: Int(order.jobs))
    claims.setOrder(packages)
    let first = packages.filter(\.isEssential)
    let rest = packages.filter { !$0.isEssential }
    let rounds = ConfigureRounds.rounds(of: rest.map(\.control), after: first.map(\.control))
    let later = rounds.flatMap { DataAhead.byWork($0.unpacked.map { rest[$0] }) }
    // On the disk they would wait in memory that there may not be.
    if order.storage == .memory { ahead = DataAhead(later, jobs: Int(order.jobs) - 1, limit: 1 << 30) }
    if order.storage == .memory {
      try mount("garboard", at: root, type: "tmpfs", data: "mode=755,size=100%,nr_inodes=0")
    }
    if order.storage == .disk { try makeDirectories(root, permissions: 0o755) }
    var setup = RootSetup(root: root, order: order)
    try setup.prepare()
    if !Self.mergesItself(first) { try setup.merge() }
    try hooks(order.setupHooks, "setup")
    log.phase("unpacking essential packages")
    try unpack(first, isFirstRound: true)
    try setup.mountAll()
    try hooks(order.extractHooks, "extract")
    log.phase("configuring essential packages")
    for package in first { try scripts.preinst(package, isUnpacked: true) }
    try scripts.configure(first.map(\.control.infoName), forced: true)
    try hooks(order.essentialHooks, "essential")
    try install(rest, in: rounds)
    try hooks(order.customizeHooks, "customize")
    log.phase("packing")
    // Whatever a script has started: this process is the first of its namespace, and all others are theirs.
    if getpid() == 1 { kill(-1, SIGKILL) }
    try setup.tidy(packages)
  }

  /// Whether the packages have real top-level directories until the package usrmerge moves them, as Debian
  /// 12 has.
  private static func mergesItself(_ first: [NativePackage]) -> Bool {
    let base = first.first { $0.control.name == "base-files" }
    return first.contains { $0.control.name == "usrmerge" }
      && base?.control.provides.contains("usr-is-merged") != true
  }

  private func install(_ rest: [NativePackage], in rounds: [ConfigureRounds.Round]) throws {
    if rest.isEmpty { return }
    for round in rounds {
      log.phase("unpacking packages")
      let now = round.unpacked.map { rest[$0] }
      // As dpkg reads them, once: what a preinst script adds holds from the next round on.
      let overrides = try overrides()
      for package in now { try scripts.preinst(package, isUnpacked: false) }
      try unpack(now, isFirstRound: false, overrides)
      if !round.configured.isEmpty {
        try scripts.configure(round.configured.map { rest[$0].control.infoName }, forced: false)
      }
    }
    log.phase("configuring packages")
    try scripts.configure(nil, forced: false)
  }

  // MARK: Unpacking

  private func unpack(
    _ packages: [NativePackage], isFirstRound: Bool, _ overrides: StatOverrides = StatOverrides()
  ) throws {
    let database = DpkgDatabase(root: root)
    var rules = PackageUnpack.Rules()
    rules.paths = order.rules
    rules.isFirstRound = isFirstRound
    rules.diversions = Diversions(try database.read("diversions"))
    rules.overrides = overrides
    if !isFirstRound { rules.watched = try database.watchedPaths() }
    let directory = try openFile(root, .directory)
    let raw = directory.raw
    let bin = try Relative(raw).status(of: Array("bin".utf8), shown: "/bin")
    claims.setMerged(bin?.kind == .symlink)
    let byWork = DataAhead.byWork(packages)
    let results = Mutex([ObjectIdentifier: UnpackedPackage]())
    ahead.stop()
    try inThreads(Int(order.jobs), count: packages.count) { [claims, rules, ahead] in
      let unpack = PackageUnpack(root: raw, claims: claims, rules: rules, ahead: ahead)
      return { number in
        let result = try unpack.unpack(byWork[number])
        results.withLock { $0[ObjectIdentifier(result.package)] = result }
      }
    }
    ahead.start()
    try finishDirectories(raw)
    var unpacked = results.withLock { results in packages.compactMap { results[ObjectIdentifier($0)] } }
    let lost = Dictionary(grouping: claims.takeLost(), by: { ObjectIdentifier($0.package) })
    for index in unpacked.indices {
      guard let paths = lost[ObjectIdentifier(unpacked[index].package)] else { continue }
      let gone = Set(paths.map(\.path))
      unpacked[index].list.removeAll { gone.contains(claims.key(Array($0.dropFirst()))) }
    }
    try database.add(unpacked)
    let now = Set(packages.map(ObjectIdentifier.init))
    for (identifier, paths) in lost where !now.contains(identifier) {
      guard let package = paths.first?.package else { continue }
      let gone = Set(paths.map(\.path))
      try database.remove(fromListOf: package.control) { gone.contains(claims.key(Array($0.dropFirst()))) }
    }
  }

  private func overrides() throws(BootstrapError) -> StatOverrides {
    StatOverrides(
      try DpkgDatabase(root: root).read("statoverride"), passwd: try readIfThere("etc/passwd"),
      group: try readIfThere("etc/group"))
  }

  private func readIfThere(_ name: String) throws(BootstrapError) -> [UInt8] {
    let path = root.pushing(FilePath(name))
    return fileExists(path) ? try readHostFile(path) : []
  }

  /// Owners and modes of directories, which several packages may have.
  private func finishDirectories(_ raw: Int32) throws {
    for (path, wanted) in claims.takeDirectories() {
      let shown = "/" + displayed(path)
      let directory = try openDirectory(inRoot: raw, path, shown: shown)
      let status = try directory.status(shown: shown)
      if (status.user, status.group) != (wanted.user, wanted.group) {
        try directory.setOwner(user: wanted.user, group: wanted.group, shown: shown)
      }
      if status.mode != wanted.mode || wanted.user != 0 || wanted.group != 0 {
        try directory.setMode(wanted.mode, shown: shown)
      }
      // As with dpkg, a directory that something was put into has the time of that.
      if !wanted.hasContent {
        try directory.setModified(
          seconds: wanted.modified.seconds, nanoseconds: wanted.modified.nanoseconds, shown: shown)
      }
    }
  }

  // MARK: Hooks

  /// Runs hooks as mmdebstrap does: programs and plain words directly, all else by sh, with the root as the
  /// argument.
  func hooks(_ hooks: [String], _ stage: String) throws {
    for hook in hooks {
      log.phase("running the \(stage) hook")
      if let special = try SpecialHook(hook) {
        try transfers.run(special)
        continue
      }
      var command = Command("/bin/sh", ["-c", hook, "exec", root.string])
      if !hook.utf8.contains(where: { !Self.isPlain($0) }), let program = Self.program(hook) {
        command = Command(program, [root.string])
      }
      command.environment =
        scripts.environment + [
          "MMDEBSTRAP_HOOK=" + stage, "MMDEBSTRAP_MODE=" + (order.isUnshared ? "unshare" : "root"),
          "MMDEBSTRAP_INCLUDE=" + order.include.map(Self.escaped).joined(separator: ","),
        ]
      let status = try log.run(command)
      if !status.isSuccess { throw ScriptFailure(what: "the \(stage) hook", status: status) }
    }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
    default: "_@%+=:,./-".utf8.contains(byte)
    }
  }

  private static func program(_ hook: String) -> FilePath? {
    if hook.contains("/") { return FilePath(hook) }
    return Command.find(hook)
  }

  private static func escaped(_ name: String) -> String {
    name.map { $0 == "%" ? "%25" : $0 == "," ? "%2C" : String($0) }.joined()
  }
}

/// Something of a package, or a hook, that ended badly.
struct ScriptFailure: Error, CustomStringConvertible {
  var what: String
  var status: ChildProcess.Status

  var description: String {
    switch status {
    case .exited(let code): "\(what) failed (exit status \(code))"
    case .signalled(let signal): "\(what) failed (signal \(signal))"
    }
  }
}

/// Does `count` pieces of work in up to `jobs` threads; the first error ends all.
///
/// - Parameter make: makes what each thread does with the number of a piece.
func inThreads(
  _ jobs: Int, count: Int, _ make: @escaping @Sendable () -> (Int) throws -> Void
) throws {
  let next = Atomic<Int>(0)
  let box = ParallelCount(next: next)
  let workers = (0..<max(1, min(jobs, count))).map { _ in
    Worker {
      let work = make()
      while let index = box.take(count) {
        do { try work(index) } catch {
          box.stop()
          throw error
        }
      }
    }
  }
  var failure: (any Error)?
  for worker in workers { do { try worker.join() } catch { failure = failure ?? error } }
  if let failure { throw failure }
}

private final class ParallelCount: Sendable {
  private let next: Atomic<Int>
  init(next: consuming Atomic<Int>) { self.next = next }
  func take(_ count: Int) -> Int? {
    let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
    return index < count ? index : nil
  }
  func stop() { next.store(Int.max / 2, ordering: .relaxed) }
}
