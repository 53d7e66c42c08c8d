import Debian
import Glibc
import Posix
import SystemPackage

/// Verifies what an archive signs, by gpgv.
struct SignatureCheck {
  /// The keyrings that are believed when a source names none; empty for the machine's own.
  var keyrings: [FilePath]
  /// A directory for temporary files.
  var folder: FilePath

  /// What is signed in a clear-signed message.
  ///
  /// - Parameters:
  ///   - message: `InRelease`: one clear-signed message and nothing else.
  ///   - signedBy: the keys that may have signed it; nil for all that are believed.
  /// - Returns: the signed text as gpgv gives it out, so that nothing unsigned can be in it.
  /// - Throws: `BootstrapError.untrusted` that says why, in a person's words.
  func signedText(
    of message: [UInt8], signedBy: AptSource.SignedBy?, url: String
  ) throws(BootstrapError) -> [UInt8] {
    guard Self.isOneMessage(message) else {
      throw .untrusted(url, reason: "it is no clear-signed message: the mirror sends something else")
    }
    let name = temporaryName("release")
    let file = folder.appending(name)
    let output = folder.appending(name + "-text")
    try writeHostFile(file, message, permissions: 0o600)
    defer { for path in [file, output] { _ = path.withPlatformString { unlink($0) } } }
    try run(["--output", output.string, file.string], signedBy: signedBy, url: url)
    return try readHostFile(output, limit: 32 << 20)
  }

  /// Verifies a text by a signature beside it: `Release` and `Release.gpg`.
  func verify(
    _ text: [UInt8], signature: [UInt8], signedBy: AptSource.SignedBy?, url: String
  ) throws(BootstrapError) {
    let name = temporaryName("release")
    let file = folder.appending(name)
    let beside = folder.appending(name + "-signature")
    try writeHostFile(file, text, permissions: 0o600)
    try writeHostFile(beside, signature, permissions: 0o600)
    defer { for path in [file, beside] { _ = path.withPlatformString { unlink($0) } } }
    try run([beside.string, file.string], signedBy: signedBy, url: url)
  }

  /// Whether there is exactly one message with one block of signatures, and nothing around it.
  static func isOneMessage(_ message: [UInt8]) -> Bool {
    let begin = Array("-----BEGIN PGP SIGNED MESSAGE-----".utf8)
    let signature = Array("-----BEGIN PGP SIGNATURE-----".utf8)
    let end = Array("-----END PGP SIGNATURE-----".utf8)
    guard message.starts(with: begin) else { return false }
    var begins = 0
    var signatures = 0
    var ends = 0
    for line in message.split(separator: 0x0a, omittingEmptySubsequences: false) {
      if ends > 0, !line.allSatisfy({ $0 <= 0x20 }) { return false }
      guard line.first == 0x2d else { continue }
      if line.starts(with: begin) { begins += 1 }
      if line.starts(with: signature) { signatures += 1 }
      if line.starts(with: end) { ends += 1 }
    }
    return begins == 1 && signatures == 1 && ends == 1
  }

  private func run(
    _ arguments: [String], signedBy: AptSource.SignedBy?, url: String
  ) throws(BootstrapError) {
    guard let gpgv = Command.find("gpgv") else { throw .missingProgram("gpgv", package: "gpgv") }
    let (keys, fingerprints) = try keys(signedBy)
    let keyring = folder.appending(temporaryName("keyring") + ".gpg")
    try writeHostFile(keyring, keys, permissions: 0o600)
    defer { _ = keyring.withPlatformString { unlink($0) } }
    var command = Command(
      gpgv, ["--homedir", folder.string, "--status-fd", "1", "--keyring", keyring.string] + arguments)
    command.environment = Command.cleanEnvironment
    let status = SignatureStatus()
    let reader = EngineLog(program: "gpgv", onLine: { line in status.add(line) })
    // Its exit code is no measure: it fails when one of several signatures is by a key that is not known.
    _ = try EngineProcess(command, log: reader, capturesOutput: true).finish()
    let result = status.result
    let good = result.valid.filter { signer in
      fingerprints.isEmpty || signer.contains { key in fingerprints.contains { key.hasSuffix($0) } }
    }
    if result.hasBad { throw .untrusted(url, reason: "its signature is wrong: it was changed on the way") }
    if !good.isEmpty { return }
    if !result.valid.isEmpty {
      throw .untrusted(url, reason: "it is signed by a key that its source does not name (Signed-By)")
    }
    if let expired = result.expired {
      throw .untrusted(url, reason: "the key \(expired) that signed it has expired or was revoked")
    }
    if !result.missing.isEmpty {
      throw .untrusted(
        url, reason: "it is signed by \(result.missing.joined(separator: ", ")), which no keyring has")
    }
    throw .untrusted(url, reason: reader.lastLines.last ?? "gpgv found no signature")
  }

