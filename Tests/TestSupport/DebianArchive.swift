import Glibc
import Posix
public import SystemPackage

/// A small signed archive of hand-made packages, laid out as Debian's: `dists/SUITE`, `pool`.
///
/// Packages are built by dpkg-deb, indexed by dpkg-scanpackages and signed by gpg with a key made for
/// the occasion, so that what reads it is tested against what the world writes.
public final class DebianArchive: Sendable {
  /// One hand-made package.
  public struct Package: Sendable {
    /// Its name.
    public var name: String
    /// Its version.
    public var version: String
    /// Its architecture; `all` for every one.
    public var architecture: String
    /// Further control fields, as `Essential: yes`.
    public var fields: [String]
    /// Its files: a path without a leading slash, and the content.
    public var files: [(path: String, content: String)]
    /// Maintainer scripts by name, as `postinst`.
    public var scripts: [(name: String, content: String)]

    /// A package.
    public init(
      _ name: String, version: String = "1", architecture: String = "all", fields: [String] = [],
      files: [(path: String, content: String)] = [], scripts: [(name: String, content: String)] = []
    ) {
      self.name = name
      self.version = version
      self.architecture = architecture
      self.fields = fields
      self.files = files
      self.scripts = scripts
    }
  }

  /// Where it is.
  public let folder: FilePath
  /// The suite's name.
  public let suite: String
  /// The `Date` of its Release file, in seconds since 1970.
  public let date: Int64
  private let releaseFields: [String]
  /// The public key, in armour.
  public var keyring: FilePath { folder.appending("archive-key.asc") }
  /// The archive's root as a `file:` URI.
  public var fileURI: String { "file://\(folder)" }

  /// Builds an archive in a new directory, which is removed with this object.
  ///
  /// - Parameters:
  ///   - isSigned: whether there is an `InRelease`; without one only `Release` is there.
  ///   - date: the `Date` of its Release file, in seconds since 1970.
  ///   - releaseFields: further fields of its Release file, as `Valid-Until: …`; one named as another takes
  ///     its place.
  /// - Throws: `DebianArchiveError` with what a program said.
  public init(
    suite: String = "trixie", packages: [Package], isSigned: Bool = true, date: Int64 = 1_790_000_000,
    releaseFields: [String] = []
  ) throws {
    self.suite = suite
    self.releaseFields = releaseFields
    self.date = date
    folder = FilePath("/tmp").appending(temporaryName("archive"))
    try makeDirectories(folder.appending("pool/main"))
    TemporaryNames.shared.insert(folder)
    _ = folder.withPlatformString { chmod($0, 0o755) }
    for package in packages { try build(package) }
    try index(isSigned: isSigned)
  }

  deinit {
    try? removeTree(folder)
    TemporaryNames.shared.remove(folder)
  }

  private func build(_ package: Package) throws {
    let tree = folder.appending("build").appending("\(package.name)_\(package.version)")
    try makeDirectories(tree.appending("DEBIAN"))
    var control = "Package: \(package.name)\nVersion: \(package.version)\n"
    control += "Architecture: \(package.architecture)\nMaintainer: Test <test@example.org>\n"
    control += "Description: a hand-made package\n"
    for field in package.fields { control += field + "\n" }
    try write(control, to: tree.appending("DEBIAN/control"), 0o644)
    for script in package.scripts {
      try write(script.content, to: tree.appending("DEBIAN").appending(script.name), 0o755)
    }
    for file in package.files {
      let path = tree.pushing(FilePath(file.path))
      try makeDirectories(path.removingLastComponent(), permissions: 0o755)
      try write(file.content, to: path, 0o644)
    }
    let name = "\(package.name)_\(package.version)_\(package.architecture).deb"
    _ = try run(
      "dpkg-deb", package: "dpkg",
      [
        "--root-owner-group", "-Znone", "-b", tree.string,
        folder.appending("pool/main").appending(name).string,
      ],
      ["SOURCE_DATE_EPOCH=\(date)"])
  }

