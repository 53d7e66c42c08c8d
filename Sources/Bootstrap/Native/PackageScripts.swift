import Archive
import Glibc
import Posix
import SystemPackage

/// Runs what packages bring: preinst scripts by hand, all others by the root's own dpkg.
struct PackageScripts {
  private let root: FilePath
  private let order: RootOrder
  let log: RootLog

  init(root: FilePath, order: RootOrder, log: RootLog) {
    self.root = root
    self.order = order
    self.log = log
  }

  /// The environment that mmdebstrap gives: debconf asks nothing, one locale, and the date.
  var environment: [String] {
    engineEnvironment(temporary: "/tmp", epoch: order.epoch).filter { !$0.hasPrefix("TMPDIR=") }
      + [
        "DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true", "LANGUAGE=C.UTF-8",
        "LANG=C.UTF-8",
      ]
  }

  /// Configures packages, by the names that `info` has for them; all that are not yet when nil.
  ///
  /// - Parameter forced: whether dependencies don't matter, as for the first packages, which need each
  ///   other.
  func configure(_ names: [String]?, forced: Bool) throws {
    if let names, names.isEmpty { return }
    var arguments = ["--force-unsafe-io"]
    if forced { arguments.append("--force-depends") }
    arguments += ["--configure"] + (names ?? ["--pending"])
    try runInside("/usr/bin/dpkg", arguments, extra: []) { status in
      Self.failure(in: log.lastLines, status)
    }
  }

  /// What dpkg says of the first package that failed: "… installed NAME package post-installation script
  /// subprocess returned error exit status 1".
  static func failure(in lines: [String], _ status: ChildProcess.Status) -> ScriptFailure {
    let mark = "dpkg: error processing package "
    guard let index = lines.firstIndex(where: { $0.hasPrefix(mark) }) else {
      return ScriptFailure(what: "dpkg --configure", status: status)
    }
    let name = lines[index].dropFirst(mark.count).prefix { $0 != " " }
    var what = "configuring \(name)"
    if index + 1 < lines.count { what += ":" + lines[index + 1] + ":" }
    return ScriptFailure(what: what, status: status)
  }

  /// Runs a package's preinst, where it has one, as dpkg does for a package that was never there.
  ///
  /// - Parameter isUnpacked: whether its files are in `info` already.
  func preinst(_ package: NativePackage, isUnpacked: Bool) throws {
    let control = package.control
    guard control.file("preinst") != nil else { return }
    // dpkg has them here at that time, and debconf looks for the templates beside the script.
    let folder = root.appending("var/lib/dpkg/tmp.ci")
    try removeTree(folder)
    try makeDirectories(folder, permissions: 0o755)
    for file in control.files {
      try writeHostFile(
        folder.appending(String(decoding: file.name, as: UTF8.self)), file.bytes,
        permissions: UInt32(file.mode))
    }
    try writeHostFile(folder.appending("control"), control.control + [0x0a])
    let extra = [
      "DPKG_MAINTSCRIPT_PACKAGE=" + control.name, "DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1",
      "DPKG_MAINTSCRIPT_ARCH=" + control.architecture, "DPKG_MAINTSCRIPT_NAME=preinst",
      "DPKG_MAINTSCRIPT_DEBUG=0", "DPKG_ROOT=", "DPKG_ADMINDIR=/var/lib/dpkg",
      "DPKG_RUNNING_VERSION=" + dpkgVersion,
    ]
    try runInside("/var/lib/dpkg/tmp.ci/preinst", ["install"], extra: extra) { status in
      ScriptFailure(what: "the preinst script of \(control.name)", status: status)
    }
    try removeTree(folder)
  }

  /// What programs are told besides.
  var additions: [String] = []

  /// The version of the root's dpkg, which scripts are told.
  var dpkgVersion = "1.22.0"

  func runInside(
    _ program: FilePath, _ arguments: [String], extra: [String], inheriting descriptors: [Int32] = [],
    _ failure: (ChildProcess.Status) -> ScriptFailure
  ) throws {
    var command = Command(program, arguments)
    command.root = root
    command.inherited = descriptors
    command.workingDirectory = "/"
    command.environment = environment + additions + extra
    let status = try log.run(command)
    if !status.isSuccess { throw failure(status) }
  }
}