  /// The keys as one binary keyring, and the fingerprints that signatures are limited to.
  private func keys(
    _ signedBy: AptSource.SignedBy?
  ) throws(BootstrapError) -> (bytes: [UInt8], fingerprints: [String]) {
    var fingerprints: [String] = []
    var paths: [FilePath] = []
    if keyrings.isEmpty {
      switch signedBy {
      case .embedded(let key):
        guard let bytes = Keyring.binary(Array(key.utf8)) else {
          throw .badKeyring("Signed-By", reason: "its armour is broken")
        }
        return (bytes, [])
      case .names(let names):
        for name in names {
          if name.hasPrefix("/") {
            paths.append(FilePath(name))
          } else {
            fingerprints.append(String(name.uppercased().filter { $0 != "!" }))
          }
        }
      case nil: break
      }
    } else {
      paths = keyrings
    }
    var bytes: [UInt8] = []
    if paths.isEmpty {
      for path in try Self.machineKeyrings() { bytes += try Self.keyring(path) }
    }
    for path in paths {
      let files = try Self.files(path)
      if files.isEmpty { throw .badKeyring(path, reason: "it has no .gpg or .asc file") }
      for file in files { bytes += try Self.keyring(file) }
    }
    if bytes.isEmpty {
      throw .badKeyring("/usr/share/keyrings", reason: "there is no keyring (package debian-archive-keyring)")
    }
    return (bytes, fingerprints)
  }

  /// Debian's keyring, and what apt trusts beside it.
  private static func machineKeyrings() throws(BootstrapError) -> [FilePath] {
    var list: [FilePath] = []
    let debian: FilePath = "/usr/share/keyrings/debian-archive-keyring.gpg"
    if fileExists(debian) { list.append(debian) }
    let trusted: FilePath = "/etc/apt/trusted.gpg.d"
    if fileExists(trusted) { list += try files(trusted) }
    return list
  }

  private static func files(_ path: FilePath) throws(BootstrapError) -> [FilePath] {
    do throws(PosixError) {
      let directory: Descriptor
      do throws(PosixError) {
        directory = try openFile(path, .directory)
      } catch {
        if error.errno == .notDirectory { return [path] }
        throw error
      }
      return try listDirectory(directory.raw, shown: path.string).compactMap { name in
        let name = String(decoding: name, as: UTF8.self)
        return name.hasSuffix(".gpg") || name.hasSuffix(".asc") ? path.appending(name) : nil
      }
    } catch {
      throw .badKeyring(path, reason: "\(error.errno)")
    }
  }

  private static func keyring(_ path: FilePath) throws(BootstrapError) -> [UInt8] {
    guard let bytes = Keyring.binary(try readKeyring(path)) else {
      throw .badKeyring(path, reason: "its armour is broken")
    }
    return bytes
  }
}

/// What gpgv says of signatures on its status lines (GnuPG's doc/DETAILS).
private final class SignatureStatus: Sendable {
  struct Result {
    /// The fingerprints of the keys of each valid signature: the signing key's and the primary key's.
    var valid: [[String]] = []
    var hasBad = false
    var expired: String?
    var missing: [String] = []
    /// Whether the signature that is being told of is good.
    var isGood = false
  }

  private let state = Monitor(Result())

  var result: Result { state.change { $0 } }

  func add(_ line: String) {
    let words = line.split(separator: " ").map(String.init)
    guard words.count > 1, words[0] == "[GNUPG:]", words.count > 2 || words[1] == "NEWSIG" else { return }
    state.change { state in
      switch words[1] {
      case "NEWSIG": state.isGood = false
      case "GOODSIG": state.isGood = true
      // Said of good signatures by expired keys too. The hash must be none that is broken: MD5, SHA-1,
      // RIPEMD-160 (RFC 4880, 9.4).
      case "VALIDSIG" where words.count > 11 && state.isGood && !["1", "2", "3"].contains(words[9]):
        state.valid.append([words[2], words[11]])
      case "BADSIG": state.hasBad = true
      case "EXPKEYSIG", "REVKEYSIG", "EXPSIG": state.expired = words[2]
      case "NO_PUBKEY": state.missing.append(words[2])
      default: break
      }
    }
  }
}