  private func index(isSigned: Bool) throws {
    let architecture = try run("dpkg", package: "dpkg", ["--print-architecture"])
      .split(separator: "\n").joined()
    let dists = folder.appending("dists").appending(suite)
    let place = "main/binary-\(architecture)"
    try makeDirectories(dists.pushing(FilePath(place)))
    let packages = try run("dpkg-scanpackages", package: "dpkg-dev", ["-m", "pool/main"])
    let target = dists.pushing(FilePath(place)).appending("Packages")
    try write(packages, to: target, 0o644)
    _ = try run("gzip", package: "gzip", ["-9nk", target.string])
    // C.UTF-8 keeps English names of days and months.
    let day = try run(
      "date", package: "coreutils", ["-u", "-d", "@\(date)", "+%a, %d %b %Y %H:%M:%S UTC"])
    var release = "Origin: Debian\nLabel: Debian\nSuite: \(suite)\nCodename: \(suite)\n"
    release += "Date: \(day)Architectures: \(architecture)\nComponents: main\n"
    for field in releaseFields {
      let name = field.prefix { $0 != ":" } + ":"
      release = release.split(separator: "\n").filter { !$0.hasPrefix(name) }.joined(separator: "\n")
      release += "\n" + field + "\n"
    }
    release += "SHA256:\n"
    for name in ["Packages", "Packages.gz"] {
      let path = dists.pushing(FilePath(place)).appending(name)
      let sum = try run("sha256sum", package: "coreutils", [path.string]).prefix(64)
      let size = try openFile(path, .read).size()
      release += " \(sum) \(size) \(place)/\(name)\n"
    }
    let file = dists.appending("Release")
    try write(release, to: file, 0o644)
    try sign(file, isSigned: isSigned)
  }

  private func sign(_ file: FilePath, isSigned: Bool) throws {
    let home = folder.appending("gnupg")
    try makeDirectories(home, permissions: 0o700)
    let common = ["--homedir", home.string, "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback"]
    _ = try run(
      "gpg", package: "gpg",
      common + ["--passphrase", "", "--quick-gen-key", "Test <test@example.org>", "ed25519", "sign", "never"])
    let key = try run("gpg", package: "gpg", common + ["--armor", "--export"])
    try write(key, to: keyring, 0o644)
    if isSigned {
      let signed = file.removingLastComponent().appending("InRelease")
      _ = try run(
        "gpg", package: "gpg", common + ["--clearsign", "--output", signed.string, file.string])
      _ = signed.withPlatformString { chmod($0, 0o644) }
    }
    _ = try run("gpgconf", package: "gpgconf", ["--homedir", home.string, "--kill", "all"])
  }

  private func write(_ text: String, to path: FilePath, _ permissions: UInt32) throws {
    let file = try openFile(path, .createNew(permissions))
    try Array(text.utf8).withUnsafeBytes { try file.write($0) }
  }

  private func run(
    _ name: String, package: String, _ arguments: [String], _ extra: [String] = []
  ) throws -> String {
    guard let program = Command.find(name) else {
      throw DebianArchiveError(description: "\(name) is not installed (Debian package \(package))")
    }
    var command = Command(program, arguments)
    command.environment += extra
    command.workingDirectory = folder
    let output = try makeTemporaryFile(in: "/tmp")
    let errors = try makeTemporaryFile(in: "/tmp")
    command.output = .descriptor(output.raw)
    command.errors = .descriptor(errors.raw)
    let status = try command.start().wait()
    func text(_ file: borrowing Descriptor) throws -> String {
      var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
      _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
      return String(decoding: bytes, as: UTF8.self)
    }
    if !status.isSuccess {
      throw DebianArchiveError(description: "\(name) failed: \(try text(errors))")
    }
    return try text(output)
  }
}

/// An archive that could not be built.
public struct DebianArchiveError: Error, CustomStringConvertible, Sendable {
  /// What a program said.
  public let description: String
}
