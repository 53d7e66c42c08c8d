public import Debian
public import Digest
import Glibc
import Posix
public import SystemPackage

/// Garboard's own engine: it unpacks packages itself, on all processors, and has the root's own dpkg
/// configure them, once.
public struct NativeEngine: Engine {
  /// Where the tree is made.
  public enum Storage: String, Sendable, CaseIterable {
    /// In memory when there is enough of it, else on the disk.
    case auto
    /// In memory.
    case memory
    /// In the temporary directory.
    case disk
  }

  /// Packages that are there as files, in the order that decides where packages disagree.
  public struct Packages: Sendable {
    /// One of them.
    public struct Package: Sendable {
      /// The .deb.
      public var file: FilePath
      /// When it is installed.
      public var stage: BootstrapPlan.Stage
      /// Whether it came as a dependency only.
      public var isAutomatic: Bool
      /// The size when unpacked, in KiB, as the package estimates it.
      public var installedSize: UInt64
      /// How much it belongs to a system, by the archive; nil for what the package says itself.
      public var priority: PackageRecord.Priority?
      /// Its SHA-256, where the cache has its files or should have them, decompressed.
      public var digest: Digest?
      /// Whether the cache should have them from now on.
      public var isKept = false

      /// A package.
      public init(
        file: FilePath, stage: BootstrapPlan.Stage, isAutomatic: Bool, installedSize: UInt64 = 0,
        priority: PackageRecord.Priority? = nil
      ) {
        self.file = file
        self.stage = stage
        self.isAutomatic = isAutomatic
        self.installedSize = installedSize
        self.priority = priority
      }
    }

    /// All of them, the first stage first.
    public var packages: [Package]
    /// Where decompressed files of packages are; nil for nowhere.
    public var cache: PackageCache?

    /// These packages.
    public init(_ packages: [Package]) { self.packages = packages }

    /// The packages of a plan, as they were fetched, in the plan's order.
    ///
    /// - Parameter cache: where their decompressed files are, and those of packages that are used again will be;
    ///   nil for nowhere.
    public init(_ plan: BootstrapPlan, _ fetched: [PackageFetch.Fetched], cache: PackageCache? = nil) {
      packages = zip(plan.packages, fetched).map { package, fetched in
        var one = Package(
          file: fetched.path, stage: package.stage, isAutomatic: package.isAutomatic,
          installedSize: package.record.installedSize, priority: package.record.priority)
        one.digest = package.record.sha256
        // What is used once need not be kept: most packages of a machine that builds one image, once.
        one.isKept = !fetched.isNew
        return one
      }
      self.cache = cache
    }
  }

  /// Where the tree is made.
  public var storage = Storage.auto
  /// How many packages are unpacked at a time; the number of processors when nil.
  public var jobs: Int?
  /// The program that makes the root: one whose `main` calls `RootProcess`.
  public var program: FilePath = "/proc/self/exe"
  let provide: @Sendable (BootstrapJob) throws -> Packages

  /// The engine.
  ///
  /// - Parameters:
  ///   - storage: where the tree is made.
  ///   - jobs: how many packages are unpacked at a time; the number of processors when nil.
  ///   - provide: finds and fetches the packages of a request.
  public init(
    storage: Storage = .auto, jobs: Int? = nil,
    _ provide: @escaping @Sendable (BootstrapJob) throws -> Packages
  ) {
    self.storage = storage
    self.jobs = jobs
    self.provide = provide
  }

  /// Plans and fetches with a cache: the request's, else one that lasts as long as the job.
  @Sendable public static func planned(_ job: BootstrapJob) throws -> Packages {
    let cache = try PackageCache(job.request.cache ?? job.folder.appending("cache"))
    let plan = try Planner(job.request, cache: cache).plan(job.mirrors.sources)
    return Packages(
      plan, try PackageFetch(into: cache).fetch(plan), cache: job.request.cache == nil ? nil : cache)
  }

  /// `native`.
  public var name: String { "native" }

  /// All variants.
  public func check(_ request: BootstrapRequest) throws(BootstrapError) {
    if request.variant == .extract {
      if !request.hooks.inOrder.isEmpty {
        throw .unsupported(engine: name, what: "hooks in the variant extract", instead: "mmdebstrap")
      }
      return
    }
    _ = try SpecialHook.all(request.hooks.inOrder)
    if request.mode == .root, geteuid() != 0 { throw .needsRoot(engine: "native in mode root") }
    if isUnshared(request), Command.find("newuidmap") == nil {
      throw .missingProgram("newuidmap", package: "uidmap")
    }
    if let architecture = request.architecture {
      try checkArchitecture(architecture)
    }
  }

  /// All of them.
  public func sources(
    of mirrors: MirrorList, for request: BootstrapRequest
  ) throws(BootstrapError) -> [AptSource] { mirrors.sources }

  func isUnshared(_ request: BootstrapRequest) -> Bool {
    request.mode == .unshare || (request.mode == .auto && geteuid() != 0)
  }

