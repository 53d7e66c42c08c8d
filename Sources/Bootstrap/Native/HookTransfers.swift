import Archive
import Codec
import Glibc
import Posix
import Rootfs
import SystemPackage

/// The two sides of special hooks. The process that makes the root does what is inside; what is outside is
/// done by the process that started it, with the user's own rights and paths.
///
/// For each transfer there is a pipe. A byte asks for the next one, in the order in which the hooks run; the
/// answer, after the data, is the length of an error's text and the text.
struct HookTransfers {
  /// One source of a hook, and where it goes.
  struct Transfer: Sendable {
    var kind: SpecialHook.Kind
    var source: String
    var target: String
  }

  /// What hooks do, one after the other.
  static func list(_ hooks: [SpecialHook]) -> [Transfer] {
    hooks.flatMap { hook in
      hook.sources.map { Transfer(kind: hook.kind, source: $0, target: hook.target) }
    }
  }
}

/// The side outside.
final class HookOutside {
  private let transfers: [HookTransfers.Transfer]
  /// The ends of this process: where requests come from, where answers go, and one for each transfer.
  private var own: [Int32] = []
  /// The ends of the other process, in the same order.
  private(set) var others: [Int32] = []
  private var worker: Worker?

  /// Makes the pipes.
  init(_ hooks: [SpecialHook]) throws(PosixError) {
    transfers = HookTransfers.list(hooks)
    if transfers.isEmpty { return }
    for isOurInput in [true, false] + transfers.map({ !$0.kind.isInward }) {
      var pipe = try Pipe()
      // Away from the numbers of the standard streams.
      let reader = try pipe.takeReader().duplicate().release()
      let writer = try pipe.takeWriter().duplicate().release()
      own.append(isOurInput ? reader : writer)
      others.append(isOurInput ? writer : reader)
    }
  }

  deinit {
    closeOthers()
    if worker == nil { own.forEach { close($0) } }
  }

  private func closeOthers() {
    others.forEach { close($0) }
    others = []
  }

  /// Serves the process that was just started and has the other ends.
  func start() {
    closeOthers()
    if transfers.isEmpty { return }
    worker = Worker { [transfers, own] in
      var open = own
      defer { open.forEach { close($0) } }
      let (requests, answers) = (open[0], open[1])
      for transfer in transfers {
        var byte: UInt8 = 0
        let count = try withUnsafeMutableBytes(of: &byte) { try readSome(requests, into: $0) }
        if count == 0 { return }
        let data = Descriptor(owning: open.remove(at: 2))
        var text: [UInt8] = []
        do {
          try Self.run(transfer, data)
        } catch let error as PosixError where error.errno == .brokenPipe {
          // The other side reads no more, and knows why.
        } catch {
          text = Array("\(error)".utf8)
        }
        var answer = withUnsafeBytes(of: UInt32(text.count)) { Array($0) }
        answer += text
        try answer.withUnsafeBytes { try writeAll(answers, $0) }
      }
    }
  }

  private static func run(_ transfer: HookTransfers.Transfer, _ data: consuming Descriptor) throws {
    let path = absolutePath(FilePath(transfer.kind.isInward ? transfer.source : transfer.target))
    var status = stat()
    if transfer.kind.isInward, path.withPlatformString({ lstat($0, &status) }) != 0 {
      throw PosixError("read", path.string, Errno(rawValue: errno))
    }
    switch transfer.kind {
    case .copyIn:
      guard let name = path.lastComponent else { throw PosixError("copy", path.string, .invalidArgument) }
      try sendTree(path.removingLastComponent(), only: Array(name.string.utf8), to: data.raw)
    case .syncIn: try sendTree(path, only: nil, to: data.raw)
    case .tarIn, .upload:
      let file = try openFile(path, .read)
      try copyBytes(from: file.raw, to: data.raw)
    case .copyOut, .syncOut:
      try makeDirectories(path, permissions: 0o777)
      try receiveTree(data, into: path, geteuid() == 0 ? .init() : .unprivileged)
    case .tarOut, .download:
      try makeDirectories(path.removingLastComponent(), permissions: 0o777)
      let file = try openFile(path, .createOrOpen(0o666))
      try file.truncate(to: 0)
      try copyBytes(from: data.raw, to: file.raw)
    }
  }
}

