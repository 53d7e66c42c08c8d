import OCI
import Posix
import SystemPackage

/// What shows a registry who asks.
enum Credentials: Equatable, Sendable {
  /// A name and a password.
  case basic(user: String, password: String)
  /// An identity token, which is exchanged for others (OAuth 2's refresh token).
  case identityToken(String)

  /// The value of the `Authorization` field that has them.
  static func basicField(_ user: String, _ password: String) -> String {
    "Basic " + Base64.encoded(Array("\(user):\(password)".utf8))
  }
}

/// Finds credentials where docker and podman keep them: containers-auth.json(5), docker's `config.json`.
struct CredentialFiles: Sendable {
  /// The files, of which the first that has something for a registry counts.
  let files: [FilePath]

  /// Where the environment says; `given` instead, when it is there.
  init(_ given: [FilePath]? = nil) {
    if let given {
      files = given
      return
    }
    if let file = environmentVariable("REGISTRY_AUTH_FILE") {
      files = [FilePath(file)]
      return
    }
    var files: [FilePath] = []
    if let run = environmentVariable("XDG_RUNTIME_DIR"), run.hasPrefix("/") {
      files.append(FilePath(run).appending("containers/auth.json"))
    } else {
      files.append(FilePath("/run/containers").appending("\(userIdentifier())").appending("auth.json"))
    }
    let docker =
      environmentVariable("DOCKER_CONFIG").map { FilePath($0) } ?? homeDirectory().appending(".docker")
    files.append(docker.appending("config.json"))
    self.files = files
  }

  /// The credentials for a repository of a registry; nil when there are none.
  ///
  /// - Throws: `RegistryError` for files that can't be used, and helpers that fail.
  func find(host: String, repository: String) throws -> Credentials? {
    for file in files {
      if let found = try find(in: file, host: host, repository: repository) { return found }
    }
    return nil
  }

  private func find(in file: FilePath, host: String, repository: String) throws -> Credentials? {
    func refused(_ problem: String) -> RegistryError {
      RegistryError(.configuration(file: file.string, problem: problem), at: "")
    }
    guard let bytes = try readSmallFile(file), !bytes.isEmpty else { return nil }
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes) } catch { throw refused("\(error)") }
    guard let document = json.object else { throw refused("it is no JSON object") }
    let keys = Self.keys(host: host, repository: repository)
    for key in keys {
      if let helper = document["credHelpers"]?.object?[key]?.string {
        return try CredentialHelper(name: helper).credentials(for: key)
      }
    }
    if let store = document["credsStore"]?.string, !store.isEmpty {
      for key in keys.suffix(host == Self.docker ? 2 : 1) {
        if let found = try CredentialHelper(name: store).credentials(for: key) { return found }
      }
    }
    guard let entries = document["auths"]?.object else { return nil }
    for key in keys {
      // Docker writes URLs, with a path that means nothing.
      for member in entries.members where Self.plainKey(member.name) == Self.plainKey(key) {
        if let found = try Self.entry(member.value, refused) { return found }
      }
    }
    return nil
  }

  private static let docker = "registry-1.docker.io"
  private static let dockerKey = "https://index.docker.io/v1/"

  /// The keys of a repository, the most particular first.
  private static func keys(host: String, repository: String) -> [String] {
    let name = host == docker ? "docker.io" : host
    var keys: [String] = []
    var parts = repository.split(separator: "/")
    while !parts.isEmpty {
      keys.append(name + "/" + parts.joined(separator: "/"))
      parts.removeLast()
    }
    return keys + (host == docker ? ["docker.io", dockerKey] : [name])
  }

  private static func plainKey(_ key: String) -> String {
    var rest = key[...]
    var wasURL = false
    for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) {
      rest = rest.dropFirst(scheme.count)
      wasURL = true
    }
    // Only docker's own URLs have a path of an interface; podman's keys have one of a repository.
    if wasURL || rest.hasSuffix("/v1/") || rest.hasSuffix("/v2/") { rest = rest.prefix { $0 != "/" } }
    return rest == "index.docker.io" ? "docker.io" : String(rest)
  }

  private static func entry(_ value: JSONValue, _ refused: (String) -> RegistryError) throws -> Credentials? {
    guard let entry = value.object else { throw refused("an entry of auths is \(value.kind), not an object") }
    if let token = entry["identitytoken"]?.string, !token.isEmpty { return .identityToken(token) }
    if let text = entry["auth"]?.string, !text.isEmpty {
      guard let bytes = Base64.decoded(text), let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else {
        throw refused("an auth is not NAME:PASSWORD in base 64")
      }
      let password = bytes[(colon + 1)...].filter { $0 != 0 }
      return .basic(
        user: String(decoding: bytes[..<colon], as: UTF8.self),
        password: String(decoding: password, as: UTF8.self))
    }
    if let user = entry["username"]?.string, let password = entry["password"]?.string {
      return .basic(user: user, password: password)
    }
    return nil
  }
}

/// A file of at most 1 MiB; nil when it isn't there.
func readSmallFile(_ path: FilePath) throws -> [UInt8]? {
  guard let file = try openIfThere(path) else { return nil }
  let size = try file.size()
  if size > 1 << 20 {
    throw RegistryError(.configuration(file: path.string, problem: "it has more than 1 MiB"), at: "")
  }
  var bytes = [UInt8](repeating: 0, count: Int(size))
  let count = try bytes.withUnsafeMutableBytes { try readFull(file.raw, into: $0, at: 0) }
  bytes.removeLast(bytes.count - count)
  return bytes
}

private func openIfThere(_ path: FilePath) throws(PosixError) -> Posix.Descriptor? {
  do {
    return try openFile(path, .read)
  } catch {
    if error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory { return nil }
    throw error
  }
}
