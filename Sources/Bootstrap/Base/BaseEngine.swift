import Archive
public import Debian
import Glibc
import Posix
import Rootfs
import SystemPackage

/// Adds packages to an image. Its tree has what changes in the image, as the entries of one layer.
public struct BaseEngine: Engine {
  private let native: NativeEngine
  private let base: BaseSystem

  /// The engine.
  ///
  /// - Parameters:
  ///   - base: the image, read to its end.
  ///   - native: how work is done, and where the packages that are added come from.
  public init(on base: BaseSystem, native: NativeEngine) {
    self.base = base
    self.native = native
  }

  /// `native`.
  public var name: String { native.name }

  /// Refuses what can't be done with the image.
  public func check(_ request: BootstrapRequest) throws(BootstrapError) {
    let hooks = request.hooks
    if !hooks.extract.isEmpty || !hooks.essential.isEmpty {
      throw .badCombination(
        "an extract or essential hook", with: "a base",
        instead: "--setup-hook runs before the packages come, --customize-hook after")
    }
    if base.packages.kind == .configured {
      if !request.resolvesDependencies {
        throw .badCombination(
          "--no-dependencies", with: "a base whose packages are configured",
          instead: "dpkg configures no package without what it needs")
      }
      var native = request
      native.variant = .minbase
      return try self.native.check(native)
    }
    if !hooks.setup.isEmpty || !hooks.customize.isEmpty || !request.aptOptions.isEmpty
      || !request.dpkgOptions.isEmpty
    {
      throw .badCombination(
        "a hook or a line of configuration", with: "a base whose packages are only unpacked",
        instead: "nothing runs there")
    }
  }

  /// All of them.
  public func sources(
    of mirrors: MirrorList, for request: BootstrapRequest
  ) throws(BootstrapError) -> [AptSource] { mirrors.sources }

  /// The request as it is checked: where nothing is configured, it is one of the variant extract.
  public static func request(_ request: BootstrapRequest, on base: BasePackages) -> BootstrapRequest {
    var request = request
    request.variant = base.kind == .configured ? .minbase : .extract
    return request
  }

  /// Makes the layer, in a process of its own where scripts run.
  public func run<Result>(_ job: BootstrapJob, _ body: (BootstrapTree) throws -> Result) throws -> Result {
    let packages = try native.provide(job)
    let files = try OpenPackages(packages, jobs: native.jobs ?? processorCount())
    let root = job.folder.appending("root")
    var order = RootOrder(
      root: root.string, epoch: job.epoch, jobs: UInt32(native.jobs ?? processorCount()),
      architecture: try job.request.architecture ?? hostArchitecture(), suite: job.request.suite)
    order.packages = files.packages
    order.include = job.request.include
    order.pathRules = job.request.pathRules.rules.map(\.option)
    if base.packages.kind != .configured {
      let entries = try BaseEntries(base, ExtractedEntries(order, onto: base, temporary: job.folder))
      let result = try body(
        BootstrapTree(content: .entries(entries), normaliser: .mmdebstrap(epoch: job.epoch)))
      files.keepData()
      return result
    }
    order.isUnshared = native.isUnshared(job.request)
    order.storage = try native.storage(packages, besides: base.packages.installedSize)
    order.files = try RootFiles.configuration(job)
    order.setupHooks = job.request.hooks.setup
    order.customizeHooks = job.request.hooks.customize
    order.requested = job.request.include.map { String($0.prefix { !"=/:".contains($0) }) }
      .filter { base.packages.automatic.contains($0) }
    return try native.withFolder(of: order, job) { try run(order, files, job, body) }
  }

  private func run<Result>(
    _ given: RootOrder, _ files: OpenPackages, _ job: BootstrapJob, _ body: (BootstrapTree) throws -> Result
  ) throws -> Result {
    var order = given
    var output = try Pipe()
    var input = try Pipe()
    let tarWriter = output.takeWriter()
    // Away from the numbers of the standard streams.
    let baseReader = Descriptor(owning: try input.takeReader().duplicate().release())
    let baseWriter = input.takeWriter()
    order.base = baseReader.raw
    let outside = try HookOutside(SpecialHook.all(job.request.hooks.inOrder))
    order.transferEnds = outside.others
    var command = try native.command(order, job)
    command.inherited = files.inherited + [order.base] + order.transferEnds
    let file = try NativeEngine.file(of: order, in: job.folder)
    command.input = .descriptor(file.raw)
    command.output = .descriptor(tarWriter.raw)
    let log = EngineLog(program: name, onLine: job.observer.line, onPhase: job.observer.phase)
    let process = try EngineProcess(command, log: log, capturesOutput: false)
    _ = consume tarWriter
    _ = consume baseReader
    outside.start()
    let tar = TarStream(output.takeReader(), process: process, log: log)
    var writer = Optional(baseWriter)
    func feed() throws {
      guard let writer = writer.take() else { return }
      do {
        try send(to: writer.raw)
      } catch let error as PosixError {
        // It has ended; why, its own words say.
        if error.errno == .brokenPipe { try tar.drain() }
        throw error
      }
    }
    let result = try tar.lend(epoch: job.epoch, showsOutput: true, feed: feed, body)
    files.keepData()
    return result
  }

  /// Sends the base's tree as a tar.
  private func send(to raw: Int32) throws {
    let output = BufferedOutput(raw)
    let sink = TarSink(TarWriter { try output.add($0) })
    try base.send(to: sink)
    try sink.writer.finish()
    try output.flush()
  }
}

/// Entries as a tar.
private final class TarSink: EntrySink {
  let writer: TarWriter

  init(_ writer: TarWriter) { self.writer = writer }

  func add(_ entry: Entry) throws { try writer.add(entry) }
  func write(_ bytes: UnsafeRawBufferPointer) throws { try writer.write(bytes) }
  func restart() throws -> any EntrySource { throw PosixError("go back in", "a pipe", .illegalSeek) }
}
