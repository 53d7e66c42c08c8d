import Archive
import Glibc
import Posix
import Rootfs
import SystemPackage

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
      let place: HookPlace
      do {
        // Before anything is asked for: what is outside stays as it is when there is nothing here.
        place = try HookPlace(transfer, in: root)
      } catch {
        close(data)
        throw HookFailure(hook.kind, "\(error)")
      }
      try [UInt8(1)].withUnsafeBytes { try writeAll(requests, $0) }
      var failure: (any Error)?
      do {
        // In a thread of its own, where a pipe that nobody reads is an error and no signal.
        let worker = Worker { try place.run(Descriptor(owning: data)) }
        try worker.join()
      } catch {
        failure = error
      }
      let answer = try Self.answer(answers)
      // The side that gives the data knows best; what came after it on the other had no chance.
      if let failure, !transfer.kind.isInward, (failure as? PosixError)?.errno != .brokenPipe {
        throw HookFailure(hook.kind, "\(failure)")
      }
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
}

/// What a hook reads or writes in the root, found and opened.
private final class HookPlace: Sendable {
  private let kind: SpecialHook.Kind
  /// The root for what goes into a directory of it; else the file or directory that is read or written.
  private let file: Descriptor
  /// Where in the root that directory is.
  private let directory: EntryPath
  /// The one name that is read in it; nil for all.
  private let name: [UInt8]?

  init(_ transfer: HookTransfers.Transfer, in rootPath: FilePath) throws {
    kind = transfer.kind
    let root = try openFile(rootPath, .directory)
    let path = try RootPath.resolve(
      Array((kind.isInward ? transfer.target : transfer.source).utf8), in: root.raw)
    let shown = "/" + displayed(path)
    var directory = EntryPath.root
    var name: [UInt8]?
    switch kind {
    case .copyIn, .syncIn, .tarIn:
      _ = try openDirectory(inRoot: root.raw, path, shown: shown)
      directory = try EntryPath(normalising: path)
      file = root
    case .upload:
      file = try createFile(inRoot: root.raw, path, permissions: 0o644, shown: shown)
    case .download:
      file = try openFile(inRoot: root.raw, path, shown: shown)
      guard try file.isRegularFile() else { throw PosixError("read", shown, .invalidArgument) }
    case .copyOut, .tarOut:
      // Of the root itself there is no name: what it holds.
      let slash = path.lastIndex(of: 0x2f)
      let last = slash.map { Array(path[($0 + 1)...]) } ?? path
      file = try openDirectory(inRoot: root.raw, slash.map { Array(path[..<$0]) } ?? [], shown: shown)
      if !last.isEmpty {
        name = last
        if try Relative(file.raw).status(of: last, shown: shown) == nil {
          throw PosixError("read", shown, .noSuchFileOrDirectory)
        }
      }
    case .syncOut: file = try openDirectory(inRoot: root.raw, path, shown: shown)
    }
    self.directory = directory
    self.name = name
  }

  func run(_ data: consuming Descriptor) throws {
    switch kind {
    case .copyIn, .syncIn, .tarIn:
      let places = RootPlaces(file.raw, directory)
      let raw = data.release()
      try within(file.raw) { try receiveTree(Descriptor(owning: raw), into: ".", .init(), places.move) }
    case .upload: try copyBytes(from: data.raw, to: file.raw)
    case .download: try copyBytes(from: file.raw, to: data.raw)
    case .copyOut, .tarOut, .syncOut:
      let raw = data.raw
      try within(file.raw) { try sendTree(".", only: name, to: raw) }
    }
  }

  /// Runs `body` in a directory, and goes back.
  private func within(_ directory: Int32, _ body: () throws -> Void) throws {
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
