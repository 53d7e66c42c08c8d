import Archive
import Debian
import Glibc
import Posix
import Rootfs
import SystemPackage

/// Adds packages to the tree of an image, as an order says: the tree's own dpkg unpacks and configures them, as
/// apt has it do. What has changed in the tree then leaves as the entries of a layer.
final class RootAddition {
  private let order: RootOrder
  private let root: FilePath
  private let log: RootLog
  private var scripts: PackageScripts
  /// Files that are here for scripts alone.
  private var lent: [(path: FilePath, bytes: [UInt8])] = []

  init(_ order: RootOrder, log: RootLog) {
    self.order = order
    self.log = log
    root = order.storage == .disk ? FilePath(order.root).appending("tree") : FilePath(order.root)
    scripts = PackageScripts(root: root, order: order, log: log)
    // As apt tells dpkg, which leaves the lock of its callers alone then.
    scripts.additions = ["DPKG_FRONTEND_LOCKED=true"]
  }

  /// Does it, and writes a tar of what has changed to a descriptor.
  func run(writingTo output: Int32) throws {
    clearUmask()
    log.phase("unpacking the base")
    if order.storage == .memory {
      try mount("garboard", at: root, type: "tmpfs", data: "mode=755,size=100%,nr_inodes=0")
    } else {
      try makeDirectories(root, permissions: 0o755)
    }
    try unpackBase()
    log.phase("reading packages")
    let packages = try NativePackage.open(order.packages, jobs: Int(order.jobs))
    // A change in the same tick of the clock would look like none.
    usleep(20_000)
    let before = try TreeSnapshot(root)
    let hooks = RootBuild(order, log: log)
    try addConfiguration()
    try hooks.hooks(order.setupHooks, "setup")
    var setup = RootSetup(root: root, order: order)
    try setup.mountAll()
    try lendFiles()
    try install(packages)
    try hooks.hooks(order.customizeHooks, "customize")
    log.phase("packing")
    // Whatever a script has started: this process is the first of its namespace, and all others are theirs.
    if getpid() == 1 { kill(-1, SIGKILL) }
    try setup.takeAway()
    for file in lent where fileExists(file.path) {
      if try readHostFile(file.path) == file.bytes { _ = file.path.withPlatformString { unlink($0) } }
    }
    try markAutomatic(packages)
    try TreeDifference(root: root, since: before, epoch: order.epoch).write(to: output)
  }

  private func unpackBase() throws {
    let source = TarReader(DescriptorSource(Descriptor(owning: order.base), name: "the base"))
    var options = Unpacker.Options()
    // What a user namespace may not have stays as it is in the layers below.
    options.skipsForbidden = order.isUnshared
    let unpacker = try Unpacker(into: root, options: options)
    while let entry = try source.next() {
      if order.isUnshared, entry.kind == .characterDevice || entry.kind == .blockDevice { continue }
      try unpacker.add(entry) { try source.read(into: $0) }
    }
    try unpacker.finish()
    try source.drain()
  }

  /// Adds the lines of the request to apt's and dpkg's configuration.
  private func addConfiguration() throws {
    for file in order.files {
      let path = root.pushing(FilePath(file.path))
      try makeDirectories(path.removingLastComponent(), permissions: 0o755)
      let known = fileExists(path) ? try readHostFile(path) : []
      let lines = Set(known.split(separator: 0x0a))
      var text = known
      if let last = text.last, last != 0x0a { text.append(0x0a) }
      for line in file.bytes.split(separator: 0x0a) where !lines.contains(line) { text += line + [0x0a] }
      if text == known { continue }
      _ = path.withPlatformString { unlink($0) }
      try writeHostFile(path, text)
    }
  }

  /// The machine's `resolv.conf` and `hostname`, for scripts that ask the network, where the base has none.
  private func lendFiles() throws {
    for name in ["resolv.conf", "hostname"] {
      let own = FilePath("/etc").appending(name)
      let copy = root.appending("etc").appending(name)
      var status = stat()
      if !fileExists(own) || copy.withPlatformString({ lstat($0, &status) }) == 0 { continue }
      guard fileExists(root.appending("etc")) else { continue }
      let bytes = try readHostFile(own)
      try writeHostFile(copy, bytes)
      lent.append((copy, bytes))
    }
  }

