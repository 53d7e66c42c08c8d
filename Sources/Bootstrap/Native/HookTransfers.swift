import Archive
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
      let isRoot = geteuid() == 0
      // As tar does it: what an ordinary user makes is theirs, without setuid bits of somebody else.
      let permissions = isRoot ? 0o7777 : 0o777 & ~(try currentUmask())
      try receiveTree(data, into: path, isRoot ? .init() : .unprivileged) { $0.mode &= permissions }
    case .tarOut, .download:
      try makeDirectories(path.removingLastComponent(), permissions: 0o777)
      let file = try openFile(path, .createOrOpen(0o666))
      try file.truncate(to: 0)
      try copyBytes(from: data.raw, to: file.raw)
    }
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
