import Glibc
import OCI
import Posix
import SystemPackage

/// A program `docker-credential-NAME` that keeps credentials.
///
/// It is the user's own, so it gets the user's environment: it may need a session bus, a key ring, a home.
struct CredentialHelper {
  private let name: String
  private let program: FilePath

  init(name: String) throws {
    guard !name.isEmpty, name.utf8.count <= 100,
      name.utf8.allSatisfy({ isAlphanumeric($0) || [0x2d, 0x2e, 0x5f].contains($0) })
    else {
      throw RegistryError(.helper("\"\(name.prefix(100))\"", problem: "has no name of a program"), at: "")
    }
    let program = "docker-credential-" + name
    let folders = (environmentVariable("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
    let found = folders.filter { $0.hasPrefix("/") }.map { FilePath(String($0)).appending(program) }
      .first { $0.withPlatformString { access($0, X_OK) } == 0 }
    guard let found else { throw RegistryError(.helper(program, problem: "is not in PATH"), at: "") }
    self.name = program
    self.program = found
  }

  /// What it has for a registry; nil when it has nothing.
  func credentials(for server: String) throws -> Credentials? {
    let input = try makeMemoryFile()
    let output = try makeMemoryFile()
    try Array(server.utf8).withUnsafeBytes { try input.write($0, at: 0) }
    var command = Command(program, ["get"], environment: wholeEnvironment())
    command.input = .descriptor(input.raw)
    command.output = .descriptor(output.raw)
    let status = try command.start().wait()
    var bytes = [UInt8](repeating: 0, count: Int(min(try output.size(), 1 << 20)))
    let count = try bytes.withUnsafeMutableBytes { try readFull(output.raw, into: $0, at: 0) }
    bytes.removeLast(bytes.count - count)
    let text = String(decoding: bytes, as: UTF8.self)
    if !status.isSuccess {
      // The words of the helpers' common library.
      if text.contains("credentials not found") { return nil }
      throw RegistryError(.helper(name, problem: "failed"), at: "")
    }
    guard let answer = try? JSONValue(parsing: bytes).object, let user = answer["Username"]?.string,
      let secret = answer["Secret"]?.string
    else { throw RegistryError(.helper(name, problem: "gave no credentials in JSON"), at: "") }
    if secret.isEmpty { return nil }
    return user == "<token>" ? .identityToken(secret) : .basic(user: user, password: secret)
  }
}
