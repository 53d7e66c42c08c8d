import Archive
import Glibc
import Posix
import Rootfs
import SystemPackage

/// The process that makes a root directory: this program again, first in namespaces of its own, with the
/// order on standard input and the tree as a tar on standard output.
///
/// What it mounts vanishes with it, and so do all processes that scripts have started.
public enum RootProcess {
  /// The argument that tells this process apart; no user gives it.
  public static let argument = "--root-process"

  /// Whether this is that process.
  public static var isThisProcess: Bool {
    CommandLine.arguments.count == 2 && CommandLine.arguments[1] == argument
  }

  /// Does the work, and gives the exit status.
  public static func main() -> Int32 {
    let log = RootLog()
    do {
      let bytes = try readAll(0, name: "the order", limit: 256 << 20)
      guard let order = RootOrder(encoded: bytes) else {
        log.error("not an order for this program")
        return 1
      }
      if order.removes {
        try removeTree(FilePath(order.root).appending("tree"))
        return 0
      }
      if order.base >= 0 {
        try RootAddition(order, log: log).run(writingTo: 1)
        return 0
      }
      let build = RootBuild(order, log: log)
      try build.run()
      try RootTar(root: build.root, epoch: order.epoch).write(to: 1)
      return 0
    } catch {
      log.error(String(describing: error))
      return 1
    }
  }
}

/// A finished root as a tar, with the devices that mmdebstrap gives every image.
struct RootTar {
  let root: FilePath
  let epoch: Int64

  func write(to raw: Int32) throws {
    let output = BufferedOutput(raw)
    let writer = TarWriter { try output.add($0) }
    var options = DirectoryScan.Options()
    options.oneFileSystem = true
    let dev = try EntryPath("dev")
    options.enters = { $0 != dev }
    let scan = try DirectoryScan(root, options: options)
    let normaliser = Normaliser.native(epoch: epoch)
    let entries = NormalisedEntries(scan, normaliser)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
    defer { buffer.deallocate() }
    var hasDevices = false
    while let entry = try entries.next() {
      if entry.path == dev { continue }
      if !hasDevices, dev < entry.path {
        hasDevices = true
        for device in try Self.devices(epoch) { try writer.add(device) }
      }
      try writer.add(entry, dataOf: entries, buffer)
    }
    try writer.finish()
    try output.flush()
  }

  /// `dev` and what is in it.
  static func devices(_ epoch: Int64) throws -> [Entry] {
    func entry(_ name: String, _ kind: EntryKind, _ mode: UInt16) throws -> Entry {
      var entry = Entry(try EntryPath(name.isEmpty ? "dev" : "dev/" + name), kind, mode: mode)
      entry.modified = Timestamp(seconds: epoch)
      return entry
    }
    var entries = try ["", "pts", "shm"].map { try entry($0, .directory, 0o755) }
    for device in RootSetup.devices {
      var made = try entry(device.name, .characterDevice, 0o666)
      made.deviceMajor = device.major
      made.deviceMinor = device.minor
      entries.append(made)
    }
    for (name, target) in RootSetup.deviceLinks {
      var made = try entry(name, .symlink, 0o777)
      made.linkTarget = Array(target.utf8)
      entries.append(made)
    }
    return entries.sorted { $0.path < $1.path }
  }
}

/// Writes to a descriptor in large pieces.
final class BufferedOutput {
  private let raw: Int32
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
  private var count = 0

  init(_ raw: Int32) { self.raw = raw }

  deinit { buffer.deallocate() }

  func add(_ bytes: UnsafeRawBufferPointer) throws {
    if bytes.count > buffer.count - count { try flush() }
    if bytes.count >= buffer.count {
      try writeAll(raw, bytes)
      return
    }
    UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyMemory(from: bytes)
    count += bytes.count
  }

  func flush() throws {
    try writeAll(raw, UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    count = 0
  }
}