/// The side inside.
final class HookInside {
  private let root: FilePath
  /// Requests, answers, then the transfers that are still to come.
  private var ends: [Int32]

  init(root: FilePath, ends: [Int32]) {
    self.root = root
    self.ends = ends
  }

  /// Runs the next hook in order.
  func run(_ hook: SpecialHook) throws {
    for transfer in HookTransfers.list([hook]) {
      guard ends.count > 2 else { throw HookFailure(hook.kind, "it was not announced") }
      let data = ends.remove(at: 2)
      let (requests, answers) = (ends[0], ends[1])
      try [UInt8(1)].withUnsafeBytes { try writeAll(requests, $0) }
      var failure: (any Error)?
      do {
        // In a thread of its own, where a pipe that nobody reads is an error and no signal.
        let worker = Worker { [root] in try Self.run(transfer, Descriptor(owning: data), root) }
        try worker.join()
      } catch {
        failure = error
      }
      // Its reason is the better one: what came after it here had no chance.
      let answer = try Self.answer(answers)
      if !answer.isEmpty { throw HookFailure(hook.kind, answer) }
      if let failure { throw HookFailure(hook.kind, "\(failure)") }
    }
  }

  private static func answer(_ raw: Int32) throws -> String {
    func read(_ count: Int) throws -> [UInt8]? {
      var bytes = [UInt8](repeating: 0, count: count)
      var done = 0
      while done < count {
        let more = try bytes.withUnsafeMutableBytes { bytes in
          try readSome(raw, into: UnsafeMutableRawBufferPointer(rebasing: bytes[done...]))
        }
        if more == 0 { return nil }
        done += more
      }
      return bytes
    }
    guard let size = try read(4)?.withUnsafeBytes({ $0.loadUnaligned(as: UInt32.self) }),
      let text = try read(Int(min(size, 1 << 16)))
    else { return "the process outside has ended" }
    return String(decoding: text, as: UTF8.self)
  }

  private static func run(
    _ transfer: HookTransfers.Transfer, _ data: consuming Descriptor, _ root: FilePath
  ) throws {
    let directory = try openFile(root, .directory)
    let given = transfer.kind.isInward ? transfer.target : transfer.source
    let path = try RootPath.resolve(given, in: directory.raw)
    let shown = "/" + displayed(path)
    switch transfer.kind {
    case .copyIn, .syncIn, .tarIn:
      let target = try openDirectory(inRoot: directory.raw, path, shown: shown)
      let raw = data.release()
      try within(target.raw) { try receiveTree(Descriptor(owning: raw), into: ".", .init()) }
    case .upload:
      let file = try createFile(inRoot: directory.raw, path, permissions: 0o644, shown: shown)
      try copyBytes(from: data.raw, to: file.raw)
    case .download:
      let file = try openFile(inRoot: directory.raw, path, shown: shown)
      guard try file.isRegularFile() else { throw PosixError("read", shown, .invalidArgument) }
      try copyBytes(from: file.raw, to: data.raw)
    case .copyOut, .tarOut:
      let raw = data.raw
      // Of the root itself there is no name: what it holds.
      let slash = path.lastIndex(of: 0x2f)
      let parent = slash.map { Array(path[..<$0]) } ?? []
      let name = slash.map { Array(path[($0 + 1)...]) } ?? path
      let source = try openDirectory(inRoot: directory.raw, parent, shown: shown)
      try within(source.raw) { try sendTree(".", only: name.isEmpty ? nil : name, to: raw) }
    case .syncOut:
      let raw = data.raw
      let source = try openDirectory(inRoot: directory.raw, path, shown: shown)
      try within(source.raw) { try sendTree(".", only: nil, to: raw) }
    }
  }

