import Debian
import Glibc
import Posix
import SystemPackage

/// What is in a root beside its packages: before them, while scripts run, and after.
struct RootSetup {
  private let root: FilePath
  private let order: RootOrder
  private var mounted: [FilePath] = []
  private var hasPolicy = false
  private var hasDaemonStub = false

  init(root: FilePath, order: RootOrder) {
    self.root = root
    self.order = order
  }

  /// Directories that mmdebstrap makes first.
  private static let directories = [
    "etc/apt/apt.conf.d", "etc/apt/sources.list.d", "etc/apt/preferences.d", "etc/dpkg/dpkg.cfg.d",
    "var/cache/apt/archives/partial", "var/lib/apt/lists/partial", "var/log/apt", "var/lib/dpkg/triggers",
    "var/lib/dpkg/info", "var/lib/dpkg/alternatives", "var/lib/dpkg/updates", "tmp",
  ]

  /// Where apt downloads to, as a user of its own.
  static let privateDirectories = ["var/cache/apt/archives/partial", "var/lib/apt/lists/partial"]

  /// Empty files that apt and dpkg make to lock each other out.
  private static let locks = [
    "var/cache/apt/archives/lock", "var/lib/apt/lists/lock", "var/lib/dpkg/lock",
    "var/lib/dpkg/lock-frontend",
  ]

  /// What is there before the first package: directories and files in order, each directory before what is
  /// in it.
  static func beginning(_ order: RootOrder) -> [RootPart] {
    var parts: [RootPart] = []
    for name in directories { parts.append(RootPart(name, mode: name == "tmp" ? 0o1777 : 0o755)) }
    for name in privateDirectories {
      parts.append(RootPart(name, mode: 0o700))
    }
    for name in locks { parts.append(RootPart(name, mode: 0o640, content: .file([]))) }
    func add(_ path: String, _ text: String) {
      parts.append(RootPart(path, mode: 0o644, content: .file(Array(text.utf8))))
    }
    add("var/lib/dpkg/status", "")
    add("var/lib/dpkg/arch", order.architecture + "\n")
    add("etc/fstab", "# UNCONFIGURED FSTAB FOR BASE SYSTEM\n")
    for file in order.files { parts.append(RootPart(file.path, mode: 0o644, content: .file(file.bytes))) }
    return parts
  }

  /// Makes it.
  func prepare() throws {
    try check(root, 0o755)
    for part in Self.beginning(order) {
      let path = root.pushing(FilePath(part.path))
      switch part.content {
      case .directory:
        try makeDirectories(path, permissions: 0o755)
        try check(path, part.mode)
      case .file(let bytes):
        try makeDirectories(path.removingLastComponent(), permissions: 0o755)
        try writeHostFile(path, bytes, permissions: part.mode)
      }
    }
    // For scripts that ask the network; both go at the end when they are still the same.
    for name in ["resolv.conf", "hostname"] {
      let own = FilePath("/etc").appending(name)
      if fileExists(own) { try writeHostFile(root.appending("etc").appending(name), try readHostFile(own)) }
    }
  }

  /// Merges /usr.
  func merge() throws {
    for (name, target) in Self.mergedLinks(order.architecture) {
      try makeDirectories(root.pushing(FilePath(target)), permissions: 0o755)
      try makeLink(target, at: root.appending(name))
    }
  }

  /// The symlinks of a merged `/usr`. They are in base-files, which may come later than files below them.
  static func mergedLinks(_ architecture: String) -> [(name: String, target: String)] {
    let has64 = ["amd64", "loong64", "mips64el", "ppc64", "ppc64el", "s390x", "x32"].contains(architecture)
    return (["bin", "lib", "sbin"] + (has64 ? ["lib64"] : [])).map { ($0, "usr/" + $0) }
  }

  private func check(_ path: FilePath, _ mode: UInt32) throws(BootstrapError) {
    if path.withPlatformString({ chmod($0, mode) }) != 0 {
      throw .system(PosixError("set the mode of", path.string, Errno(rawValue: errno)))
    }
  }

  private func makeLink(_ target: String, at path: FilePath) throws(BootstrapError) {
    if path.withPlatformString({ symlink(target, $0) }) != 0 {
      throw .system(PosixError("make the symlink", path.string, Errno(rawValue: errno)))
    }
  }

