public import Debian
import Posix
import SystemPackage

/// A program that makes a base system.
public protocol Engine: Sendable {
  /// Its name, as `--engine` takes it.
  var name: String { get }

  /// Checks that it is installed and can do what is asked, before any work is done.
  func check(_ request: BootstrapRequest) throws(BootstrapError)

  /// The sources that it will use of those that were named or found.
  func sources(of mirrors: MirrorList, for request: BootstrapRequest) throws(BootstrapError) -> [AptSource]

  /// Makes the system and lends it to `body`. Nothing of it is left when this returns or throws.
  ///
  /// - Throws: what `body` throws; `BootstrapError` when the engine fails, even after it has given a
  ///   whole tree.
  func run<Result>(
    _ job: BootstrapJob, _ body: (BootstrapTree) throws -> Result
  ) throws -> Result
}

/// The engines that there are.
public enum EngineName: String, CaseIterable, Sendable {
  /// mmdebstrap, with apt.
  case mmdebstrap
  /// debootstrap.
  case debootstrap
  /// Garboard itself.
  case native

  /// The engine of this name.
  ///
  /// - Parameters:
  ///   - storage: where the native engine makes the tree.
  ///   - jobs: how many packages it unpacks at a time.
  public func engine(storage: NativeEngine.Storage = .auto, jobs: Int? = nil) -> any Engine {
    switch self {
    case .mmdebstrap: MmdebstrapEngine()
    case .debootstrap: DebootstrapEngine()
    case .native: NativeEngine(storage: storage, jobs: jobs, NativeEngine.planned)
    }
  }
}

/// Who is told what happens.
public struct BootstrapObserver: Sendable {
  /// Gets each line that the engine writes.
  public var line: (@Sendable (String) -> Void)?
  /// Gets the name of each step of the work.
  public var phase: (@Sendable (String) -> Void)?

  /// An observer; both are called from another thread.
  public init(
    line: (@Sendable (String) -> Void)? = nil, phase: (@Sendable (String) -> Void)? = nil
  ) {
    self.line = line
    self.phase = phase
  }
}

/// All that an engine needs to know.
public struct BootstrapJob: Sendable {
  /// What to make.
  public let request: BootstrapRequest
  /// From where.
  public let mirrors: MirrorList
  /// The newest time that an entry may have, in seconds since 1970.
  public let epoch: Int64
  /// Who is told what happens.
  public let observer: BootstrapObserver
  /// A directory for temporary files.
  let folder: FilePath
}

/// Makes base systems.
public struct Bootstrapper: Sendable {
  /// What to make.
  public var request: BootstrapRequest
  /// What makes it.
  public var engine: any Engine
  /// Who is told what happens.
  public var observer: BootstrapObserver

  /// A bootstrap of `request` by `engine`.
  public init(
    _ request: BootstrapRequest, engine: any Engine, observer: BootstrapObserver = BootstrapObserver()
  ) {
    self.request = request
    self.engine = engine
    self.observer = observer
  }

  /// The mirrors that will be used: those that are named, or the machine's own.
  public func mirrors() throws(BootstrapError) -> MirrorList {
    if !request.mirrors.isEmpty {
      return try MirrorList(
        named: request.mirrors, suite: request.suite, components: request.components
      ) { () throws(BootstrapError) in
        do throws(PosixError) {
          return try readAll(0, name: "standard input", limit: 16 << 20)
        } catch {
          throw .system(error)
        }
      }
    }
    return try MirrorList(
      machine: try MirrorList.machineSources(), suite: request.suite, components: request.components,
      suites: try MirrorList.machineSuites(), keepSignedBy: request.keyrings.isEmpty)
  }

  /// Makes the base system and lends it to `body`. Nothing of it is left when this returns or throws.
  ///
  /// - Parameter known: what `mirrors()` gave before; standard input can be read only once.
  /// - Throws: what `body` throws; `BootstrapError`.
  public func run<Result>(
    from known: MirrorList? = nil, _ body: (BootstrapTree) throws -> Result
  ) throws -> Result {
    try request.validate()
    try engine.check(request)
    let mirrors = try known ?? mirrors()
    let sources = try engine.sources(of: mirrors, for: request)
    let folder = try WorkFolder()
    let epoch: Int64
    if let given = request.sourceDateEpoch {
      epoch = given
    } else {
      observer.phase?("reading the archive's date")
      epoch = try archiveDate(of: sources, aptOptions: request.aptOptions, in: folder.path)
    }
    let job = BootstrapJob(
      request: request, mirrors: mirrors, epoch: epoch, observer: observer, folder: folder.path)
    let result = try engine.run(job, body)
    try folder.remove()
    return result
  }
}
