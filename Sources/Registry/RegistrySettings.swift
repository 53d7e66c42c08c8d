import OCI
public import SystemPackage

/// How registries are reached, as the user says it.
public struct RegistrySettings: Sendable {
  /// Registries (`HOST` or `HOST:PORT`) whose certificate is not verified, and that may speak plain HTTP.
  public var insecure: Set<String> = []
  /// Certificates (PEM) to trust instead of the system's.
  public var authorities: FilePath?
  /// Where credentials are looked for; where the environment says when nil.
  public var credentialFiles: [FilePath]?
  /// The files of mirrors and insecure hosts, of which the later ones count more; the machine's when nil.
  public var configurationFiles: [FilePath]?
  /// How many blobs move at once.
  public var jobs = 4
  /// How often a request is tried again that failed for a reason that may pass.
  public var retries = 6
  /// From how many bytes on a blob is sent in pieces of that size, so that it can go on where it was.
  public var chunkSize: UInt64 = 64 << 20
  /// Is told what is tried again, in a person's words.
  public var notice: @Sendable (String) -> Void = { _ in }

  /// The defaults.
  public init() {}
}

/// One place that holds what a reference names: the registry itself, or a mirror.
struct Endpoint: Hashable, Sendable {
  /// `HOST[:PORT]`.
  var host: String
  /// The repository there.
  var repository: String
  /// Whether its certificate is not verified, and it may speak plain HTTP.
  var isInsecure: Bool
  /// Whether it is only asked for what has a digest.
  var isForDigestsOnly = false

  /// Docker's registry has another name than its images.
  static func realHost(of domain: Reference.Domain) -> String {
    domain == .docker ? "registry-1.docker.io" : domain.description
  }

  /// Whether plain HTTP may be spoken.
  var allowsPlain: Bool {
    isInsecure || ServerURL.hostAndPort(host).map { ServerURL.isLoopback($0.host) } ?? false
  }
}