  // MARK: While scripts run

  /// Devices that scripts may want, and that the image has.
  static let devices: [(name: String, major: UInt32, minor: UInt32)] = [
    ("console", 5, 1), ("full", 1, 7), ("null", 1, 3), ("ptmx", 5, 2), ("random", 1, 8), ("tty", 5, 0),
    ("urandom", 1, 9), ("zero", 1, 5),
  ]

  /// Symlinks in `/dev`.
  static let deviceLinks = [
    ("fd", "/proc/self/fd"), ("stderr", "/proc/self/fd/2"), ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
  ]

  /// Mounts /dev, /proc and /sys, and keeps services from being started.
  mutating func mountAll() throws {
    let dev = root.appending("dev")
    try makeDirectories(dev, permissions: 0o755)
    try mount("garboard", at: dev, type: "tmpfs", flags: .noSetuid, data: "mode=755,size=64m")
    mounted.append(dev)
    for (name, target) in Self.deviceLinks { try makeLink(target, at: dev.appending(name)) }
    for name in ["pts", "shm"] { try makeDirectories(dev.appending(name), permissions: 0o755) }
    try check(dev.appending("shm"), 0o1777)
    for device in Self.devices where device.name != "ptmx" {
      let own = FilePath("/dev").appending(device.name)
      if !fileExists(own) { continue }
      try writeHostFile(dev.appending(device.name), [])
      try mount(own.string, at: dev.appending(device.name), flags: .bind)
    }
    try makeLink("pts/ptmx", at: dev.appending("ptmx"))
    try mount(
      "devpts", at: dev.appending("pts"), type: "devpts", flags: [.noSetuid, .noPrograms],
      data: "newinstance,gid=5,mode=620,ptmxmode=666")
    try mountKernel("proc", type: "proc", else: "/proc")
    try mountKernel("sys", type: "sysfs", else: "/sys")
    try forbidServices()
  }

  private mutating func mountKernel(_ name: String, type: String, else other: String) throws {
    let target = root.appending(name)
    try makeDirectories(target, permissions: 0o755)
    var flags: MountFlags = [.noSetuid, .noDevices, .noPrograms]
    // Root's own could change settings of the machine; a user namespace's root can't, and may not mount
    // these so.
    if name == "sys" || !order.isUnshared { flags.insert(.readOnly) }
    do throws(PosixError) {
      try mount(type, at: target, type: type, flags: flags)
    } catch {
      // A user namespace without a network of its own has no sysfs.
      try mount(other, at: target, flags: [.bind, .recursive])
    }
    mounted.append(target)
  }

  private mutating func forbidServices() throws {
    let policy = root.appending("usr/sbin/policy-rc.d")
    if fileExists(root.appending("usr/sbin")) && !fileExists(policy) {
      try writeHostFile(policy, Array("#!/bin/sh\nexit 101\n".utf8), permissions: 0o755)
      hasPolicy = true
    }
    let daemon = root.appending("usr/sbin/start-stop-daemon")
    if fileExists(daemon) {
      try move(daemon, to: FilePath(daemon.string + ".REAL"))
      try writeHostFile(daemon, Self.daemonStub, permissions: 0o755)
      hasDaemonStub = true
    }
  }

  private static let daemonStub = Array(
    "#!/bin/sh\necho \"Warning: Fake start-stop-daemon called, doing nothing\">&2\n".utf8)

  private func move(_ path: FilePath, to other: FilePath) throws(BootstrapError) {
    let result = path.withPlatformString { from in other.withPlatformString { rename(from, $0) } }
    if result != 0 { throw .system(PosixError("rename", path.string, Errno(rawValue: errno))) }
  }

  // MARK: After

  /// Takes away what was there for the scripts.
  func takeAway() throws {
    for target in mounted.reversed() { try unmount(target) }
    if hasPolicy { _ = root.appending("usr/sbin/policy-rc.d").withPlatformString { unlink($0) } }
    if hasDaemonStub {
      let daemon = root.appending("usr/sbin/start-stop-daemon")
      let real = FilePath(daemon.string + ".REAL")
      if fileExists(daemon), try readHostFile(daemon) != Self.daemonStub {
        // A newer dpkg has brought its own.
        _ = real.withPlatformString { unlink($0) }
      } else {
        try move(real, to: daemon)
      }
    }
  }