  /// Makes the root in a process of its own, whose tar is read from a pipe.
  public func run<Result>(_ job: BootstrapJob, _ body: (BootstrapTree) throws -> Result) throws -> Result {
    let packages = try provide(job)
    let files = try OpenPackages(packages, jobs: jobs ?? processorCount())
    let root = job.folder.appending("root")
    var order = RootOrder(
      root: root.string, epoch: job.epoch, jobs: UInt32(jobs ?? processorCount()),
      architecture: try job.request.architecture ?? hostArchitecture(), suite: job.request.suite)
    order.packages = files.packages
    order.isUnshared = isUnshared(job.request)
    order.storage = try storage(packages)
    order.include = job.request.include
    order.pathRules = job.request.pathRules.rules.map(\.option)
    order.files = try RootFiles.files(job)
    order.setupHooks = job.request.hooks.setup
    order.extractHooks = job.request.hooks.extract
    order.essentialHooks = job.request.hooks.essential
    order.customizeHooks = job.request.hooks.customize
    if job.request.variant == .extract {
      let entries = try ExtractedEntries(order, temporary: job.folder)
      defer { withExtendedLifetime(files) {} }
      let result = try body(
        BootstrapTree(content: .entries(entries), normaliser: .mmdebstrap(epoch: job.epoch)))
      files.keepData()
      return result
    }
    return try withFolder(of: order, job) { try run(order, files, job, body) }
  }

  private func run<Result>(
    _ given: RootOrder, _ files: OpenPackages, _ job: BootstrapJob, _ body: (BootstrapTree) throws -> Result
  ) throws -> Result {
    var order = given
    let outside = try HookOutside(SpecialHook.all(job.request.hooks.inOrder))
    order.transferEnds = outside.others
    var pipe = try Pipe()
    let writer = pipe.takeWriter()
    var command = try command(order, job)
    command.inherited = files.inherited + order.transferEnds
    let input = try Self.file(of: order, in: job.folder)
    command.input = .descriptor(input.raw)
    command.output = .descriptor(writer.raw)
    let log = EngineLog(program: name, onLine: job.observer.line, onPhase: job.observer.phase)
    let process = try EngineProcess(command, log: log, capturesOutput: false)
    _ = consume writer
    outside.start()
    let tar = TarStream(pipe.takeReader(), process: process, log: log)
    let result = try tar.lend(epoch: job.epoch, showsOutput: true, body)
    files.keepData()
    return result
  }

  /// The process that makes the root, in namespaces of its own.
  func command(_ order: RootOrder, _ job: BootstrapJob) throws(BootstrapError) -> Command {
    var command = Command(program, [RootProcess.argument])
    command.environment = engineEnvironment(temporary: job.folder, epoch: nil)
    command.isolation = [.mounts, .processes, .communication, .names, .session]
    if order.isUnshared {
      command.isolation.insert(.users)
      command.identities = try subordinateIdentities()
    }
    return command
  }

  static func file(of order: RootOrder, in folder: FilePath) throws(PosixError) -> Descriptor {
    let file = try makeTemporaryFile(in: folder)
    var failure: PosixError?
    order.encoded.withUnsafeBytes { bytes in
      do throws(PosixError) { try file.write(bytes, at: 0) } catch { failure = error }
    }
    if let failure { throw failure }
    return file
  }

  /// Does something while there is the folder that a root is made in, and leaves nothing in it that this user
  /// could not remove.
  func withFolder<Result>(
    of order: RootOrder, _ job: BootstrapJob, _ body: () throws -> Result
  ) throws -> Result {
    let root = FilePath(order.root)
    try makeDirectories(root, permissions: 0o755)
    let isForeignTree = order.isUnshared && order.storage == .disk
    // Its own root, which is another user outside, makes a directory in it.
    if isForeignTree { _ = root.withPlatformString { chmod($0, 0o777) } }
    defer { if isForeignTree { try? removeForeignTree(order, job) } }
    return try body()
  }

  /// Removes a tree on the disk that belongs to other users than this one.
  private func removeForeignTree(_ order: RootOrder, _ job: BootstrapJob) throws {
    var order = order
    order.removes = true
    order.packages = []
    var command = try command(order, job)
    let input = try Self.file(of: order, in: job.folder)
    command.input = .descriptor(input.raw)
    let log = EngineLog(program: name)
    _ = try EngineProcess(command, log: log, capturesOutput: true).finish()
  }

  /// Memory, when what is available is three times what the packages say they take, and then some.
  ///
  /// - Parameter besides: what else is in the tree, in KiB.
  func storage(_ packages: Packages, besides other: UInt64 = 0) throws(BootstrapError) -> RootOrder.Storage {
    switch storage {
    case .memory: return .memory
    case .disk: return .disk
    case .auto:
      let needed = packages.packages.reduce(0 as UInt64) { $0 + $1.installedSize } * 3 + (512 << 10) + other
      let text = String(decoding: try readHostFile("/proc/meminfo"), as: UTF8.self)
      let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
      let available = line.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { UInt64($0) } ?? 0
      return available > needed ? .memory : .disk
    }
  }
}

/// The ids that this user may give to a user namespace: its subordinate ones from 0 on.
func subordinateIdentities() throws(BootstrapError) -> IdentityMaps {
  let count: UInt32 = 65_536
  let user = geteuid()
  let name = userName(user)
  func first(_ file: FilePath) throws(BootstrapError) -> UInt32 {
    let text = fileExists(file) ? try readHostFile(file) : []
    guard let first = IdentityMaps.subordinate(in: text, of: user, named: name, count: count) else {
      throw .noSubordinateIdentities(file)
    }
    return first
  }
  return IdentityMaps(
    users: [.init(inside: 0, outside: try first("/etc/subuid"), count: count)],
    groups: [.init(inside: 0, outside: try first("/etc/subgid"), count: count)])
}