  // MARK: Packages

  private func install(_ packages: [NativePackage]) throws {
    if packages.isEmpty { return }
    // Where dpkg sees them: descriptors that it inherits, by names that say what they are.
    let folder = root.appending("dev").appending("packages")
    try makeDirectories(folder, permissions: 0o755)
    for package in packages {
      let link = folder.appending(Self.fileName(package))
      if link.withPlatformString({ symlink("/proc/self/fd/\(package.raw)", $0) }) != 0 {
        throw PosixError("make the symlink", link.string, Errno(rawValue: errno))
      }
    }
    let rounds = ConfigureRounds.rounds(
      of: packages.map(\.control), after: try installed(besides: packages))
    for round in rounds {
      log.phase("unpacking packages")
      let now = round.unpacked.map { packages[$0] }
      try scripts.unpack(
        now.map { FilePath("/dev/packages").appending(Self.fileName($0)) }, inheriting: now.map(\.raw))
      if !round.configured.isEmpty {
        try scripts.configure(round.configured.map { packages[$0].control.infoName }, forced: false)
      }
    }
    log.phase("configuring packages")
    try scripts.configure(nil, forced: false)
  }

  private static func fileName(_ package: NativePackage) -> String {
    let version = package.control.version.replacing(":", with: "%3a")
    return "\(package.control.name)_\(version)_\(package.control.architecture).deb"
  }

  /// The packages that stay as they are.
  private func installed(besides packages: [NativePackage]) throws -> [PackageControl] {
    let new = Set(packages.map(\.control.name))
    var installed: [PackageControl] = []
    for paragraph in BasePackages.paragraphs(try DpkgDatabase(root: root).read("status")) {
      try BasePackages.fields(paragraph, ["Package", "Status"], "status") { values in
        if !values[1].hasSuffix(" installed") || new.contains(values[0]) { return }
        installed.append(try PackageControl(installed: Array(paragraph)))
      }
    }
    return installed
  }

  /// What apt notes of packages that nobody has asked for.
  private func markAutomatic(_ packages: [NativePackage]) throws {
    let path = root.appending("var/lib/apt/extended_states")
    guard fileExists(root.appending("var/lib/apt")) else { return }
    let before = fileExists(path) ? try readHostFile(path) : []
    // As apt-get install: what gets a newer version at the same time stays automatic.
    let requested = Set(order.requested).subtracting(packages.map(\.control.name))
    let text = try AptStates.text(
      before, adding: packages.filter(\.isAutomatic).map(\.control.name), requested: requested,
      order.architecture)
    if text == before { return }
    _ = path.withPlatformString { unlink($0) }
    try writeHostFile(path, text)
  }
}

extension PackageScripts {
  /// Has the root's own dpkg unpack packages, as apt has it do.
  ///
  /// - Parameter descriptors: what the names of the files lead to.
  func unpack(_ files: [FilePath], inheriting descriptors: [Int32]) throws {
    if files.isEmpty { return }
    try runInside(
      "/usr/bin/dpkg",
      ["--force-unsafe-io", "--no-triggers", "--unpack", "--auto-deconfigure"] + files.map(\.string),
      extra: [],
      inheriting: descriptors
    ) { status in
      let lines = log.lastLines
      let mark = "dpkg: error processing archive "
      guard let index = lines.firstIndex(where: { $0.hasPrefix(mark) }) else {
        return ScriptFailure(what: "dpkg --unpack", status: status)
      }
      let path = lines[index].dropFirst(mark.count).prefix { $0 != " " }
      var what = "unpacking \(path.split(separator: "/").last ?? path)"
      if index + 1 < lines.count { what += ":" + lines[index + 1] + ":" }
      return ScriptFailure(what: what, status: status)
    }
  }
}