  /// Takes away what was there for the scripts, and leaves what apt would have left.
  func tidy(_ packages: [NativePackage]) throws {
    try takeAway()
    for name in ["resolv.conf", "hostname"] {
      let copy = root.appending("etc").appending(name)
      let own = FilePath("/etc").appending(name)
      var status = stat()
      guard copy.withPlatformString({ lstat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFREG,
        fileExists(own), try readHostFile(copy) == readHostFile(own)
      else { continue }
      _ = copy.withPlatformString { unlink($0) }
    }
    let identity = root.appending("etc/machine-id")
    if identity.withPlatformString({ unlink($0) }) == 0 { try writeHostFile(identity, []) }
    let user = try aptUser()
    for name in Self.privateDirectories {
      let path = root.pushing(FilePath(name))
      // apt's own packages have them for everybody.
      _ = path.withPlatformString { chmod($0, 0o700) }
      if let user {
        _ = path.withPlatformString { lchown($0, user, 0) }
      }
    }
    // What was there before apt, apt knows nothing of.
    if packages.allSatisfy(\.isEssential) { return }
    let states = AptStates.text(
      packages.filter { $0.isAutomatic && !$0.isEssential }.map(\.control.name), order.architecture)
    let file = root.appending("var/lib/apt/extended_states")
    try makeDirectories(file.removingLastComponent(), permissions: 0o755)
    try writeHostFile(file, states)
  }

  /// The number of the user that apt downloads as, by the root's own passwd.
  private func aptUser() throws(BootstrapError) -> UInt32? {
    let path = root.appending("etc/passwd")
    guard fileExists(path) else { return nil }
    for line in try readHostFile(path).split(separator: 0x0a) {
      let fields = line.split(separator: 0x3a, omittingEmptySubsequences: false)
      if fields.count > 3, fields[0].elementsEqual("_apt".utf8) {
        return UInt32(String(decoding: fields[2], as: UTF8.self))
      }
    }
    return nil
  }
}

/// Something that is in a root without belonging to a package.
struct RootPart: Sendable {
  /// What it is.
  enum Content: Sendable {
    case directory
    case file([UInt8])

    var isDirectory: Bool { if case .directory = self { true } else { false } }
  }

  /// Its path, without a leading slash.
  var path: String
  var mode: UInt32
  /// When its content was last changed, in seconds since 1970; the newest time of the image when nil.
  var seconds: Int64?
  var content: Content

  init(_ path: String, mode: UInt32, content: Content = .directory) {
    self.path = path
    self.mode = mode
    self.content = content
  }
}

/// apt's record of which packages came as dependencies only, `extended_states`.
enum AptStates {
  /// The size of apt's table of names; see `APT::Cache-HashTableSize`.
  private static let tableSize: UInt32 = 196_613

  /// The file's text, in the order in which apt walks its table.
  static func text(_ names: [String], _ architecture: String) -> [UInt8] {
    let sorted = names.map { (hash($0), $0) }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
    var text = ""
    for (_, name) in sorted {
      text += "Package: \(name)\nArchitecture: \(architecture)\nAuto-Installed: 1\n\n"
    }
    return Array(text.utf8)
  }

  /// The file's text when `names` are added to what it says already, and `requested` ones are no more automatic.
  static func text(
    _ before: [UInt8], adding names: [String], requested: Set<String>, _ architecture: String
  ) throws -> [UInt8] {
    var text: [UInt8] = []
    var known: Set<String> = []
    for paragraph in BasePackages.paragraphs(before) {
      try BasePackages.fields(paragraph, ["Package"], "extended_states") { values in
        known.insert(values[0])
        if requested.contains(values[0]) { return }
        text += paragraph
        if text.last != 0x0a { text.append(0x0a) }
        text.append(0x0a)
      }
    }
    return text + self.text(names.filter { !known.contains($0) }, architecture)
  }

  private static func hash(_ name: String) -> UInt32 {
    name.utf8.reduce(5381 as UInt32) { $0 &* 33 &+ UInt32($1) } % tableSize
  }
}
