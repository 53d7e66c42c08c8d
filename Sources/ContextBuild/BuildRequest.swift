public import Codec
public import Digest
public import Dockerfile
public import Image
public import OCI
public import SystemPackage

/// What is built, and how.
public struct BuildRequest: Sendable {
  /// The Dockerfile's name, for messages.
  public var file: String
  /// The Dockerfile.
  public var text: [UInt8]
  /// The directory that `COPY` and `ADD` take files from; nil for none.
  public var context: FilePath?
  /// What of the context is left out.
  public var ignored = IgnorePatterns()
  /// The stage that is wanted, by name or number; the last when nil.
  public var target: String?
  /// Values of `ARG`s.
  public var arguments: [String: String] = [:]
  /// The platform that is built for.
  public var platform: Platform?
  /// What stands for the name of an image or context: a location of images, or a directory.
  public var contexts: [String: String] = [:]
  /// The digests that files must have that `ADD` fetches, by URL.
  public var digests: [String: Digest] = [:]
  /// Whether layers of earlier builds are used.
  public var usesCache = true
  /// Whether the layers of the instructions become one.
  public var joinsLayers = false
  /// How layers are compressed.
  public var compression = CompressionSettings.default
  /// When the image was made; by the newest time in its content when nil.
  public var created: CreationTime?
  /// Threads that compress.
  public var jobs = 1
  /// Instructions that change the configuration at the end.
  public var changes: [Instruction] = []
  /// Annotations of the manifest.
  public var annotations: [String: String] = [:]
  /// What reaches registries; nil where they can't be.
  public var remote: (any RemoteStores)?

  /// A build.
  public init(file: String, text: [UInt8], context: FilePath?) {
    self.file = file
    self.text = text
    self.context = context
  }
}

/// A step that was done.
public struct BuildStep: Sendable {
  /// The stage: its name, or `stage-N`.
  public var stage: String
  /// Which instruction of it, from 1 for `FROM`.
  public var number: Int
  /// How many it has.
  public var count: Int
  /// The instruction on one line.
  public var text: String
  /// Whether its layer was found in the cache; nil when it makes none.
  public var isCached: Bool?
  /// How long it took.
  public var duration: Duration

  /// "[build 2/5] COPY a /".
  public var title: String { "[\(stage) \(number)/\(count)] \(text)" }
}
