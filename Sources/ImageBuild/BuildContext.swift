import Cache
import Digest
import Fetch
public import Image
import OCI
import Posix
public import SystemPackage

/// What a run of builds is given.
public struct BuildSettings: Sendable {
  /// The cache's folder, for the tools.
  public var cache: FilePath
  /// Where `NAME.oci.tar` go.
  public var output: FilePath
  /// How many stages run at once, and how many threads each may have.
  public var jobs: Int
  /// Whether nobody is asked over the network.
  public var isOffline = false
  /// Whether archives that have expired are taken.
  public var takesExpired = false
  /// Whether everything is only looked at, and nothing made.
  public var isDryRun = false
  /// Whether the others go on when one fails.
  public var keepsGoing = false
  /// `SOURCE_DATE_EPOCH`.
  public var epoch: String?
  /// What reaches registries.
  public var remote: (any RemoteStores)?
  /// The options by which tools reach them as well.
  public var registryOptions: [String] = []

  /// Settings.
  public init(cache: FilePath, output: FilePath, jobs: Int) {
    self.cache = cache
    self.output = output
    self.jobs = jobs
  }
}

/// What all stages of a run share.
struct BuildContext: Sendable {
  var settings: BuildSettings
  var tools: ToolSet
  var store: StageStore
  var fingerprints: InputFingerprints
  var archives: ArchiveStates
  var sources: ImageSources
  var files: FileStates
  var plans: PackagePlans
  var slots: BuildSlots
  var observer: BuildObserver
  let known = Monitor<[FilePath: String]>([:])

  var folder: BuildFolder { store.folder }

  /// The digest of a program, looked up once in a run.
  func fingerprint(_ program: FilePath) throws -> String {
    try known.change { known in
      if let digest = known[program] { return digest }
      let digest = try fingerprints.digest(of: program, .content)
      known[program] = digest
      return digest
    }
  }

  /// The time that new files on top of an image get.
  func time(of base: StageResult) -> Int64 { settings.epoch.flatMap { Int64($0) } ?? base.created ?? 0 }

  /// Puts what a URL has into a file; the cache keeps it.
  func fetch(_ url: String, _ digest: Digest, to path: FilePath) throws {
    if try store.cache.mark(of: digest) != nil, try store.cache.link(digest, to: path) { return }
    if settings.isOffline {
      throw ImageBuildError("\(url) is not in the cache, and --offline asks nobody")
    }
    let source = try HTTPSource(url)
    let file = try openFile(path, .createNew(0o644))
    var hash = SHA256()
    try withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 4096) { buffer in
      while case let count = try source.read(into: buffer), count > 0 {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        hash.update(bytes)
        try file.write(bytes)
      }
    }
    let found = hash.finish()
    if found != digest { throw ImageBuildError("\(url) has the SHA-256 \(found.hex) and not \(digest.hex)") }
    _ = try store.cache.adopt(path, as: digest)
  }
}
