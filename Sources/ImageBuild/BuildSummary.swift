/// What a run made.
public struct BuildSummary: Sendable {
  /// What became of something; later ones are worse.
  public enum Status: Int, Sendable, Comparable {
    /// It was found.
    case cached
    /// It was made.
    case built
    /// A dry run would make it.
    case wouldBuild
    /// It was not begun: something that it needs failed, or the run was stopped.
    case skipped
    /// It failed.
    case failed

    /// Better first.
    public static func < (one: Status, other: Status) -> Bool { one.rawValue < other.rawValue }

    /// Its name in `--json`.
    public var name: String {
      switch self {
      case .cached: "cached"
      case .built: "built"
      case .wouldBuild: "would-build"
      case .skipped: "skipped"
      case .failed: "failed"
      }
    }
  }

  /// A stage.
  public struct Stage: Sendable {
    /// Its name, as `packages`.
    public var name: String
    /// The tool that does it.
    public var tool: String
    /// What became of it.
    public var status: Status
    /// Why it was built.
    public var reason: BuildReason?
    /// The command lines that made it.
    public var commands: [String] = []
    /// How long that took.
    public var duration = Duration.zero
    /// The digest of the manifest that came out.
    public var digest: String?
    /// Whether the cache could keep it.
    public var isKept = true
  }

  /// An image of one platform.
  public struct Platform: Sendable {
    /// The platform.
    public var platform: String
    /// What became of it.
    public var status = Status.failed
    /// Its stages.
    public var stages: [Stage] = []
    /// Why there is none.
    public var failure: ImageBuildError?
    var result: StageResult?

    init(platform: String) { self.platform = platform }

    /// The digest of its manifest.
    public var digest: String? { result?.digest }
    /// Its layers, the lowest first.
    public var layers: [BuiltLayer] { result?.layers ?? [] }
  }

  /// The image of a recipe.
  public struct Image: Sendable {
    /// Its name.
    public var name: String
    /// Where its recipe is.
    public var recipe: String
    /// Whether it was asked for, or only needed by others.
    public var isWanted: Bool
    /// What became of it.
    public var status = Status.failed
    /// Its names.
    public var tags: [String] = []
    /// Where it is.
    public var outputs: [String] = []
    /// One for each platform.
    public var platforms: [Platform] = []
    /// How it stands to its budgets.
    public var budgets: [BudgetOutcome] = []
    /// What failed of the image as a whole.
    public var failures: [ImageBuildError] = []
    var top: (digest: String, size: UInt64)?

    init(name: String, recipe: String, isWanted: Bool) {
      self.name = name
      self.recipe = recipe
      self.isWanted = isWanted
    }

    /// The digest that its names lead to.
    public var digest: String? { top?.digest }

    /// All blobs of the image, each once, with their sizes.
    var blobs: [String: UInt64] {
      var blobs: [String: UInt64] = [:]
      for blob in platforms.compactMap(\.result).flatMap(\.blobs) { blobs[blob.digest] = blob.size }
      if let top { blobs[top.digest] = top.size }
      return blobs
    }
  }

  /// The images, each after those that it needs.
  public var images: [Image]

  /// All that failed.
  public var failures: [ImageBuildError] {
    images.flatMap { $0.platforms.compactMap(\.failure) + $0.failures }
  }

  /// Whether all that was asked for is there.
  public var isComplete: Bool { !images.contains { $0.status >= .skipped } }
}

/// What the images of a run take together.
public struct ImageFamily: Sendable {
  /// One image of the family.
  public struct Member: Sendable {
    /// Its name.
    public var name: String
    /// Bytes of all its blobs.
    public var size: UInt64
    /// How many layers it has, of all platforms.
    public var layers: Int
    /// Bytes of blobs that others of the family have too.
    public var shared: UInt64
    /// Bytes of blobs that only it has.
    public var unique: UInt64
  }

  /// The images.
  public var members: [Member] = []
  /// Bytes of the blobs that several have, each once.
  public var shared: UInt64 = 0
  /// Bytes of all blobs, each once: what an OCI layout with all images holds.
  public var total: UInt64 = 0

  /// The images of a run that are there and were asked for.
  public init(_ summary: BuildSummary) {
    let images = summary.images.filter { $0.isWanted && $0.status <= .built }
    var users: [String: Int] = [:]
    var sizes: [String: UInt64] = [:]
    for image in images {
      for (digest, size) in image.blobs {
        users[digest, default: 0] += 1
        sizes[digest] = size
      }
    }
    for image in images {
      let blobs = image.blobs
      let unique = blobs.filter { users[$0.key] == 1 }.values.reduce(0, &+)
      let size = blobs.values.reduce(0, &+)
      let layers = Set(image.platforms.flatMap { $0.layers.map(\.digest) })
      members.append(
        Member(
          name: image.name, size: size, layers: layers.count, shared: size - unique, unique: unique))
    }
    shared = sizes.filter { users[$0.key] != 1 }.values.reduce(0, &+)
    total = sizes.values.reduce(0, &+)
  }
}