  /// Runs `body` in a directory, and goes back.
  private static func within(_ directory: Int32, _ body: () throws -> Void) throws {
    let before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer {
      if before >= 0 {
        _ = fchdir(before)
        close(before)
      }
    }
    if fchdir(directory) != 0 { throw PosixError("go into", "a directory", Errno(rawValue: errno)) }
    try body()
  }
}

/// Paths in a root.
enum RootPath {
  /// A path without symlinks in it, as chroot(2) would lead to it: without its leading slash.
  static func resolve(_ path: String, in root: Int32) throws(PosixError) -> [UInt8] {
    var rest = path.utf8.split(separator: 0x2f).reversed().map(Array.init)
    var result: [[UInt8]] = []
    var links = 0
    while let part = rest.popLast() {
      if part == [0x2e] { continue }
      if part == [0x2e, 0x2e] {
        _ = result.popLast()
        continue
      }
      let folder = Array(result.joined(separator: [0x2f]))
      let parent: Descriptor
      do throws(PosixError) {
        parent = try openDirectory(inRoot: root, folder, shown: "/" + displayed(folder))
      } catch {
        if error.errno != .noSuchFileOrDirectory { throw error }
        result.append(part)
        continue
      }
      let relative = Relative(parent.raw)
      let shown = "/" + displayed(folder + [0x2f] + part)
      guard try relative.status(of: part, shown: shown)?.kind == .symlink else {
        result.append(part)
        continue
      }
      links += 1
      if links > 40 { throw PosixError("follow", shown, .tooManySymbolicLinkLevels) }
      let target = try relative.linkTarget(of: part, shown: shown)
      if target.first == 0x2f { result = [] }
      rest += target.split(separator: 0x2f).reversed().map(Array.init)
    }
    return Array(result.joined(separator: [0x2f]))
  }
}

/// A special hook that could not be done.
struct HookFailure: Error, CustomStringConvertible {
  let kind: SpecialHook.Kind
  let reason: String

  init(_ kind: SpecialHook.Kind, _ reason: String) {
    self.kind = kind
    self.reason = reason
  }

  var description: String { "the hook \(kind.rawValue) failed: \(reason)" }
}

// MARK: Data

/// Writes a directory, or the one name in it, as a tar.
private func sendTree(_ directory: FilePath, only: [UInt8]?, to raw: Int32) throws {
  var options = DirectoryScan.Options()
  options.only = only
  let scan = try DirectoryScan(directory, options: options)
  let output = BufferedOutput(raw)
  let writer = TarWriter { try output.add($0) }
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
  defer { buffer.deallocate() }
  while let entry = try scan.next() {
    if entry.path.isRoot, only != nil { continue }
    try writer.add(entry, dataOf: scan, buffer)
  }
  try writer.finish()
  try output.flush()
}

/// Unpacks a tar, compressed or not.
private func receiveTree(
  _ data: borrowing Descriptor, into directory: FilePath, _ options: Unpacker.Options
) throws {
  let source = DescriptorSource(try data.duplicate(), name: "the archive")
  let reader = TarReader(try Decompressor(source, limits: debLimits, threaded: false))
  let unpacker = try Unpacker(into: directory, options: options)
  while let entry = try reader.next() {
    try unpacker.add(entry) { try reader.read(into: $0) }
  }
  try reader.drain()
  try unpacker.finish()
}

private func copyBytes(from source: Int32, to target: Int32) throws {
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
  defer { buffer.deallocate() }
  while true {
    let count = try readSome(source, into: buffer)
    if count == 0 { return }
    try writeAll(target, UnsafeRawBufferPointer(rebasing: buffer[..<count]))
  }
}
